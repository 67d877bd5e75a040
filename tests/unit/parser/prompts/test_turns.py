"""What every turn leaves in a history, and how much of it is kept."""

import pytest

from charter_engine.contracts.graph import Call, HistoryLimit
from tests.unit.parser.compiled import compiled, only

HEAD = """
from collections import deque
from langchain_core.messages import trim_messages
from openai import OpenAI

client = OpenAI()
RULES = "Be brief and careful."
MOST = 12

"""


def shown(call: Call) -> list[str]:
    """Every segment as role and content; `*` marks what every turn leaves."""
    return [
        ("*" if segment.each_turn else "") + f"{segment.role}: {segment.text or segment.expression}"
        for segment in call.segments
    ]


def loop(body: str) -> Call:
    """The one call of a tool loop with this body."""
    lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
    return only(
        compiled(
            HEAD
            + 'def work(goal):\n    messages = [{"role": "system", "content": RULES}, '
            + '{"role": "user", "content": goal}]\n    while True:\n'
            + lines
            + "\n"
        )
    )


CREATE = "out = client.chat.completions.create(model='m', messages=messages).choices[0].message"


def test_a_tool_loop_leaves_the_answer_and_what_the_tools_found() -> None:
    call = loop(
        f"""{CREATE}
messages.append(out)
for asked in out.tool_calls:
    found = look(asked.function.name)
    messages.append({{"role": "tool", "tool_call_id": asked.id, "content": found}})"""
    )
    assert shown(call) == [
        "system: Be brief and careful.",
        "user: goal",
        "*assistant: out",
        "*tool: found",
    ]


def test_what_surrounds_a_result_in_every_turn_is_kept_to_the_letter() -> None:
    call = loop(
        f"""{CREATE}
messages.append({{"role": "assistant", "content": out.content}})
messages.append({{"role": "user", "content": f"Seen: {{look(out)}}. Go on."}})"""
    )
    assert shown(call)[3:] == ["*user: Seen: ", "*user: look(out)", "*user: . Go on."]


def test_what_only_some_turns_leave_is_not_taken_for_text() -> None:
    call = loop(
        f"""{CREATE}
messages.append({{"role": "assistant", "content": out.content}})
if failed(out):
    messages.append({{"role": "user", "content": "That failed: " + reason()}})"""
    )
    assert "*user: That failed: " not in shown(call)
    assert "*user: reason()" in shown(call)


def test_a_transcript_in_one_text_grows_as_a_list_does() -> None:
    call = only(
        compiled(
            HEAD
            + """
def work(goal):
    log = ""
    while True:
        asked = [{"role": "user", "content": RULES + goal + log}]
        out = client.chat.completions.create(model="m", messages=asked).choices[0].message.content
        log += "\\nThought: " + out
"""
        )
    )
    assert shown(call)[2:] == ["*user: \nThought: ", "*user: out"]


CHAT = """
class Chat:
    def __init__(self):
        self.messages = [{"role": "system", "content": RULES}]

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        answer = client.chat.completions.create(model="m", messages=self.messages)
        told = answer.choices[0].message.content
        self.messages.append({"role": "assistant", "content": told})
        return told

def talk(lines):
    chat = Chat()
    for line in lines:
        chat.say(line)
"""


def test_a_conversation_that_an_object_keeps_is_that_of_whoever_asks_through_it() -> None:
    by_line = {call.line: call for call in compiled(HEAD + CHAT).calls}
    call = max(by_line.items())[1]
    assert shown(call) == [
        "system: Be brief and careful.",
        "user: line",
        "*assistant: told",
        "*user: line",
    ]
    assert call.segments[2].call == call.id


@pytest.mark.parametrize(
    ("before", "sent", "limit"),
    [
        ("pass", "messages[-10:]", HistoryLimit(10)),
        ("pass", "[messages[0]] + messages[-MOST:]", HistoryLimit(12, first=1)),
        ("messages = messages[-6:]", "messages", HistoryLimit(6)),
        (
            "if len(messages) > 20:\n    messages = [messages[0]] + messages[-8:]",
            "messages",
            HistoryLimit(9, first=1),
        ),
        ("while len(messages) > MOST:\n    messages.pop(1)", "messages", HistoryLimit(12, first=1)),
        (
            "messages = trim_messages(messages, max_tokens=500)",
            "messages",
            HistoryLimit(500, "tokens"),
        ),
        (
            "if len(messages) > 30:\n"
            "    messages = [messages[0], {'role': 'user', 'content': shorten(messages)}]",
            "messages",
            HistoryLimit(30, first=1, anew=(2, 3)),
        ),
        (
            "if len(messages) > 30:\n"
            "    messages = [{'role': 'system', 'content': 'Be brief and careful.'}, "
            "{'role': 'user', 'content': shorten(messages)}]",
            "messages",
            HistoryLimit(30, first=1, anew=(2, 3)),
        ),
    ],
)
def test_how_much_of_a_history_is_kept(before: str, sent: str, limit: HistoryLimit) -> None:
    call = loop(
        f"""{before}
{CREATE.replace("messages=messages", f"messages={sent}")}
messages.append({{"role": "assistant", "content": out.content}})"""
    )
    assert call.history_limit == limit
    assert "*assistant: out.content" in shown(call)


