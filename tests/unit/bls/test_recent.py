"""The memory of recent prompts."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from charter_engine.bls import ring as rings
from charter_engine.bls.chain import Chain
from charter_engine.bls.recent import RecentError, RecentPrompts, open_recent
from charter_engine.bls.ring import LEAST_BYTES, open_ring
from charter_engine.bls.tap import Tap, TapError

IDS: Any = np.arange(40, dtype=np.int32)
LAST = int(Chain().hashes(IDS)[-1])


def words(token_ids: Sequence[int]) -> str:
    return " ".join(map(str, token_ids))


@pytest.fixture
def recent() -> Iterator[RecentPrompts]:
    made = open_recent("unit recent", LEAST_BYTES)
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def tap(recent: RecentPrompts) -> Iterator[Tap]:
    made = Tap(open_ring("unit recent tap", LEAST_BYTES), recent)
    yield made
    made.close()


def test_a_prompt_is_found_by_the_last_of_its_hashes_with_its_answer(tap: Tap) -> None:
    tap.add({"node": "n"}, IDS, [7, 8])
    heading, ids = tap.prompt(f"prompt:{LAST:x}", words)
    assert json.loads(heading) == {"prompt_tokens": 40}
    assert np.frombuffer(ids, "<i4").tolist() == [*range(40), 7, 8]


def test_the_texts_that_are_asked_for_come_with_it(tap: Tap) -> None:
    tap.add({"node": "n"}, IDS)
    _, _, one, other = tap.prompt(f"prompt:{LAST:x}:0:2:38:99", words)
    assert (one, other) == (b"0 1", b"38 39")


def test_of_a_prompt_that_came_twice_the_last_answer_is_told(tap: Tap) -> None:
    tap.add({}, IDS, [1])
    tap.add({}, IDS, [2])
    _, ids = tap.prompt(f"prompt:{LAST:x}", words)
    assert np.frombuffer(ids, "<i4")[-1] == 2


def test_the_oldest_are_forgotten_for_want_of_room(tap: Tap) -> None:
    tap.add({}, IDS)
    for number in range(4):
        tap.add({}, np.full(80_000, number, np.int32))
    assert tap.prompt(f"prompt:{LAST:x}", words) == [b"{}"]


def test_a_prompt_larger_than_the_memory_is_passed_over(tap: Tap) -> None:
    tap.add({}, IDS)
    tap.add({}, np.zeros(1_000_000, np.int32))
    assert len(tap.prompt(f"prompt:{LAST:x}", words)) == 2


def test_no_record_of_the_tap_holds_tokens(tap: Tap) -> None:
    tap.add({"node": "n"}, IDS, [7])
    _, record = tap.read("")
    assert set(json.loads(record)) == {"node", "hashes", "answer_hashes"}


@pytest.mark.parametrize("query", ["prompt:", "prompt:xyz", "prompt:1:2", "prompt:1:2:-3"])
def test_a_query_that_is_none_is_refused(tap: Tap, query: str) -> None:
    with pytest.raises(TapError, match="is no query"):
        tap.prompt(query, words)


def test_without_memory_a_query_says_that_nothing_is_kept() -> None:
    made = Tap(open_ring("unit no recent", LEAST_BYTES), open_recent("unit", 0))
    made.add({}, IDS)
    with pytest.raises(TapError, match="recent_prompts_bytes"):
        made.prompt(f"prompt:{LAST:x}", words)
    made.close()


def test_where_memory_cannot_be_had_nothing_is_kept_rather_than_written_to_a_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rings, "SHARE_OF_FREE", 1 << 62)
    assert open_recent("unit", LEAST_BYTES) is None


def test_all_instances_of_a_model_share_it(recent: RecentPrompts) -> None:
    other = open_recent("unit recent", LEAST_BYTES)
    assert other is not None
    recent.add(LAST, IDS, IDS[:0])
    assert len(other.told(f"prompt:{LAST:x}", words)) == 2
    other.close()


def test_where_a_key_is_asked_for_nobody_is_told_without_it() -> None:
    digest = hashlib.sha256(b"the key").hexdigest()
    recent = open_recent("unit keyed", LEAST_BYTES, digest)
    assert recent is not None
    try:
        recent.add(LAST, IDS, IDS[:0])
        for query in (f"prompt:{LAST:x}", f"prompt:{LAST:x}#another"):
            with pytest.raises(RecentError, match="key"):
                recent.told(query, words)
        heading, *_ = recent.told(f"prompt:{LAST:x}:0:2#the key", words)
        assert heading != b"{}"
    finally:
        recent.close()
