"""A user's own check of answers."""

import shlex
import sys

import pytest

from charter_engine.api.answer_checks import AnswerToCheck, checked
from charter_engine.errors import CharterError, UsageError

ANSWERS = [
    AnswerToCheck(request=number, arm="treated", session="s", node="n", answer=text)
    for number, text in enumerate(('{"a": 1}', "no JSON", "[]"))
]
SHORT = (
    "import json, sys\n"
    "for line in sys.stdin: print(json.dumps(len(json.loads(line)['answer']) < 5))"
)


def program(text: str) -> str:
    return shlex.join([sys.executable, "-c", text])


async def test_an_answer_may_have_to_be_valid_json() -> None:
    assert await checked("json", ANSWERS) == [True, False, True]


async def test_a_command_reads_the_answers_as_lines_of_json_and_says_which_pass() -> None:
    assert await checked(program(SHORT), ANSWERS) == [False, False, True]


async def test_nothing_is_started_for_no_answers() -> None:
    assert await checked("no-such-program", []) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print('true')", "got 3 answers and gave 1 verdicts"),
        ("print('maybe')", "gave 0 verdicts"),
        ("import sys; sys.exit('what is this')", "ended with 1: what is this"),
    ],
)
async def test_a_command_that_does_not_say_is_an_error(text: str, words: str) -> None:
    with pytest.raises(CharterError, match=words):
        await checked(program(text), ANSWERS)


async def test_a_command_that_cannot_be_started_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-program"):
        await checked("no-such-program", ANSWERS)
