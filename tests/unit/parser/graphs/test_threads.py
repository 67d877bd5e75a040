"""Threads of LangGraph's agents: who is asked in one hears what was said in it before."""

import pytest

from tests.unit.parser.compiled import compiled, edges

AGENT = """
from uuid import uuid4
from langchain.agents import create_agent
from langgraph.checkpoint.memory import InMemorySaver

agent = create_agent("openai:gpt-4o", tools=[], system_prompt="Chat.", checkpointer=KEEPER)

def within(thread):
    return {"configurable": {"thread_id": thread}}

def said(text):
    return {"messages": [{"role": "user", "content": text}]}

"""

KEPT = AGENT.replace("KEEPER", "InMemorySaver()")


@pytest.mark.parametrize(("second", "found"), [("one", {(14, 15, "data")}), ("two", set())])
def test_it_hears_nothing_of_another_thread(second: str, found: set[tuple[int, int, str]]) -> None:
    first = 'agent.invoke(said("Plan a trip."), {"configurable": {"thread_id": "one"}})\n'
    file = compiled(KEPT + first + first.replace("one", second))
    assert edges(file) == found


@pytest.mark.parametrize("thread", ["str(uuid4())", 'f"case-{case}"', "key"])
def test_it_hears_nothing_in_a_thread_that_each_turn_begins(thread: str) -> None:
    file = compiled(
        KEPT
        + f"""
for case in load():
    key = case["id"]
    config = {{"configurable": {{"thread_id": {thread}}}}}
    agent.invoke(said(case["text"]), config)
"""
    )
    assert edges(file) == set()


def test_it_goes_on_in_a_thread_that_its_function_begins() -> None:
    file = compiled(
        KEPT
        + """
def work(text):
    config = {"configurable": {"thread_id": str(uuid4())}}
    agent.invoke(said(text), config)
    return agent.invoke(said("Go on."), config)
"""
    )
    assert edges(file) == {(17, 18, "data")}


def test_an_agent_that_a_method_makes_when_it_is_needed_hears_what_was_said_before() -> None:
    file = compiled("""
        from langgraph.prebuilt import create_react_agent
        from shop import keeper

        class Desk:
            def __init__(self):
                self.agent = None

            def open(self):
                if self.agent is None:
                    self.agent = create_react_agent("m", tools=[], checkpointer=keeper)

            def ask(self, text, key):
                self.open()
                thread = {"configurable": {"thread_id": key}}
                return self.agent.invoke({"messages": [("user", text)]}, thread)
        """)
    assert edges(file) == {(16, 16, "loop")}
