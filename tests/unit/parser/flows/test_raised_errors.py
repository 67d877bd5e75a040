"""What errors tell of answers."""

import pytest

from tests.unit.parser.compiled import joined


@pytest.mark.parametrize(
    ("error", "edges"),
    [
        ('json.JSONDecodeError("No object was found.", answer, 0)', set()),
        ('json.JSONDecodeError(f"No object is in {answer}.", answer, 0)', {"Plan > Plan, later"}),
        ('ValueError("No object was found.", answer)', {"Plan > Plan, later"}),
    ],
)
def test_an_error_about_a_document_does_not_say_what_is_in_it(error: str, edges: set[str]) -> None:
    program = f"""
import json

def parsed(answer):
    if "{{" not in answer:
        raise {error}
    return json.loads(answer)

def main(topic):
    wrong = ""
    for _ in range(3):
        try:
            return parsed(ask(f"Plan a talk about this topic as JSON. {{topic}} {{wrong}}"))
        except ValueError as raised:
            wrong = str(raised)
"""
    assert joined(program) == edges
