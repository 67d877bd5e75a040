"""What a test of its class tells of a value."""

import pytest

from tests.unit.parser.compiled import compiled, lines, only

MODELS = """
from vllm import LLM

class Stub:
    def generate(self, prompts):
        return ["A fixed answer." for _ in prompts]

class Quiet(Stub):
    pass

def model(is_real):
    return LLM("m") if is_real else Quiet()

def ask(prompts, is_real):
    llm = model(is_real)
"""


@pytest.mark.parametrize(
    ("body", "asking"),
    [
        ("if isinstance(llm, Stub):\n        return llm.generate(prompts)\n", []),
        ("if not isinstance(llm, Stub):\n        return llm.generate(prompts)\n", [17]),
        (
            "if isinstance(llm, (Stub, Quiet)):\n        pass\n    else:\n"
            "        return llm.generate(prompts)\n",
            [19],
        ),
        ("if llm:\n        return llm.generate(prompts)\n", [17]),
    ],
    ids=["is", "is not", "else", "another test"],
)
def test_only_what_a_value_may_be_is_asked(body: str, asking: list[int]) -> None:
    assert lines(compiled(f"{MODELS}    {body}")) == asking


def test_what_leaves_is_nothing_that_follows() -> None:
    file = compiled(
        MODELS
        + """    if isinstance(llm, Stub):
        return llm.generate(prompts)
    return llm.generate(prompts)
"""
    )
    assert lines(file) == [18]


SHAPED = """
from openai import OpenAI

client = OpenAI()

class Agent:
    def __init__(self, rules):
        self.rules = rules
        self.said = []

    def begin(self):
        if isinstance(self.rules, list):
            for rule in self.rules:
                self.said.append({"role": "system", "content": rule})
        else:
            self.said.append({"role": "system", "content": self.rules})

def main(question):
    agent = Agent(RULES)
    agent.begin()
    agent.said.append({"role": "user", "content": question})
    return client.chat.completions.create(model="m", messages=agent.said)
"""


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ("['Plan.', 'Write.']", ["Plan.", "Write.", "question"]),
        ("'Plan.'", ["Plan.", "question"]),
    ],
)
def test_what_is_for_lists_is_not_done_with_a_text(rules: str, told: list[str]) -> None:
    call = only(compiled(SHAPED.replace("RULES", rules)))
    assert [part.text or part.name for part in call.segments] == told


def test_what_may_be_a_list_or_a_text_goes_either_way() -> None:
    call = only(compiled(SHAPED.replace("RULES", "question")))
    assert len(call.segments) > 2
