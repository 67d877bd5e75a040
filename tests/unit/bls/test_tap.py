"""What the tap keeps of a request, and what a reader gets."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from charter_engine.bls.chain import Chain
from charter_engine.bls.ring import LEAST_BYTES, open_ring
from charter_engine.bls.tap import LONGEST_WORDS, MOST_RECORDS, Tap, TapError

IDS: Any = np.arange(40, dtype=np.int32)


@pytest.fixture
def tap() -> Iterator[Tap]:
    made = Tap(open_ring("unit tap", LEAST_BYTES))
    yield made
    made.close()


def read(tap: Tap, cursor: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    heading, *records = map(json.loads, tap.read(cursor))
    return heading, records


def test_a_record_holds_what_is_known_and_the_hashes_of_its_prompt(tap: Tap) -> None:
    tap.add({"node": "n", "session": "", "reused_tokens": 0, "ttft_ms": None}, IDS)
    _, (record,) = read(tap)
    hashes = base64.b64decode(record.pop("hashes"))
    assert record == {"node": "n", "reused_tokens": 0}
    assert np.frombuffer(hashes, "<u8").tolist() == Chain().hashes(IDS).tolist()


def test_an_answer_is_told_by_hashes_that_go_on_from_those_of_its_prompt(tap: Tap) -> None:
    tap.add({"node": "n"}, IDS, IDS)
    _, (record,) = read(tap)
    further = np.frombuffer(base64.b64decode(record["answer_hashes"]), "<u8")
    assert further.tolist() == Chain().hashes(np.concatenate((IDS, IDS)))[2:].tolist()


def test_words_of_clients_are_kept_short(tap: Tap) -> None:
    tap.add({"session": "s" * 10_000}, IDS)
    _, (record,) = read(tap)
    assert record["session"] == "s" * LONGEST_WORDS


def test_a_prompt_with_more_hashes_than_there_is_room_for_is_kept_without(tap: Tap) -> None:
    tap.add({"node": "n"}, np.arange(4_000_000, dtype=np.int32))
    _, (record,) = read(tap)
    assert record == {"node": "n"}


def test_a_reader_goes_on_from_the_cursor_it_was_given(tap: Tap) -> None:
    for number in range(MOST_RECORDS + 1):
        tap.add({"node": str(number)}, IDS[:1])
    heading, records = read(tap)
    assert (len(records), heading["left"], heading["first"]) == (MOST_RECORDS, 1, 0)
    heading, records = read(tap, heading["cursor"])
    assert ([record["node"] for record in records], heading["left"]) == ([str(MOST_RECORDS)], 0)


def test_what_a_reader_lost_is_told_exactly(tap: Tap) -> None:
    tap.add({"node": "read"}, IDS[:1])
    cursor = read(tap)[0]["cursor"]
    for number in range(3_000):
        tap.add({"node": str(number)}, np.arange(1_000, dtype=np.int32))
    heading, records = read(tap, cursor)
    assert heading["lost"] == int(records[0]["node"]) > 0
    assert heading["first"] == heading["lost"] + 1


def test_a_new_reader_has_lost_nothing(tap: Tap) -> None:
    for _ in range(3_000):
        tap.add({"node": "n"}, np.arange(1_000, dtype=np.int32))
    heading, _ = read(tap)
    assert heading["first"] > 0
    assert heading["lost"] == 0


@pytest.mark.parametrize("cursor", ["x", ":1", "ab:", "ab:-1", "ab:1e9", "ab:" + "9" * 30])
def test_what_is_no_cursor_is_refused(tap: Tap, cursor: str) -> None:
    with pytest.raises(TapError, match="is no cursor"):
        tap.read(cursor)


def test_a_cursor_of_another_tap_begins_at_the_oldest_and_says_so(tap: Tap) -> None:
    tap.add({"node": "n"}, IDS)
    heading, records = read(tap, "0011223344556677:500")
    assert (heading["restarted"], heading["first"], len(records)) == (True, 0, 1)
