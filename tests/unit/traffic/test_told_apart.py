"""Requests told apart as they come."""

from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.told_apart import ToldApart
from tests.unit.traffic.records import record

SYSTEM = list(range(64))


def parts(teller: ToldApart, *records: TrafficRecord) -> list[PromptParts | None]:
    return [told for _, told in teller.take(records, 16)]


def test_what_was_never_seen_is_new_and_what_is_known_is_reused_or_evicted() -> None:
    first = record(SYSTEM, sequence=0, reused_tokens=0)
    reused = record([*SYSTEM, 500], sequence=1, at=101.0, reused_tokens=64)
    missed = record([*SYSTEM, 501], sequence=2, at=102.0, reused_tokens=0)
    assert parts(ToldApart(), first, reused, missed) == [
        PromptParts(new=64),
        PromptParts(reused=64, new=1),
        PromptParts(evicted=64, new=1),
    ]


def test_another_beginning_before_the_same_text_is_a_divergence() -> None:
    first = record([*range(900, 916), *SYSTEM], sequence=0, session="s", reused_tokens=0)
    stamped = [*range(900, 908), *range(700, 708), *SYSTEM]
    second = record(stamped, sequence=1, at=101.0, session="s", reused_tokens=0)
    teller = ToldApart()
    parts(teller, first)
    (told,) = parts(teller, second)
    assert told is not None
    assert told.diverged > 0
    assert told.total == len(stamped)


def test_a_request_without_hashes_has_no_parts() -> None:
    assert parts(ToldApart(), TrafficRecord(at=1.0)) == [None]


def test_of_more_than_there_is_room_for_the_last_are_remembered() -> None:
    teller = ToldApart(most_grains=16)
    prompts = [[1000 * number + token for token in range(64)] for number in range(8)]
    for number, tokens in enumerate(prompts):
        parts(teller, record(tokens, sequence=number, at=100.0 + number, reused_tokens=0))
    again = [record(prompts[number], sequence=9, at=200.0, reused_tokens=0) for number in (0, 7)]
    (forgotten,) = parts(teller, again[0])
    (remembered,) = parts(teller, again[1])
    assert forgotten == PromptParts(new=64)
    assert remembered is not None and remembered.evicted > 0
