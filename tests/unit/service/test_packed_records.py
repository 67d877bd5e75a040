"""Records of traffic that are held packed."""

import pytest

from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.service.packed_records import TOGETHER, PackedRecords

MANY = 5 * TOGETHER + 7
RECORDS = tuple(
    TrafficRecord(at=float(number), sequence=number, node="a", hashes=bytes(8), ttft_ms=None)
    for number in range(MANY)
)


def held(most: int, at_once: int) -> PackedRecords:
    records = PackedRecords(most)
    for begin in range(0, MANY, at_once):
        records.add(RECORDS[begin : begin + at_once])
    return records


@pytest.mark.parametrize("at_once", [1, 50, MANY])
def test_all_come_back_as_they_were_added(at_once: int) -> None:
    records = held(MANY, at_once)
    assert tuple(records.all()) == RECORDS
    assert len(records) == MANY


@pytest.mark.parametrize("count", [0, 1, TOGETHER, 3 * TOGETHER, MANY + 1])
def test_the_last_come_in_their_order(count: int) -> None:
    assert tuple(held(MANY, 50).last(count)) == RECORDS[max(0, MANY - count) :]


@pytest.mark.parametrize("at_once", [1, 50, MANY])
def test_no_fewer_are_held_than_asked_for_and_hardly_more(at_once: int) -> None:
    records = held(TOGETHER, at_once)
    assert TOGETHER <= len(records) < 2 * TOGETHER
    assert tuple(records.all()) == RECORDS[-len(records) :]


def test_nothing_is_left_of_what_is_forgotten() -> None:
    records = held(MANY, 50)
    records.clear()
    assert (len(records), list(records.all()), list(records.last(9))) == (0, [], [])
