"""Taking a prompt apart where only one way is possible."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.alignment import only_alignment

TEXT = st.text(alphabet="ab\n", max_size=5)
PIECES = st.lists(st.one_of(st.none(), TEXT), min_size=1, max_size=6).map(tuple)


def alignments(pieces: tuple[str | None, ...], prompt: str) -> Iterator[tuple[str, ...]]:
    """Every way, by trying all."""
    if not pieces:
        if not prompt:
            yield ()
        return
    piece, rest = pieces[0], pieces[1:]
    starts = range(len(prompt) + 1) if piece is None else [len(piece)]
    for end in starts:
        if piece is None or prompt.startswith(piece):
            yield from ((prompt[:end], *others) for others in alignments(rest, prompt[end:]))


@given(PIECES, st.data())
def test_a_prompt_is_taken_apart_exactly_where_there_is_one_way(
    pieces: tuple[str | None, ...], data: st.DataObject
) -> None:
    made = "".join(data.draw(TEXT) if piece is None else piece for piece in pieces)
    prompt = data.draw(st.sampled_from((made, made[1:], made + "a")))
    found = list(alignments(pieces, prompt))
    assert only_alignment(pieces, prompt) == (found[0] if len(found) == 1 else None)


@pytest.mark.parametrize(
    ("pieces", "prompt", "texts"),
    [
        (("A ", None, " Z"), "A text Z", ("A ", "text", " Z")),
        (("A ", None, " Z"), "A  Z", ("A ", "", " Z")),
        (("A ", None, ":", None), "A one:two", ("A ", "one", ":", "two")),
        (("A ", None, ":", None), "A one:two:three", None),
        (("A ", None, None), "A text", None),
        (("A ", None, None), "A ", ("A ", "", "")),
        (("A",), "A", ("A",)),
        (("A",), "B", None),
        (("aba", None, "aba"), "ababa", None),
    ],
)
def test_an_alignment(
    pieces: tuple[str | None, ...], prompt: str, texts: tuple[str, ...] | None
) -> None:
    assert only_alignment(pieces, prompt) == texts


def test_a_prompt_made_to_take_long_takes_time_by_its_length() -> None:
    pieces = ("", *[None, "a" * 500 + "b"] * 10, None)
    prompt = ("a" * 1_000 + "b") * 500
    started = time.perf_counter()
    assert only_alignment(pieces, prompt) is None
    assert time.perf_counter() - started < 0.5
