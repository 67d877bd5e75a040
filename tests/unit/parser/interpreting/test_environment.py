"""Variables of the environment in prompts."""

import pytest

from charter_engine.contracts.graph import Segment
from tests.unit.parser.compiled import compiled

HEAD = """
import os
from os import environ, getenv
from openai import OpenAI

client = OpenAI()
RULES = "Name the berth, and guess no depth."

def ask(rules):
    client.chat.completions.create(model="m", messages=[{"role": "system", "content": rules}])

"""


def first(rules: str) -> Segment:
    return compiled(f"{HEAD}def run():\n    ask({rules})").calls[-1].segments[0]


@pytest.mark.parametrize(
    "rules",
    [
        'os.getenv("RULES", RULES)',
        'os.environ.get("RULES", RULES)',
        'getenv("RULES", default=RULES)',
        'environ.get("RULES") or RULES',
        'os.getenv("RULES") or RULES',
    ],
)
def test_what_stands_in_for_a_variable_is_taken(rules: str) -> None:
    assert first(rules).text == "Name the berth, and guess no depth."


def test_a_variable_without_that_is_open_and_the_same_in_every_turn() -> None:
    found = first('os.getenv("RULES")')
    assert (found.kind, found.fixed) == ("variable", True)


def test_what_a_function_of_the_system_finds_is_not_what_it_is_given() -> None:
    assert first('os.listdir("prompts")').kind == "variable"
