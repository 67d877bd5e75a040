"""Runs of flows of the program's own steps: what a program finds at their end."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, edges, flows

FLOW = """
from crewai.flow.flow import Flow, listen, start

class Work(Flow):
    @start()
    def plan(self):
        self.state["plan"] = ask("Plan")
        return "planned"

    @listen(plan)
    def write(self):
        return ask(f"Write after {self.state['plan']}")

def main():
    flow = Work()
    done = flow.kickoff()
    ask(f"Find a title for {SAID}")
"""


@pytest.mark.parametrize(
    ("said", "edge"),
    [("done", "write > main"), ("flow.state['plan']", "plan > main"), ("flow.name", "")],
)
def test_a_flow_gives_what_its_last_steps_return_and_keeps_its_state(said: str, edge: str) -> None:
    assert flows(FLOW.replace("SAID", said)) == {"plan > write", edge} - {""}


WORKFLOW = """
from llama_index.core.workflow import Event, StartEvent, StopEvent, Workflow, step

class Draft(Event):
    text: str

class Again(Event):
    text: str

class Work(Workflow):
    @step
    async def write(self, ev: StartEvent | Again) -> Draft:
        return Draft(text=ask("Write it"))

    @step
    async def judge(self, ev: Draft) -> Again | StopEvent:
        verdict = ask(f"Judge {ev.text}")
        if "bad" in verdict:
            return Again(text=verdict)
        return StopEvent(result={"text": ev.text, "verdict": verdict})

async def main():
    done = await Work().run(topic="tides")
    ask(f"Find a title for {done['KEY']}")
"""


@pytest.mark.parametrize(("key", "step"), [("text", "write"), ("verdict", "judge")])
def test_a_workflow_gives_the_result_of_the_event_that_ends_it(key: str, step: str) -> None:
    found = flows(WORKFLOW.replace("KEY", key))
    assert {edge for edge in found if edge.endswith("main")} == {f"{step} > main"}


NODES = """
from dataclasses import dataclass
from pydantic_graph import BaseNode, End, Graph

@dataclass
class Plan(BaseNode):
    async def run(self, ctx) -> "Write":
        return Write(ask("Plan"))

@dataclass
class Write(BaseNode):
    text: str

    async def run(self, ctx) -> End:
        return End(ask(f"Write after {self.text}"))

async def main():
    done = await Graph(nodes=[Plan, Write]).run(Plan())
    ask(f"Find a title for {done.output}")
"""


def test_a_graph_of_nodes_gives_what_it_ends_with() -> None:
    file = compiled(ASK + NODES)
    assert edges(file) == {(16, 23, "data"), (23, 27, "data")}


STORE = """
from pocketflow import Flow, Node

class Plan(Node):
    def prep(self, shared):
        return shared["topic"]

    def exec(self, topic):
        return ask(f"Plan a book on {topic}")

    def post(self, shared, topic, done):
        shared["plan"] = done

def main():
    shared = {"topic": ask("Find a topic")}
    Flow(start=Plan()).run(shared)
    ask(f"Find a title for {shared['plan']}")
"""


def test_a_store_is_what_a_flow_of_nodes_is_given_and_holds_what_they_left() -> None:
    assert edges(compiled(ASK + STORE)) == {(23, 17, "data"), (17, 25, "data")}


ENTRY = """
from langgraph.func import entrypoint, task

@task
def plan(topic):
    return ask("Plan this book well, chapter by chapter. Be brief, and name each: " + topic)

@entrypoint()
def book(topic):
    return {"plan": plan(topic).result()}

def main():
    done = book.invoke("tides")
    ask(f"Find a title for {done['plan']}")
"""


def test_an_entry_point_that_is_invoked_gives_what_its_function_returns() -> None:
    assert flows(ENTRY) == {"plan > main"}


BEGUN_WORKFLOW = """
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step

class Work(Workflow):
    @step
    async def write(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ask(f"Write about {ev.topic}"))

class Other(Workflow):
    @step
    async def read(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result=ask(f"Read about {ev.topic}"))

async def main():
    work = Work(timeout=60)
    done = await work.run(topic=ask("Name a topic"))
"""

BEGUN_FLOW = """
from crewai.flow.flow import Flow, start

class Work(Flow):
    @start()
    def write(self):
        return ask(f"Write about {self.state['topic']}")

def main():
    done = Work().kickoff(inputs={"topic": ask("Name a topic")})
"""


@pytest.mark.parametrize(("program", "run"), [(BEGUN_WORKFLOW, 24), (BEGUN_FLOW, 18)])
def test_a_flow_begins_with_what_its_run_is_given(program: str, run: int) -> None:
    assert edges(compiled(ASK + program)) == {(run, 15, "data")}


def test_what_a_workflow_ends_with_begins_its_next_run() -> None:
    program = BEGUN_WORKFLOW + "    again = await work.run(topic=done)\n"
    assert edges(compiled(ASK + program)) == {(24, 15, "data"), (15, 15, "loop")}


def test_a_run_gives_what_its_steps_return_alone() -> None:
    program = BEGUN_FLOW + '    ask(f"Translate {done}")\n'
    assert flows(program) == {"main > write", "write > main"}
