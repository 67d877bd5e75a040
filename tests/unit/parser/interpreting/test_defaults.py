"""What stands in for variables of the environment, and for fields of records, in prompts."""

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


RECORDS = """
from dataclasses import dataclass, field
from enum import Enum
from pydantic import BaseModel, Field

class Prompt(str, Enum):
    RULES = "Name the berth, and guess no depth."

class Told(BaseModel):
    rules: str = Field(default="Name the berth, and guess no depth.", description="What to do")

@dataclass
class Agent:
    name: str
    rules: list = field(default_factory=lambda: ["Name the berth,", "and guess no depth."])
"""


@pytest.mark.parametrize(
    "rules", ["Prompt.RULES.value", "Told().rules", '" ".join(Agent("Mara").rules)']
)
def test_a_record_holds_what_its_class_names(rules: str) -> None:
    found = compiled(f"{RECORDS}{HEAD}def run():\n    ask({rules})").calls[-1].segments[0]
    assert found.text == "Name the berth, and guess no depth."


def test_what_a_cache_does_not_hold_yet_is_what_is_put_there() -> None:
    body = """
class Prompts:
    def __init__(self):
        self._cache = {}

    def load(self, name):
        if name in self._cache:
            return self._cache[name]
        text = {"rules": RULES}[name]
        self._cache[name] = text
        return text

prompts = Prompts()

def run():
    ask(prompts.load("rules"))
"""
    assert compiled(HEAD + body).calls[-1].segments[0].text == (
        "Name the berth, and guess no depth."
    )
