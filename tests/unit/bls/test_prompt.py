"""Tokens and retention of a prompt, by the bundled tokenizer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.plan import Form, Node, ServedPlan
from charter_engine.bls.prompt import Arrival, Preparer, RequestError
from charter_engine.bls.retention import SegmentRange, SegmentRetention
from charter_engine.bls.reuse_times import UNMATCHED
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path

TOKENIZER = Tokenizer(tokenizer_path())
PLAN = ServedPlan(
    revision=3,
    nodes={
        "n": Node(
            name="n",
            forms=(Form(("Be brief.\n", None, "\nAnswer:"), (0, 1, 2)),),
            segments=3,
            order=(0, 1, 2),
            retention=SegmentRetention((SegmentRange(0, 0, 80, None),)),
        ),
        "moved": Node(
            name="moved",
            forms=(Form(("Rules first. ", None), (0, 1)), Form((None, "Rules first. "), (1, 0))),
            segments=2,
            order=(1, 0),
            wording={1: "Rules, first. "},
        ),
    },
)
PREPARER = Preparer(PLAN, TOKENIZER)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_ends_count_the_tokens_that_begin_before_them(texts: list[str]) -> None:
    text = "".join(texts)
    ends = [sum(map(len, texts[: index + 1])) for index in range(len(texts))]
    ids, token_ends = TOKENIZER.encode(text, ends)
    starts = [start for start, _ in TOKENIZER._tokenizer.encode(text).offsets]
    assert len(ids) == len(starts)
    assert token_ends == [sum(start < end for start in starts) for end in ends]


def test_a_text_finds_its_node_and_its_retention() -> None:
    prompt = PREPARER.prepare(Arrival(text="Be brief.\nWhat is a block?\nAnswer:"))
    assert prompt.node == "n"
    assert prompt.retention["retention_token_range_starts"] == [0]
    (end,) = prompt.retention["retention_token_range_ends"]
    assert TOKENIZER.decode(prompt.token_ids[:end]) == "Be brief.\n"


def test_a_text_of_nobody_is_unmatched_and_asks_for_nothing() -> None:
    prompt = PREPARER.prepare(Arrival(text="Something else"))
    assert (prompt.node, prompt.retention) == (UNMATCHED, {})


def test_segments_in_source_order_are_laid_out_and_worded_by_the_plan() -> None:
    prompt = PREPARER.prepare(Arrival(segments=("a document", "Rules first. "), node="moved"))
    assert TOKENIZER.decode(prompt.token_ids) == "Rules, first. a document"


def test_segments_with_positions_are_sent_as_they_come() -> None:
    prompt = PREPARER.prepare(Arrival(segments=("x ", "y"), positions=(1, 0), node="moved"))
    assert TOKENIZER.decode(prompt.token_ids) == "x y"


def test_known_tokens_stand_as_they_are() -> None:
    known = (5, 6, 7)
    arrival = Arrival(
        segments=("Be brief.", "?", " And now"), positions=(0, 1, 2), known_ids=((), known, ())
    )
    ids = list(PREPARER.prepare(arrival).token_ids)
    before, after = (
        TOKENIZER.encode("Be brief.")[0],
        TOKENIZER.encode(" And now", begins_prompt=False)[0],
    )
    assert ids == [*before, *known, *after]


def test_token_ids_take_a_retention_over_the_whole_prompt() -> None:
    whole = SegmentRetention((SegmentRange(0, None, 90, 10),))
    prompt = PREPARER.prepare(Arrival(token_ids=(1, 2, 3), retention=whole))
    assert prompt.retention["retention_token_range_ends"] == [-1]


@pytest.mark.parametrize(
    ("arrival", "words"),
    [
        (Arrival(text="x", node="nobody"), "has no node 'nobody'"),
        (Arrival(segments=("x",), node="n"), "3 segments and 1 were sent"),
        (Arrival(text=""), "the prompt is empty"),
        (
            Arrival(token_ids=(1,), retention=SegmentRetention((SegmentRange(1, 1, 90, None),))),
            "no segments",
        ),
        (Arrival(segments=("x", "y"), positions=(0,)), "the same length"),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(arrival: Arrival, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        PREPARER.prepare(arrival)


def test_a_node_named_for_a_text_it_does_not_fit_keeps_what_is_certain() -> None:
    prompt = PREPARER.prepare(Arrival(text="Be brief.\nno cue here", node="n"))
    assert prompt.node == "n"
    (end,) = prompt.retention["retention_token_range_ends"]
    assert TOKENIZER.decode(prompt.token_ids[:end]) == "Be brief.\n"
