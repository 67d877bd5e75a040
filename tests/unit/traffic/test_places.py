"""Where in the source it is from what stands at a place of a prompt."""

from charter_engine.contracts.explaining import MissCause
from charter_engine.contracts.graph import Call, Segment
from charter_engine.traffic.places import placed, segment_at

CALL = Call(
    id="Clerk.answer:text",
    path="clerk.py",
    line=10,
    end_line=14,
    segments=(
        Segment(kind="variable", expression="now()", line=11),
        Segment(kind="static", text="\nAnswer from the register.\n", line=11),
        Segment(kind="variable", expression="question", line=12),
        Segment(kind="static", text="\nSay which berth.", line=13),
    ),
)
TEXT = "12:03\nAnswer from the register.\nWhere is the Alma?\nSay which berth."


def expression_at(text: str, words: str) -> str | None:
    segment = segment_at(CALL, text, text.index(words))
    return (segment.expression or segment.text) if segment else None


def test_the_variable_before_between_and_behind_the_static_pieces() -> None:
    assert expression_at(TEXT, "12:03") == "now()"
    assert expression_at(TEXT, "the Alma") == "question"
    assert expression_at(TEXT, "which") == "\nSay which berth."


def test_a_prompt_that_comes_as_planned_keeps_its_variables() -> None:
    laid_out = "Answer from the register.\nWhere is the Alma?\nSay which berth.12:03"
    assert expression_at(laid_out, "the Alma") == "question"


def test_a_text_that_has_none_of_the_static_pieces_tells_nothing() -> None:
    assert segment_at(CALL, "Something else", 3) is None


def test_a_cause_names_the_line_of_source() -> None:
    told = placed(MissCause(kind="time stamp"), (CALL,), CALL.id, TEXT, 2)
    assert (told.kind, told.segment, told.path, told.line) == (
        "time stamp",
        "now()",
        "clerk.py",
        11,
    )


def test_text_of_no_other_kind_is_that_of_its_variable() -> None:
    told = placed(MissCause(kind="other text"), (CALL,), "", TEXT, TEXT.index("the Alma"))
    assert (told.kind, told.segment, told.line) == ("variable", "question", 12)
    assert "layout" in told.remedy
