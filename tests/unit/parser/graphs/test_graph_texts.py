"""State graphs that are put together by loops over literals and by constants, and nodes of which
arguments are bound before."""

import pytest

from tests.unit.parser.compiled import compiled, edges, package

HEAD = """
import functools, operator
from itertools import pairwise
from typing import Annotated, TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import create_react_agent

llm = ChatOpenAI(model="m")

class Work(TypedDict):
    task: str
    plan: str
    text: str
    next: str

def plan(state: Work):
    return {"plan": llm.invoke(f"Plan {state['task']}").content}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['plan']}").content}

def review(state: Work):
    return {"next": llm.invoke(f"Review {state['text']}").content}

PLAN, STEPS = "plan", {"plan": plan, "write": write, "review": review}
graph = StateGraph(Work)
"""

PLANNED, WRITTEN, REVIEWED = 18, 21, 24
ONWARD = {(PLANNED, WRITTEN, "data"), (WRITTEN, REVIEWED, "data")}

NODES = """
graph.add_node("plan", plan)
graph.add_node("write", write)
graph.add_node("review", review)
graph.add_edge(START, "plan")
"""


@pytest.mark.parametrize(
    "joined",
    [
        'for one, other in pairwise(["plan", "write", "review"]):\n'
        "    graph.add_edge(one, other)\n",
        'steps = ["plan", "write", "review"]\n'
        "for one, other in zip(steps, steps[1:]):\n    graph.add_edge(one, other)\n",
        'first = "plan"\nsecond = "write"\n'
        'graph.add_edge(first, second)\ngraph.add_edge(second, "review")\n',
        'for name in ("it",):\n    graph.add_edge("plan", f"wr{name}e")\n'
        'graph.add_edge("write", "review")\n',
    ],
)
def test_edges_lead_to_the_nodes_that_literals_name(joined: str) -> None:
    assert edges(compiled(HEAD + NODES + joined)) >= ONWARD
    assert (REVIEWED, PLANNED, "loop") not in edges(compiled(HEAD + NODES + joined))


@pytest.mark.parametrize(
    "added",
    [
        'for name, node in {"first": plan, "second": write, "third": review}.items():\n'
        "    graph.add_node(name, node)\n",
        'steps = [("first", plan), ("second", write), ("third", review)]\n'
        "for name, node in steps:\n"
        "    graph.add_node(name, functools.partial(node))\n",
        'for name, node in zip(["first", "second", "third"], [plan, write, review]):\n'
        "    graph.add_node(name, node)\n",
    ],
)
def test_nodes_that_a_loop_adds_run_the_functions_of_its_table(added: str) -> None:
    joined = "".join(
        f"graph.add_edge({one}, {other})\n"
        for one, other in [("START", '"first"'), ('"first"', '"second"'), ('"second"', '"third"')]
    )
    assert edges(compiled(HEAD + added + joined)) == ONWARD
    turned = joined.replace("first", "last").replace("second", "first").replace("last", "second")
    assert edges(compiled(HEAD + added + turned)) == {(WRITTEN, REVIEWED, "data")}


def test_what_is_sent_to_a_node_that_a_loop_adds_starts_it() -> None:
    added = "for node in (plan, write, review):\n    graph.add_node(node)\n"
    joined = (
        'graph.add_edge(START, "plan")\n'
        "def spread(state: Work):\n"
        '    return [Send("write", {"plan": one}) for one in state["plan"].split()]\n'
        'graph.add_conditional_edges("plan", spread, ["write"])\n'
    )
    found = compiled("from langgraph.types import Send\n" + HEAD + added + joined)
    assert edges(found) == {(PLANNED + 1, WRITTEN + 1, "data")}
    assert [call.fanout for call in found.calls] == [None, "send", None]


def test_every_member_of_a_literal_leads_to_the_node_that_a_loop_says() -> None:
    found = compiled(
        HEAD
        + NODES.replace('START, "plan"', 'START, "review"')
        + 'members = ["plan", "write"]\n'
        + 'for member in members:\n    graph.add_edge(member, "review")\n'
        + "ways = {name: name for name in members}\n"
        + 'ways["done"] = END\n'
        + 'graph.add_conditional_edges("review", lambda state: state["next"], ways)\n'
    )
    assert edges(found) == {(PLANNED, WRITTEN, "data"), (WRITTEN, REVIEWED, "loop")}


def test_a_router_that_returns_constants_leads_to_what_they_name() -> None:
    files = package(
        names='PLAN = "plan"\nWRITE = "write"\n',
        flow="from .names import PLAN, WRITE\n"
        + HEAD.replace('PLAN, STEPS = "plan", ', "STEPS = ")
        + NODES
        + "def way(state: Work):\n    return PLAN if state['text'] else END\n"
        + 'graph.add_edge(START, "review")\n'
        + "graph.add_edge(PLAN, WRITE)\n"
        + "graph.add_conditional_edges(WRITE, way)\n",
    )
    assert edges(files["flow.py"]) == {(PLANNED + 1, WRITTEN + 1, "data")}


BOUND = """
def work(state, agent, name):
    answer = agent.invoke(state)
    return {"messages": [answer["messages"][-1]]}

def lead(state):
    return {"next": llm.invoke(state["messages"]).content}

coder = functools.partial(work, agent=create_react_agent(llm, [], prompt="Code."), name="coder")
graph.add_node("lead", lead)
graph.add_node("coder", coder)
graph.add_node("writer", functools.partial(work, agent=WRITER, name="writer"))
graph.add_edge(START, "lead")
graph.add_conditional_edges("lead", lambda state: state["next"], {"c": "coder", "w": "writer"})
graph.add_edge("coder", "lead")
graph.add_edge("writer", "lead")
"""


def test_a_node_of_which_arguments_are_bound_asks_what_they_are() -> None:
    writer = 'create_react_agent(llm, [], prompt="Write.")'
    found = compiled(HEAD + BOUND.replace("WRITER", writer))
    worked, led = [call.line for call in found.calls][-2:]
    assert {(worked, led, "loop"), (worked, worked, "loop")} <= edges(found)
