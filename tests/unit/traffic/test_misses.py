"""Conversations by their hashes: what became of prompts that go on from answers."""

import pytest

from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.misses import Knowledge, Miss, misses
from charter_engine.traffic.seen import seen_prompts
from tests.unit.traffic.records import record

PROMPT, ANSWER, MORE = list(range(40)), list(range(100, 156)), list(range(200, 230))
FIRST = record(PROMPT, ANSWER, at=1.0, total_ms=500.0, reused_tokens=0)
AMPLE = PoolSettings(100, 16)


def goes_on(reused: int | None, at: float = 9.0) -> TrafficRecord:
    return record([*PROMPT, *ANSWER, *MORE], at=at, reused_tokens=reused)


def last(*records: TrafficRecord, pool: PoolSettings = AMPLE) -> Miss:
    return misses(seen_prompts(records), Knowledge(pool=pool))[-1]


@pytest.mark.parametrize("measured", [95, None])
def test_a_prompt_that_goes_on_from_an_answer_computes_nothing_again(measured: int | None) -> None:
    told = last(FIRST, goes_on(measured))
    assert (told.parts.reused, told.parts.new, told.parts.again) == (95, 31, 0)
    assert (told.facts.predicted, told.cause.kind) == (95, "new text")


def test_an_answer_that_had_to_go_was_evicted() -> None:
    others = [record(list(range(n, n + 90)), at=n / 1000) for n in range(2_000, 7_000, 1_000)]
    told = last(FIRST, *others, goes_on(0), pool=PoolSettings(12, 16))
    assert (told.parts.evicted, told.cause.kind) == (95, "evicted")


def test_an_answer_that_is_not_there_yet_cannot_be_reused() -> None:
    told = last(FIRST, goes_on(0, at=1.2))
    assert told.cause.kind == "still computing"
