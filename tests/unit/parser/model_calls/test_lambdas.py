"""Lambdas that ask a model, under a name or in a table."""

import pytest

from tests.unit.parser.compiled import compiled

LAMBDAS = """
from openai import OpenAI

client = OpenAI()

quick = lambda text: client.responses.create(model="s", input=text).output_text
TABLE = {
    "quick": quick,
    "good": lambda text: client.responses.create(model="l", input=text).output_text,
}

def ask(text, kind):
    return CALLED(text)

def name(thing):
    return ask(f"Invent a name for {thing}.", "good")
"""


@pytest.mark.parametrize("called", ["quick", "TABLE[kind]"])
def test_a_lambda_under_a_name_or_in_a_table_is_a_wrapper(called: str) -> None:
    file = compiled(LAMBDAS.replace("CALLED", called))
    found = [(call.line, call.kind) for call in file.calls]
    assert found == [(6, "sdk"), (9, "sdk"), (13, "wrapper"), (16, "wrapper")]
