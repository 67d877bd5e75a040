"""Prompts in parts that a layout can move."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.graph import Segment
from charter_engine.prompts.parts import messages, movable_groups, split_static


def static(text: str, line: int = 0) -> Segment:
    return Segment(kind="static", text=text, line=line)


@given(st.lists(st.text(alphabet="ab:\n \t", max_size=40), max_size=4))
def test_the_parts_join_to_the_text_they_came_from(texts: list[str]) -> None:
    assert "".join(part.text for part in split_static(map(static, texts))) == "".join(texts)


def test_paragraphs_become_parts_that_start_with_their_blank_line() -> None:
    assert [
        part.text for part in split_static([static("System.\n\nTask: go.\n\nDocument:\n")])
    ] == [
        "System.",
        "\n\nTask: go.",
        "\n\nDocument:\n",
    ]


def test_parts_know_the_line_they_start_on() -> None:
    assert [part.line for part in split_static([static("a\n\nb\nc\n\nd", line=10)])] == [10, 10, 13]


def test_a_label_moves_with_what_it_introduces() -> None:
    segments = split_static(
        [
            static("System.\n\nDocument:\n"),
            Segment(kind="variable", name="document"),
            static("\n\nGo:"),
        ]
    )
    assert movable_groups(segments, range(4)) == ((0,), (1, 2), (3,))


def test_what_shares_a_line_moves_together() -> None:
    segments = (
        static("You speak with "),
        Segment(kind="variable", name="name"),
        static(", a pilot.\n"),
        static("Rules."),
    )
    assert movable_groups(segments, range(4)) == ((0, 1, 2), (3,))


def test_a_long_constant_stands_for_itself() -> None:
    rules = Segment(kind="static", text="Never guess a depth. " * 9, name="RULES")
    segments = (Segment(kind="variable", name="clock"), rules)
    assert movable_groups(segments, range(2)) == ((0,), (1,))


def test_neighbours_of_one_role_are_a_message_apart_from_what_turns_leave() -> None:
    segments = (
        Segment(kind="static", text="a", role="system"),
        Segment(kind="variable", name="b", role="system"),
        Segment(kind="variable", name="c", role="user"),
        Segment(kind="variable", name="d", role="user", each_turn=True),
    )
    assert messages(segments) == ((0, 1), (2,), (3,))
