"""Messages that an agent tells anew: in another shape, or as lines of a transcript."""

import pytest

from charter_engine.contracts.graph import Call
from tests.unit.parser.compiled import ASK, compiled, joined, lines

TALK = (
    ASK
    + """
from dataclasses import asdict, dataclass

CLASS
def told(history):
    return TOLD

def run(topic):
    history = [Message(role="user", content="Name a sea.")]
    history.append(Message(role="assistant", content=ask("Answer: " + topic)))
    return ask("Sum up: " + told(history))
"""
)

PLAIN = """class Message:
    def __init__(self, role, content):
        self.role, self.content = role, content
"""


def last(source: str) -> Call:
    return max(compiled(source).calls, key=lambda call: call.line)


def told(call: Call) -> str:
    """What a call says, outputs in braces."""
    parts = (
        part.text or ("{}" if part.kind == "upstream" else part.name) for part in call.segments
    )
    return "".join(map(str, parts))


@pytest.mark.parametrize(
    "way",
    [
        '"\\n".join(f"{one.role}: {one.content}" for one in history)',
        '"\\n".join([one.role + ": " + one.content for one in history])',
    ],
)
def test_a_transcript_holds_the_messages_as_they_were_said(way: str) -> None:
    call = last(TALK.replace("CLASS", PLAIN).replace("TOLD", way))
    assert told(call) == "Sum up: user: Name a sea.\nassistant: {}"


SHAPED = """
from dataclasses import asdict, dataclass
from openai import OpenAI

CLASS
def shaped(messages):
    return [SHAPE for one in messages]

def check(plan):
    rules = "Look for what is missing, name the gravest first, and say how to mend it."
    messages = [Message(role="system", content=rules), Message(role="user", content=plan)]
    said = OpenAI().chat.completions.create(model="m", messages=shaped(messages))
    return said.choices[0].message.content
"""

MODEL = """from pydantic import BaseModel

class Message(BaseModel):
    role: str
    content: str
"""

DATACLASS = """@dataclass
class Message:
    role: str
    content: str
"""


@pytest.mark.parametrize(
    ("declared", "shape"),
    [
        (MODEL, "one.model_dump()"),
        (MODEL, "one.dict()"),
        (DATACLASS, "asdict(one)"),
        (PLAIN, "vars(one)"),
        (PLAIN, '{"role": one.role, "content": one.content}'),
    ],
)
def test_messages_in_another_shape_keep_their_roles_and_texts(declared: str, shape: str) -> None:
    call = last(SHAPED.replace("CLASS", declared).replace("SHAPE", shape))
    assert [(part.role, part.kind) for part in call.segments] == [
        ("system", "static"),
        ("user", "variable"),
    ]


def test_a_prompt_of_its_own_that_a_method_shapes_makes_a_function_a_step() -> None:
    source = SHAPED.replace("CLASS", MODEL).replace("SHAPE", "one.model_dump()")
    source = source.replace(
        "content=plan", 'content=f"This is the plan that is to be checked: {plan}"'
    )
    assert lines(compiled(source + "\n\ncheck('Dig a well.')\n")) == [17]


def test_a_transcript_of_a_growing_conversation_carries_its_answers() -> None:
    source = """
    def told(history):
        return "\\n".join(f"{one['role']}: {one['content']}" for one in history)

    def run(topics):
        history = []
        for topic in topics:
            answer = ask(f"Answer: {topic} after {told(history)}")
            history.append({"role": "assistant", "content": answer})
        return ask("Sum up: " + told(history))
    """
    assert joined(source) == {"Answer > Answer, later", "Answer > Sum"}
