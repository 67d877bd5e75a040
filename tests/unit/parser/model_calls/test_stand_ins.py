"""Functions that answer out of their own source: mocks that stand in for a model."""

import pytest

from tests.unit.parser.compiled import edges, package

CLIENT = """
from openai import OpenAI

class Client:
    def generate_text(self, prompt):
        return OpenAI().responses.create(model="m", input=prompt).output_text
"""

MOCK = """
import json
from texts import shortened

class MockClient:
    def generate_text(self, prompt):
        BODY

    def reply(self, prompt):
        return "A reply to " + self.told(prompt)

    def told(self, prompt):
        return quoted(shortened(prompt.strip()))

class Engine:
    def __init__(self, prompt):
        self.answer = runtime.answer(prompt)

def quoted(text):
    return json.dumps(text)
"""

TEXTS = """
def shortened(text):
    return text[:100]
"""

PROGRAM = """
from client import Client
from mock import MockClient

def ask(prompt):
    try:
        return Client().generate_text(prompt)
    except TimeoutError:
        pass
    CALL

def plan(topic):
    return ask("Plan a text about " + topic)
"""


def lines_of(body: str, call: str) -> list[int]:
    files = package(
        client=CLIENT,
        texts=TEXTS,
        mock=MOCK.replace("BODY", body),
        program=PROGRAM.replace("CALL", call),
    )
    return [found.line for found in files["program.py"].calls]


@pytest.mark.parametrize(
    "body",
    [
        'return "A plan."',
        'return "A plan." if "plan" in prompt.lower() else self.reply(prompt)',
        'return json.dumps({"plan": prompt[:100]})',
        "self.asked.append(prompt); return self.answers.pop(0)",
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        "return MockClient().generate_text(prompt)",
        "mock = MockClient(); return mock.generate_text(prompt)",
    ],
)
def test_a_mock_that_answers_out_of_its_own_source_asks_nobody(body: str, call: str) -> None:
    assert lines_of(body, call) == [7, 13]


@pytest.mark.parametrize(
    "body",
    [
        "return self.engine.complete(prompt)",
        "return runtime.answer(prompt)",
        "return answered(prompt)",
        "return Engine(prompt).answer",
        "return getattr(self, 'engine')(prompt)",
        "...",
    ],
)
def test_one_that_calls_what_is_not_at_hand_may_ask_a_model(body: str) -> None:
    assert 10 in lines_of(body, "return MockClient().generate_text(prompt)")


@pytest.mark.parametrize(
    "kept",
    [
        "def __init__(self, llm=None):\n        self.llm = llm or MockClient()",
        "def __init__(self, llm: MockClient):\n        self.llm = llm",
    ],
)
def test_what_a_mock_stands_in_for_is_asked(kept: str) -> None:
    program = f"""
from mock import MockClient

class Writer:
    {kept}

    def write(self, topic):
        return self.llm.generate_text("Write about " + topic)
"""
    files = package(mock=MOCK.replace("BODY", 'return "A plan."'), program=program)
    assert [found.line for found in files["program.py"].calls] == [9]


def test_what_a_wrapper_packs_into_a_record_is_the_answer_and_not_what_a_mock_repeats() -> None:
    program = """
    from dataclasses import dataclass
    from client import Client
    from mock import MockClient

    @dataclass
    class Answer:
        text: str
        vendor: str

    def ask(prompt):
        try:
            return Answer(text=Client().generate_text(prompt), vendor="real")
        except TimeoutError:
            return Answer(text=MockClient().generate_text(prompt), vendor="mock")

    def main(topic):
        plan = ask("Plan a text about " + topic)
        draft = ask("Write by this plan: " + plan.text)
        return ask("Mend this: " + draft.text)
    """
    mock = MOCK.replace("BODY", 'return "An answer to " + prompt')
    files = package(client=CLIENT, texts=TEXTS, mock=mock, program=program)
    assert edges(files["program.py"]) == {(18, 19, "data"), (19, 20, "data")}


def test_an_answer_is_not_what_a_mock_repeats_of_the_prompt() -> None:
    program = """
    from client import Client
    from mock import MockClient

    def ask(prompt):
        try:
            return Client().generate_text(prompt)
        except TimeoutError:
            return MockClient().generate_text(prompt)

    def main(topic):
        plan = ask("Plan a text about " + topic)
        draft = ask("Write by this plan: " + plan)
        return ask("Mend this: " + draft)
    """
    mock = MOCK.replace("BODY", 'return "An answer to " + prompt')
    files = package(client=CLIENT, texts=TEXTS, mock=mock, program=program)
    assert edges(files["program.py"]) == {(12, 13, "data"), (13, 14, "data")}
