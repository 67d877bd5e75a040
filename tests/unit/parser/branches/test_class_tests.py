"""What a test of its class tells of a value."""

import pytest

from tests.unit.parser.compiled import compiled, lines

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
