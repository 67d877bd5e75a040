"""State graphs that a program runs again with what a run before ended with."""

import pytest

from tests.unit.parser.compiled import compiled, edges

HEAD = """
from typing import Annotated, TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages

llm = ChatOpenAI(model="m")

class State(TypedDict):
    messages: Annotated[list, add_messages]

def plan(state: State):
    return {"messages": [llm.invoke(["Plan.", *state["messages"]])]}

def check(state: State):
    return {"messages": [llm.invoke(f"Check {state['messages'][-1].content}")]}

graph = StateGraph(State)
graph.add_node("plan", plan)
graph.add_node("check", check)
graph.add_edge(START, "plan")
graph.add_edge("plan", "check")
graph.add_edge("check", END)
app = graph.compile()
"""
PLAN, CHECK = 13, 16

LOOP = """
state = {"messages": []}
while True:
    state["messages"] = state["messages"] + [("user", input())]
    state = app.invoke(state)
"""
FOR = """
said = []
for text in open("questions.txt"):
    result = app.invoke({"messages": [*said, ("user", text)]})
    said = result["messages"]
"""
TWICE = """
first = app.invoke({"messages": [("user", input())]})
print(app.invoke({"messages": first["messages"] + [("user", input())]}))
"""
FUNCTION = """
def ask(said):
    return app.invoke({"messages": [*said, ("user", input())]})["messages"]

said = []
while True:
    said = ask(said)
"""


@pytest.mark.parametrize("runs", [LOOP, FOR, TWICE, FUNCTION])
def test_what_a_run_of_a_graph_ended_with_reaches_its_next_run_as_a_later_turn(runs: str) -> None:
    assert edges(compiled(HEAD + runs)) == {
        (PLAN, CHECK, "data"),
        (PLAN, PLAN, "loop"),
        (CHECK, PLAN, "loop"),
    }


@pytest.mark.parametrize(
    "runs",
    [
        LOOP.replace('state["messages"] = state["messages"] + ', 'state = {"messages": ').replace(
            "())]", "())]}"
        ),
        FOR.replace("*said, ", ""),
        TWICE.replace('first["messages"] + ', ""),
    ],
)
def test_a_run_of_a_graph_that_is_given_nothing_of_the_one_before_hears_nothing(runs: str) -> None:
    assert edges(compiled(HEAD + runs)) == {(PLAN, CHECK, "data")}


def test_what_a_run_of_a_graph_ended_with_reaches_another_graph_in_the_same_pass() -> None:
    closing = """
def close(state: State):
    return {"messages": [llm.invoke(["Sum up.", *state["messages"]])]}

closing = StateGraph(State)
closing.add_node("close", close)
closing.add_edge(START, "close")
closer = closing.compile()
first = app.invoke({"messages": [("user", input())]})
closer.invoke({"messages": first["messages"]})
"""
    close = len(HEAD.splitlines()) + 3
    assert edges(compiled(HEAD + closing)) == {
        (PLAN, CHECK, "data"),
        (PLAN, close, "data"),
        (CHECK, close, "data"),
    }
