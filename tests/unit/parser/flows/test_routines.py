"""Routines: endless loops that are started beside each other."""

from tests.unit.parser.compiled import flows

AGENT = """
import asyncio
import threading

class Agent:
    def __init__(self):
        self.running = True
        self.plan = "Answer all"
        self.notes = []
        self.events = asyncio.Queue()
        self.said = asyncio.Queue()
"""

START = """
    async def start(self):
        self.tasks = [
            asyncio.create_task(self.work()),
            asyncio.create_task(self.think()),
        ]
"""


def test_what_a_routine_leaves_in_an_attribute_reaches_another_in_a_later_turn() -> None:
    found = flows(
        AGENT
        + """
    async def work(self):
        while self.running:
            print(ask(f"Answer by {self.plan} now"))

    async def think(self):
        while self.running:
            self.plan = ask("Plan the day")
"""
        + START
    )
    assert found == {"think > work, later"}


def test_threads_with_endless_loops_are_routines() -> None:
    found = flows(
        AGENT
        + """
    def work(self):
        while True:
            print(ask(f"Answer by {self.plan} now"))

    def think(self):
        while not self.stopped.is_set():
            self.plan = ask("Plan the day")

    def start(self):
        threading.Thread(target=self.think).start()
        threading.Thread(target=self.work).start()
"""
    )
    assert found == {"think > work, later"}


def test_what_is_put_into_a_queue_reaches_a_routine_in_its_turn() -> None:
    found = flows(
        AGENT
        + """
    async def work(self):
        while self.running:
            await self.said.put(ask("Say something"))

    async def think(self):
        while self.running:
            print(ask(f"Think about {await self.said.get()} well"))
"""
        + START
    )
    assert found == {"work > think"}


def test_what_left_a_routine_by_a_queue_comes_back_in_a_later_turn() -> None:
    found = flows(
        AGENT
        + """
    async def work(self):
        while self.running:
            await self.said.put(ask("Open a talk"))
            print(self.add())

    def add(self):
        return ask(f"Go on after {self.notes} please")

    async def think(self):
        while self.running:
            await asyncio.sleep(9)
"""
        + START
        + """
    async def hear(self):
        self.notes.append(await self.said.get())

async def main():
    agent = Agent()
    await agent.start()
    while True:
        await agent.hear()

asyncio.run(main())
"""
    )
    assert found == {"work > add, later"}


def test_what_is_asked_between_the_starts_of_routines_reaches_them_in_the_same_turn() -> None:
    found = flows(
        AGENT
        + """
    async def work(self):
        while self.running:
            print(ask(f"Answer {await self.events.get()} now"))

    async def think(self):
        while self.running:
            await asyncio.sleep(9)
"""
        + START
        + """
async def main():
    for name in names():
        agent = Agent()
        await agent.start()
        await agent.events.put(ask("Make up a question"))

asyncio.run(main())
"""
    )
    assert found == {"main > work"}


def test_started_functions_that_end_are_no_routines() -> None:
    found = flows(
        AGENT
        + """
    async def think(self):
        self.plan = ask("Plan the day")

    async def work(self):
        print(ask(f"Answer by {self.plan} now"))

    async def start(self):
        await asyncio.gather(self.think(), self.work())
"""
    )
    assert found == {"think > work"}
