"""Reuse-times files: what is written reads back, and what is no reuse-times file is refused in
words."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.bls.forest import Division
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.reuse_times_file import InvalidReuseTimes, decode, encode
from charter_engine.plan.retention.scale import Pricing


@cache
def model() -> ReuseTimeModel:
    requests = [
        WorkloadRequest(
            timestamp=1000.0 * turn * (1 + session % 3),
            input_length=64 * (2 + turn // 4),
            output_length=5,
            hash_ids=tuple(range(1000 * session, 1000 * session + 2 + turn // 4)),
            block_tokens=64,
            node="agent",
            session=f"s{session}",
        )
        for session in range(12)
        for turn in range(20)
    ]
    return learn(as_workload(requests))


def divided() -> ReuseTimeModel:
    """The same model, each of its groups being two levels."""
    steps = ((0.5,),) * (len(model().steps) + 1)
    return replace(
        model(),
        levels=tuple(times for times in model().levels for _ in range(2)),
        division=Division(model().forest, steps),
    )


def damaged(**changes: Any) -> bytes:
    """The file with parts of its model replaced; a function is given what was there."""
    document = json.loads(encode(model()))
    for key, value in changes.items():
        place = document["model"] if key in document["model"] else document
        place[key] = value(place[key]) if callable(value) else value
    return json.dumps(document).encode()


def test_what_is_written_reads_back_equal() -> None:
    pricing = Pricing(0.9, 36, 128, (1.0, 3.0))
    room = PoolRoom(100, 64, "flat")
    content = encode(model(), pricing=pricing, room=room, sources=("a.jsonl",))
    found = decode(content, "waits.json")
    assert (found.model, found.pricing, found.room, found.sources) == (
        model(),
        pricing,
        room,
        ("a.jsonl",),
    )


def test_a_pool_without_blocks_is_refused() -> None:
    room = {"blocks": 0, "tokens_per_block": 64, "eviction": "flat"}
    with pytest.raises(InvalidReuseTimes, match="a pool has blocks of tokens"):
        decode(damaged(room=lambda _: room), "waits.json")


def test_a_second_score_reads_back_equal() -> None:
    assert decode(encode(divided()), "waits.json").model == divided()


@pytest.mark.parametrize("steps", [[], [[0.5]], [[0.5, 0.1]], [[0.5], []]])
def test_a_second_score_that_does_not_divide_the_levels_is_refused(
    steps: list[list[float]],
) -> None:
    document = json.loads(encode(divided()))
    document["model"]["division"]["steps"][: len(steps) or None] = steps
    document["model"]["rungs"] += document["model"]["rungs"] if steps == [[0.5]] else []
    with pytest.raises(InvalidReuseTimes, match="retention levels"):
        decode(json.dumps(document).encode(), "waits.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a reuse-times file"),
        (b"{}", "its format is not"),
        (b"[]", "not a reuse-times file"),
        (b"\xff\xfe", "not a reuse-times file"),
        (damaged(format="charter-plan"), "its format is not"),
        (damaged(version=2), "version 2 is not 1"),
        (damaged(price=-1.0), "price"),
        (damaged(most=35), "highest priority"),
        (damaged(most=101), "highest priority"),
        (damaged(last_tokens=-1), "last tokens"),
        (damaged(ahead_s=[1.0, -3.0]), "in the past"),
        (damaged(features=["gap"]), "other features"),
        (damaged(rungs=[]), "retention levels"),
        (damaged(everything={"counts": [1.0], "never": 0}), "distribution"),
        (damaged(forest=lambda forest: {**forest, "cuts": []}), "features"),
        (
            damaged(
                forest=lambda forest: {**forest, "feature": [[9999] * len(forest["feature"][0])]}
            ),
            "incomplete",
        ),
        (
            damaged(
                forest=lambda f: {**f, "threshold": [[10**30] * len(row) for row in f["threshold"]]}
            ),
            "bin there is",
        ),
        (
            damaged(forest=lambda f: {**f, "feature": [[9999] * len(row) for row in f["feature"]]}),
            "feature there is",
        ),
        (damaged(pauses=lambda pauses: {**pauses, "bounds_s": [0.0]}), "seconds in ascending"),
        (damaged(pauses=lambda pauses: {**pauses, "start": [0.5]}), "each of"),
        (damaged(pauses=lambda pauses: {**pauses, "beyond": pauses["beyond"][1:]}), "each tree"),
        (
            damaged(pauses=lambda pauses: {**pauses, "beyond": [99] * len(pauses["beyond"])}),
            "class of pauses there is not",
        ),
    ],
)
def test_what_is_no_reuse_times_file_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(InvalidReuseTimes, match=words) as refusal:
        decode(content, "waits.json")
    assert str(refusal.value).startswith("waits.json: ")
    assert "charter-engine learn" in refusal.value.remedy


def test_a_file_that_tells_no_pauses_is_read() -> None:
    document = json.loads(encode(model()))
    del document["model"]["pauses"]
    assert decode(json.dumps(document).encode(), "waits.json").model.pauses is None


@given(st.integers(0, 10**6))
def test_half_a_file_is_refused(cut: int) -> None:
    whole = encode(model()).rstrip()
    with pytest.raises(InvalidReuseTimes):
        decode(whole[: cut % len(whole)], "waits.json")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_but_never_crash(content: bytes) -> None:
    with pytest.raises(InvalidReuseTimes):
        decode(content, "waits.json")
