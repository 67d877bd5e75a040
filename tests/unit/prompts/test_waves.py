"""Items that begin alike are one wave."""

import pytest

from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.plan import Plan
from charter_engine.prompts.assembly import expand
from charter_engine.prompts.waves import SHARED_CHARACTERS, Wave, has_company, waves_of

CALL = Call(
    id="answer",
    path="desk.py",
    line=1,
    end_line=1,
    segments=(
        Segment(kind="static", text="You answer questions on a document.\n"),
        Segment(kind="variable", name="document", expression="document"),
        Segment(kind="variable", name="question", expression="question"),
    ),
)
NOTICE = "The north quay is closed. " * 30
LETTER = "Thank you for the seeds of rye. " * 30


def waves(*documents: str) -> tuple[Wave, ...]:
    """Of one question each on these documents."""
    inputs = [
        {"document": document, "question": f"{number}?"}
        for number, document in enumerate(documents)
    ]
    return waves_of([expand([CALL], values) for values in inputs], Plan(agent="desk.py"))


def test_items_on_the_same_document_come_together_in_the_order_of_the_first_of_them() -> None:
    found = waves(NOTICE, LETTER, NOTICE, LETTER, NOTICE)
    assert found == ((0, 2, 4), (1, 3)) and has_company(found)


def test_what_all_items_share_makes_no_wave() -> None:
    found = waves("A short one. ", "Another. ", "A third. ")
    assert found == ((0,), (1,), (2,)) and not has_company(found)


@pytest.mark.parametrize(
    ("shared", "together"), [(SHARED_CHARACTERS - 60, 0), (SHARED_CHARACTERS, 1)]
)
def test_little_that_is_shared_keeps_nobody_waiting(shared: int, together: int) -> None:
    found = waves("x" * shared + "one", "x" * shared + "two", "y")
    assert has_company(found) is bool(together)


def test_no_items_are_no_waves() -> None:
    assert waves() == ()
