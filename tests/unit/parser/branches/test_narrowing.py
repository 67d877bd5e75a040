"""What a loop takes of a conversation by what is written in its messages."""

import pytest

from tests.unit.parser.compiled import compiled, edges, flows

TALK = """
from openai import OpenAI

client = OpenAI()
past = []

def ask(question):
    said = []
TAKING
    said.append({"role": "user", "content": f"Answer in a word or two: {question}"})
    text = client.chat.completions.create(model="m", messages=said).choices[0].message.content
    past.append({"role": "user", "content": question})
    past.append({"role": "assistant", "content": text})
    print(text)

ask(input())
ask(input())
"""


def hears_itself(taking: str) -> bool:
    lines = "\n".join(f"    {line}" for line in taking.splitlines())
    return bool(edges(compiled(TALK.replace("TAKING", lines))))


@pytest.mark.parametrize(
    ("test", "heard"),
    [
        ('one["role"] == "user"', False),
        ('one.get("role") == "user"', False),
        ('one["role"] != "assistant"', False),
        ('one["role"] in ("user", "system")', False),
        ('one["role"] == "user" and one["content"]', False),
        ('not one["role"] == "assistant"', False),
        ('one["role"] == "assistant"', True),
        ('one["role"] != "user"', True),
        ('one["role"] not in ("user", "system")', True),
        ('one["role"] == "user" or one["content"]', True),
        ('one["role"] == ROLE', True),
        ('one["content"] == "user"', True),
    ],
)
def test_an_answer_is_heard_where_a_test_lets_it_through(test: str, heard: bool) -> None:
    assert hears_itself(f"for one in past:\n    if {test}:\n        said.append(one)") is heard
    assert hears_itself(f"said += [one for one in past if {test}]") is heard


def test_what_follows_a_message_that_is_passed_over_is_another() -> None:
    passing = 'for one in past:\n    if one["role"] ROLE:\n        continue\n    said.append(one)'
    assert not hears_itself(passing.replace("ROLE", '== "assistant"'))
    assert hears_itself(passing.replace("ROLE", '== "user"'))


def test_another_branch_is_for_messages_that_no_test_before_let_through() -> None:
    sorting = """for one in past:
    if one["role"] == "user":
        said.append(one)
    elif one["role"] == "assistant":
        print(THIS)
    else:
        said.append(one)"""
    assert not hears_itself(sorting.replace("THIS", "one"))
    assert hears_itself(sorting.replace("THIS", "said.append(one)"))


def test_a_branch_within_a_branch_says_nothing_of_what_follows() -> None:
    assert hears_itself(
        """for one in past:
    if input():
        if one["role"] == "assistant":
            continue
    said.append(one)"""
    )


def test_what_a_test_lets_through_keeps_what_is_stored_in_it() -> None:
    assert "solve > close" in flows(
        """
        tasks = [{"kind": "sum", "text": "2 + 2"}, {"kind": "word", "text": "Name a bird"}]

        def solve(task):
            task["answer"] = ask(f"Solve this: {task['text']}")

        def close():
            for task in tasks:
                if task["kind"] == "sum":
                    solve(task)
            return ask(f"Which of these is right? {tasks}")

        print(close())
        """
    )


NODES = """
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI

llm = ChatOpenAI()

def write(state: dict):
    return {"messages": [WRITTEN(llm.invoke(state["messages"]))]}

def judge(state: dict):
    said = [one for one in state["messages"] if TEST]
    return {"route": llm.invoke([SystemMessage(content="Which way?"), *said]).content}
"""


def is_judged(test: str, written: str = "") -> bool:
    return (8, 12, "data") in edges(
        compiled(NODES.replace("TEST", test, 1).replace("WRITTEN", written))
    )


@pytest.mark.parametrize(
    ("test", "heard"),
    [
        ("isinstance(one, HumanMessage)", False),
        ("isinstance(one, (HumanMessage, ToolMessage))", False),
        ("not isinstance(one, AIMessage)", False),
        ('one.type == "human"', False),
        ('getattr(one, "type", "") == "human"', False),
        ("isinstance(one, AIMessage)", True),
        ("isinstance(one, (HumanMessage, AIMessage))", True),
        ("isinstance(one, ChatMessage)", True),
        ('one.type == "ai"', True),
        ("one.content", True),
    ],
)
def test_an_answer_in_a_state_is_told_by_its_class(test: str, heard: bool) -> None:
    assert is_judged(test) is heard


def test_an_answer_that_a_node_puts_into_a_state_as_the_users_is_the_users() -> None:
    assert is_judged("isinstance(one, HumanMessage)", "HumanMessage")
    assert not is_judged("isinstance(one, AIMessage)", "HumanMessage")


def test_one_that_is_put_there_in_two_ways_may_be_either() -> None:
    both = (
        NODES.replace("WRITTEN", "")
        + """
def tell(state: dict):
    return {"messages": [HumanMessage(content=state["messages"][-1].content)]}
"""
    )
    assert (8, 12, "data") in edges(compiled(both.replace("TEST", "isinstance(one, HumanMessage)")))
