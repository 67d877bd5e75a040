"""The short form of `make fuzz`, and inputs made to cost as much as they can."""

import struct
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import zstandard

from charter_engine.plan.plan_file import InvalidPlan, read_plan
from charter_engine.store.delta import LIST, REPLACE
from charter_engine.store.recording_format import (
    CHUNK,
    ENTRY,
    FULL,
    MARKER,
    PATCH,
    NotARecording,
    entry,
    header,
)
from charter_engine.store.recording_reader import RecordingReader
from tests.fuzz.fuzz import attempt
from tests.fuzz.kinds import KINDS

INPUTS = 150


@pytest.mark.parametrize("name", KINDS)
def test_the_examples_themselves_are_read(name: str, tmp_path: Path) -> None:
    for number, seed in enumerate(KINDS[name].seeds):
        path = tmp_path / str(number)
        path.write_bytes(seed)
        KINDS[name].read(path)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore")
def test_spoilt_inputs_are_read_or_refused_in_time_and_memory(name: str) -> None:
    outcome = attempt(name, 0, INPUTS, megabytes=None)
    assert outcome.findings == []
    assert outcome.read + outcome.refused == INPUTS


@pytest.mark.timeout(120)
def test_a_small_recording_that_unpacks_to_gigabytes_is_damage(tmp_path: Path) -> None:
    packer = zstandard.ZstdCompressor().compressobj()
    packed = packer.compress(b"\xdb" + struct.pack(">I", 2**31))
    for _ in range(128):
        packed += packer.compress(b"\0" * 2**24)
    packed += packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    path = tmp_path / "bomb.charter"
    path.write_bytes(header() + entry(CHUNK, 1.0, packed))
    assert path.stat().st_size < 100_000
    reader = RecordingReader(path)
    assert list(reader.messages()) == []
    assert "could not be read" in reader.damaged
    reader.close()


@pytest.mark.timeout(120)
def test_patches_that_each_copy_a_long_list_are_given_up(tmp_path: Path) -> None:
    long = [0, FULL, "nodes", [None] * 200_000]
    patches = [[n, PATCH, "nodes", [LIST, {0: [REPLACE, n]}]] for n in range(50_000)]
    packed = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([long, *patches]))
    path = tmp_path / "copies.charter"
    path.write_bytes(header() + entry(CHUNK, 1.0, packed))
    reader = RecordingReader(path)
    reader.cursor().advance(reader.end)
    assert "could not be read" in reader.damaged
    reader.close()


@pytest.mark.timeout(120)
def test_headers_that_all_claim_a_long_body_are_given_up(tmp_path: Path) -> None:
    count = 400_000
    path = tmp_path / "claims.charter"
    claims = (ENTRY.pack(MARKER, CHUNK, (count - n - 1) * ENTRY.size, 0.0, 0) for n in range(count))
    path.write_bytes(header() + b"".join(claims))
    with pytest.raises(NotARecording):
        RecordingReader(path)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        "agent: " + "[" * 5_000 + "]" * 5_000,
        "agent: " + "{a: " * 5_000,
        "agent: " + "- " * 5_000 + "x",
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{n}: &{n} [{', '.join(['*' + p] * 9)}]\n" for p, n in pairwise("abcdefgh")),
        "agent: &a [*a]",
        "agent: x\n" + "why:\n" + "  - {text: x}\n" * 50_000,
    ],
    ids=["lists", "mappings", "sequences", "aliases", "itself", "length"],
)  # fmt: skip
def test_a_plan_made_to_cost_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidPlan):
        read_plan(text, "plan.yaml")
