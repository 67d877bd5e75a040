"""What is raised with an answer reaches the prompts that are made of the error."""

import pytest

from tests.unit.parser.compiled import flows

RETRY = """
class Rejected(Exception):
    pass

def checked(answer):
    if len(answer) > 100:
        raise RAISED
    return answer

def work(question):
    problem = ""
    for attempt in range(3):
        answer = ask(f"Answer in a hundred letters: {question} {problem}")
        try:
            return checked(answer)
        except HANDLED as error:
            problem = SAID
    return ""

print(work(input()))
"""


def is_told(raised: str, handled: str = "Exception", said: str = "str(error)") -> bool:
    source = RETRY.replace("RAISED", raised).replace("HANDLED", handled).replace("SAID", said)
    return "work > work, later" in flows(source)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        ('ValueError(f"Too long: {answer}")', True),
        ('Rejected(f"Too long: {answer}")', True),
        ('Rejected("Too long", answer)', True),
        ('ValueError("Too long")', False),
        ("Rejected", False),
    ],
)
def test_an_error_holds_what_it_was_raised_with(raised: str, told: bool) -> None:
    assert is_told(raised) is told


def test_an_error_that_is_only_counted_tells_nothing() -> None:
    assert not is_told('ValueError(f"Too long: {answer}")', said="attempt")


def test_an_error_that_was_handled_reaches_nobody_further_out() -> None:
    source = RETRY.replace("RAISED", 'ValueError(f"Too long: {answer}")')
    source = source.replace("HANDLED", "Exception").replace("SAID", "str(error)")
    handled = source.replace(
        "            return checked(answer)",
        "            try:\n                return checked(answer)\n"
        "            except ValueError:\n                print(attempt)",
    )
    assert "work > work, later" not in flows(handled)
