"""Calls of a parameter's methods that names speak for, where a caller at hand gives the object."""

import pytest

from tests.unit.parser.compiled import compiled, lines, package

BOT = """
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

llm = ChatOpenAI(model="m")

def answer(state):
    return {"messages": [llm.invoke(["Answer.", *state["messages"]])]}

class Bot:
    def __init__(self):
        graph = StateGraph(MessagesState)
        graph.add_node("answer", answer)
        graph.add_edge(START, "answer")
        self.graph = graph.compile()

    def stream(self, question, config=None):
        return self.graph.stream({"messages": [("user", question)]}, config)
"""
CHAT = """
def chat(chatbot):
    while True:
        question = input()
        for step in chatbot.stream(question, config={}):
            print(step)
"""
RUN = """
def main():
    chat(Bot())

main()
"""
ANSWER, ASKED = 8, 5


def test_an_object_that_a_caller_gives_is_no_unknown_model_where_it_leads_to_a_call() -> None:
    assert lines(compiled(BOT + CHAT + RUN)) == [ANSWER]


def test_an_object_of_another_file_is_no_unknown_model_either() -> None:
    found = package(bot=BOT, main="from bot import Bot\n" + CHAT + RUN)
    assert lines(found["bot.py"]) == [ANSWER]
    assert lines(found["main.py"]) == []


@pytest.mark.parametrize("run", ["", "\nfrom bots import make\nchat(make())\n"])
def test_an_object_that_no_caller_at_hand_tells_of_may_be_a_model(run: str) -> None:
    assert lines(compiled(CHAT + run)) == [ASKED]


def test_an_object_that_one_caller_gives_and_another_does_not_tell_may_be_a_model() -> None:
    other = "\nfrom bots import make\nchat(make())\n"
    assert len(lines(compiled(BOT + CHAT + RUN + other))) == 2
