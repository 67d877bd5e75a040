"""Conversations of graphs that a checkpointer keeps from one run to the next."""

import pytest

from tests.unit.parser.compiled import compiled, edges, package

CHAT = """
from typing import Annotated, TypedDict
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from uuid import uuid4

llm = ChatOpenAI(model="m")

class State(TypedDict):
    messages: Annotated[list, add_messages]
    topic: str

def find_topic(state: State):
    return {"topic": llm.invoke([("system", "Name the topic."), *state["messages"]]).content}

def answer(state: State):
    return {"messages": [llm.invoke(f"About {state['topic']}.")]}

graph = StateGraph(State)
graph.add_node("find_topic", find_topic)
graph.add_node("answer", answer)
graph.add_edge(START, "find_topic")
graph.add_edge("find_topic", "answer")
graph.add_edge("answer", END)
app = graph.compile(checkpointer=MemorySaver())
"""
RUN = """
def reply(text, thread):
    config = {"configurable": {"thread_id": thread}}
    return app.invoke({"messages": [("user", text)]}, config)
"""
TOPIC, ANSWER = 16, 19
IN_A_RUN = {(TOPIC, ANSWER, "data")}
ONCE = 'app.invoke({"messages": [("user", "Hello")]}, {"configurable": {"thread_id": "1"}})\n'


@pytest.mark.parametrize(
    "runs",
    [
        RUN,
        "",
        ONCE * 2,
        "while True:\n    " + ONCE,
        RUN.replace("thread}}", "thread or str(uuid4())}}"),
    ],
)
def test_what_a_checkpointer_keeps_of_a_conversation_reaches_the_next_run(runs: str) -> None:
    assert edges(compiled(CHAT + runs)) == {*IN_A_RUN, (ANSWER, TOPIC, "loop")}


@pytest.mark.parametrize(
    "source",
    [
        CHAT.replace("checkpointer=MemorySaver()", "") + RUN,
        CHAT.replace("MemorySaver()", "None") + RUN,
        CHAT.replace("Annotated[list, add_messages]", "list") + RUN,
        CHAT + ONCE,
        CHAT + "def main():\n    " + ONCE,
        CHAT + RUN.replace("thread}}", "str(uuid4())}}"),
    ],
)
def test_a_run_that_goes_on_with_none_before_hears_nothing_of_an_earlier_one(source: str) -> None:
    assert edges(compiled(source)) == IN_A_RUN


@pytest.mark.parametrize(("given", "is_kept"), [("", False), ("MemorySaver()", True)])
def test_the_checkpointer_of_a_function_that_compiles_a_graph_is_its_callers(
    given: str, is_kept: bool
) -> None:
    made = CHAT.replace("app = graph.compile(checkpointer=MemorySaver())", "").rstrip()
    making = (
        "\n\ndef build(checkpointer=None):\n    return graph.compile(checkpointer=checkpointer)\n"
    )
    serving = f"from chat import build, MemorySaver\nAPP = build({given})\n"
    found = package(chat=made + making, serve=serving)["chat.py"]
    again = {(ANSWER, TOPIC, "loop")} if is_kept else set()
    assert edges(found) == IN_A_RUN | again


def test_a_conversation_that_is_kept_grows_by_an_answer_each_run() -> None:
    source = CHAT.replace("f\"About {state['topic']}.\"", 'state["messages"]')
    call = next(one for one in compiled(source + RUN).calls if one.line == ANSWER)
    opening, left = call.segments[-2:]
    assert (opening.kind, opening.each_turn) == ("variable", False)
    assert (left.kind, left.call, left.each_turn) == ("upstream", call.id, True)


NOTED = (
    CHAT.replace("['topic']}.\"", "['topic']}, as noted: {state.get('notes')}\"").replace(
        "app = ", 'graph.add_node("note", note)\ngraph.add_edge("answer", "note")\napp = '
    )
    + """
def note(state: State):
    return {"notes": llm.invoke(f"Note {state['topic']}.").content}
"""
)
NOTE = 32


@pytest.mark.parametrize(
    ("run", "is_kept"),
    [
        (RUN, True),
        (RUN.replace("text)]}", 'text)], "notes": ""}'), False),
        (RUN.replace('{"messages": [("user", text)]}', "text"), False),
    ],
)
def test_what_no_run_sets_beside_a_kept_conversation_is_kept_with_it(
    run: str, is_kept: bool
) -> None:
    noted = {edge for edge in edges(compiled(NOTED + run)) if edge[0] == NOTE}
    assert noted == ({(NOTE, ANSWER, "loop")} if is_kept else set())
