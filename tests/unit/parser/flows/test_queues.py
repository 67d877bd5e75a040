"""Answers that one task puts into a queue and another takes out."""

import pytest

from tests.unit.parser.compiled import flows

WORKERS = """
import {module} as queues

def plan(tasks):
    for step in ask("Plan").splitlines():
        tasks.put(step)

def work(tasks, results):
    while not tasks.empty():
        task = tasks.get()
        results.put((task, ask(f"Do {{task}} now")))

def report(results):
    parts = [results.get() for _ in range(3)]
    print(ask(f"Report on {{parts}}"))

def main():
    tasks, results = queues.Queue(), queues.Queue()
    {start}
    report(results)

main()
"""


@pytest.mark.parametrize("module", ["queue", "multiprocessing", "asyncio"])
def test_what_is_put_into_a_queue_reaches_who_takes_it_out(module: str) -> None:
    start = "plan(tasks); work(tasks, results)"
    found = flows(WORKERS.format(module=module, start=start))
    assert found == {"plan > work", "work > report", "plan > report"}


def test_a_reader_may_be_started_before_the_writer() -> None:
    start = "work(tasks, results); plan(tasks)"
    found = flows(WORKERS.format(module="queue", start=start))
    assert found == {"plan > work", "work > report", "plan > report"}


@pytest.mark.parametrize(
    "started",
    [
        "threading.Thread(target=work, args=(tasks, results))",
        "multiprocessing.Process(target=work, kwargs={'tasks': tasks, 'results': results})",
    ],
)
def test_threads_and_processes_are_given_what_their_arguments_hold(started: str) -> None:
    source = "import threading, multiprocessing\n" + WORKERS
    found = flows(source.format(module="queue", start=f"{started}; plan(tasks)").replace("{{", "{"))
    assert {"plan > work", "work > report"} <= found


def test_queues_of_an_object_go_between_its_methods() -> None:
    found = flows("""
        import asyncio

        class Newsroom:
            def __init__(self):
                self.drafts = asyncio.Queue()
                self.verdicts = asyncio.Queue()

            async def draft(self):
                await self.drafts.put({"text": ask("Draft an article")})

            async def review(self):
                item = self.drafts.get_nowait()
                self.verdicts.put_nowait(ask(f"Review {item['text']} well"))

            async def publish(self):
                print(ask(f"Headline, given {await self.verdicts.get()}"))

        async def main():
            room = Newsroom()
            await asyncio.gather(room.publish(), room.review(), room.draft())

        asyncio.run(main())
        """)
    assert found == {"draft > review", "review > publish"}


def test_a_loop_that_fills_the_queue_it_empties_hears_itself_in_a_later_turn() -> None:
    found = flows("""
        import queue

        def first(tasks):
            tasks.put((1, ask("Break the goal down")))

        def solve(tasks):
            while not tasks.empty():
                rank, task = tasks.get()
                tasks.put((rank + 1, ask(f"Solve {task} further")))

        tasks = queue.PriorityQueue()
        first(tasks)
        solve(tasks)
        """)
    assert found == {"first > solve", "solve > solve, later"}


def test_a_queue_is_emptied_by_iterating() -> None:
    found = flows("""
        import queue

        jobs = queue.Queue()

        def plan():
            jobs.put(ask("Plan the day"))

        def work():
            for job in iter(jobs.get, None):
                print(ask(f"Do {job} now"))

        plan()
        work()
        """)
    assert found == {"plan > work"}


def test_what_stands_in_one_queue_is_not_in_another() -> None:
    found = flows("""
        import queue

        def fact(facts):
            facts.put(ask("Tell a fact"))

        def essay(jokes):
            print(ask(f"Essay on {jokes.get()} please"))

        facts, jokes = queue.Queue(), queue.Queue()
        fact(facts)
        essay(jokes)
        """)
    assert found == set()


def test_tasks_that_say_nothing_of_an_answer_carry_none() -> None:
    found = flows("""
        import queue

        def plan(tasks):
            tasks.put("greet")
            print(ask("Plan the day"))

        def work(tasks):
            print(ask(f"Do {tasks.get()} now"))

        tasks = queue.Queue()
        plan(tasks)
        work(tasks)
        """)
    assert found == set()


def test_a_queue_may_be_a_field_of_a_dataclass() -> None:
    assert flows("""
        import asyncio
        from dataclasses import dataclass, field

        @dataclass
        class Shared:
            jobs: asyncio.Queue = field(default_factory=asyncio.Queue)

        async def plan(shared):
            await shared.jobs.put(ask("Plan the day"))

        async def work(shared):
            print(ask(f"Do {await shared.jobs.get()} now"))

        async def main():
            shared = Shared()
            await asyncio.gather(work(shared), plan(shared))

        asyncio.run(main())
        """) == {"plan > work"}


def test_agents_write_into_each_others_inboxes() -> None:
    assert flows("""
        import asyncio

        class Agent:
            def __init__(self, others):
                self.others = others
                self.inbox = asyncio.Queue()

            async def answer(self, name):
                said = ask(f"Answer {await self.inbox.get()} now")
                await self.others[name].inbox.put(said)

        async def main():
            agents = {}
            agents["one"] = Agent(agents)
            agents["two"] = Agent(agents)
            await asyncio.gather(agents["one"].answer("two"), agents["two"].answer("one"))

        asyncio.run(main())
        """) == {"answer > answer, later"}


KEPT = """
import contextvars, io
from contextvars import ContextVar

kept = {made}

def plan():
    kept.{put}(ask("Plan the day"))

def work():
    print(ask(f"Do {{kept.{take}()}} now"))

"""


@pytest.mark.parametrize(
    ("made", "put", "take"),
    [
        ("ContextVar('plan', default='')", "set", "get"),
        ("io.StringIO()", "write", "getvalue"),
    ],
)
def test_a_context_variable_and_a_text_buffer_hold_what_was_written(
    made: str, put: str, take: str
) -> None:
    source = KEPT.format(made=made, put=put, take=take)
    assert flows(source + "plan()\nwork()") == {"plan > work"}