def test_a_bounded_deque_is_a_window() -> None:
    call = only(
        compiled(
            HEAD
            + """
def work():
    past = deque(maxlen=6)
    while True:
        past.append({"role": "user", "content": input()})
        asked = [{"role": "system", "content": RULES}, *past]
        out = client.chat.completions.create(model="m", messages=asked).choices[0].message
        past.append({"role": "assistant", "content": out.content})
"""
        )
    )
    assert call.history_limit == HistoryLimit(6, first=1)


def test_what_a_loop_does_not_change_is_fixed() -> None:
    call = loop(
        f"{CREATE}\nmessages.append(out)\nmessages.append({{'role': 'user', 'content': x(out)}})"
    )
    assert [segment.fixed for segment in call.segments] == [False, True, False, False]


ASSISTANT = """
from openai import OpenAI

client = OpenAI()
SYSTEM = {"role": "system", "content": "Be brief."}


class Assistant:
    def __init__(self):
        self.log = [SYSTEM]

    def tidy(self):
        TIDY

    def ask(self, text):
        self.log.append({"role": "user", "content": text})
        if len(self.log) > 20:
            self.tidy()
        out = client.chat.completions.create(model="m", messages=self.log).choices[0].message
        self.log.append({"role": "assistant", "content": out.content})
        return out.content


def main():
    assistant = Assistant()
    while True:
        print(assistant.ask(input()))
"""
SHORTENED = """short = client.chat.completions.create(
            model="m", messages=self.log + [{"role": "user", "content": "Shorten that."}]
        ).choices[0].message.content
        self.log = [KEPT, {"role": "assistant", "content": short}]"""


@pytest.mark.parametrize(
    ("tidy", "limit"),
    [
        (SHORTENED.replace("KEPT", "SYSTEM"), HistoryLimit(20, first=1, anew=(2, 3))),
        (SHORTENED.replace("KEPT", "self.log[0]"), HistoryLimit(20, first=1, anew=(2, 3))),
        ("self.log = [SYSTEM] + self.log[-10:]", HistoryLimit(11, first=1)),
        ("self.log = [self.log[0]] + self.log[-10:]", HistoryLimit(11, first=1)),
        ("self.log = self.log[-10:]", HistoryLimit(10)),
    ],
)
def test_a_method_that_is_called_when_a_history_is_long_bounds_it(
    tidy: str, limit: HistoryLimit
) -> None:
    calls = compiled(ASSISTANT.replace("TIDY", tidy)).calls
    asked = next(call for call in calls if call.function == "main")
    assert asked.history_limit == limit
    assert [segment.text for segment in asked.segments[:1]] == ["Be brief."]
    assert [segment.role for segment in asked.segments if segment.each_turn] == [
        "assistant",
        "user",
    ]


GRAPH_RUN = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, StateGraph

def answer(state):
    return {"answer": ChatOpenAI().invoke(f"Answer this question: {state['question']}")}

builder = StateGraph(dict)
builder.add_node("answer", answer)
builder.set_entry_point("answer")
builder.add_edge("answer", END)
graph = builder.compile()

def main():
    BODY
"""


def test_a_graph_that_is_run_in_a_loop_repeats_its_nodes() -> None:
    body = 'while True:\n        print(graph.invoke({"question": input()}))'
    (call,) = compiled(GRAPH_RUN.replace("BODY", body)).calls
    assert [(loop.kind, loop.line) for loop in call.repeated_by] == [("caller", 15)]


def test_a_graph_that_is_run_once_or_tried_again_repeats_nothing() -> None:
    once = 'print(graph.invoke({"question": input()}))'
    again = 'for attempt in range(3):\n        return graph.invoke({"question": "Why?"})'
    for body in (once, again):
        (call,) = compiled(GRAPH_RUN.replace("BODY", body)).calls
        assert call.repeated_by == ()
