"""Conversations in the state of a graph: what every turn of its cycle leaves, and what bounds
them."""

import pytest

from charter_engine.analysis.compile import compile_source
from charter_engine.contracts.graph import Call, HistoryLimit
from charter_engine.prompts.assembly import expand
from charter_engine.prompts.histories import grows

GRAPH = """
from langchain_core.messages import RemoveMessage, SystemMessage, trim_messages
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

llm = ChatOpenAI(model="m")
prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("placeholder", "{messages}")])


def answer(state: MessagesState):
    return {"messages": [ASKED]}


def tidy(state: MessagesState):
    messages = state["messages"]
    return {"messages": TIDIED}


graph = StateGraph(MessagesState)
graph.add_node("answer", answer)
graph.add_node("tidy", tidy)
graph.add_edge(START, "answer")
graph.add_edge("answer", "tidy")
graph.add_edge("tidy", "answer")
app = graph.compile()
"""
WHOLE = 'llm.invoke(state["messages"])'
WITH_RULES = 'llm.invoke([SystemMessage("Be brief.")] + state["messages"])'
PIPED = '(prompt | llm).invoke({"messages": state["messages"]})'


def asked(source: str, tidied: str = "[]") -> Call:
    text = GRAPH.replace("ASKED", source).replace("TIDIED", tidied)
    return next(call for call in compile_source("graph.py", text).calls if call.segments)


@pytest.mark.parametrize("source", [WHOLE, WITH_RULES, PIPED])
def test_every_turn_of_a_cycle_leaves_its_answer_in_the_conversation(source: str) -> None:
    call = asked(source)
    *opening, left = call.segments
    assert (left.kind, left.call, left.role, left.each_turn) == (
        "upstream", call.id, "assistant", True,
    )  # fmt: skip
    assert (opening[-1].kind, opening[-1].role, opening[-1].fixed) == ("variable", "user", True)
    assert [segment.text for segment in opening[:-1]] == ["Be brief."] * (source != WHOLE)
    assert grows(call)
    assert len(expand((call,), {"turns": 5, "state['messages']": "Hello."})) == 5


def test_what_is_said_behind_a_conversation_stands_behind_what_its_turns_leave() -> None:
    call = asked('llm.invoke(state["messages"] + [("user", "Go on.")])')
    beginning, left, rule = call.segments
    assert (beginning.kind, left.each_turn, rule.text) == ("variable", True, "Go on.")


@pytest.mark.parametrize(
    ("source", "tidied", "limit"),
    [
        (WHOLE, "[]", None),
        (WHOLE.replace("]", "][-8:]", 1), "[]", HistoryLimit(8, "messages", 0)),
        (
            'llm.invoke(trim_messages(state["messages"], max_tokens=500, token_counter=llm))',
            "[]",
            HistoryLimit(500, "tokens", 0),
        ),
        (
            'llm.invoke(trim_messages(state["messages"], max_tokens=6, token_counter=len))',
            "[]",
            HistoryLimit(6, "messages", 0),
        ),
        (
            WITH_RULES,
            "[RemoveMessage(id=m.id) for m in messages[:-4]]",
            HistoryLimit(4, "messages", 1),
        ),
        (WITH_RULES, "[RemoveMessage(id=m.id) for m in messages[2:4]]", None),
    ],
)
def test_a_window_a_trim_and_removed_messages_bound_the_conversation(
    source: str, tidied: str, limit: HistoryLimit | None
) -> None:
    assert asked(source, tidied).history_limit == limit


def test_a_summary_that_a_state_keeps_is_no_conversation() -> None:
    text = GRAPH.replace("ASKED", 'llm.invoke("Shorten: " + state["summary"])').replace(
        '"messages": [', '"summary": ['
    )
    (call,) = compile_source("graph.py", text.replace("TIDIED", "[]")).calls
    assert not grows(call)
