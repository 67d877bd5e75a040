"""The ring that processes share: what it keeps, what it gives, and what it leaves behind."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls import ring as module
from charter_engine.bls.ring import LEAST_BYTES, PREFIX, SLOTS, Ring, open_ring

Open = Callable[[], Ring]
EVERYTHING = 1 << 30

WRITER = """
import os, sys
from charter_engine.bls import ring
ring._parent = lambda: (int(sys.argv[1]), "test")
ring = ring.open_ring(sys.argv[2])
for number in range(2000):
    ring.append(f"{os.getpid()} {number}".encode())
if sys.argv[3] == "die":
    os.kill(os.getpid(), 9)
ring.close()
"""

CROSSINGS = 20
CROSSING = """
import sys, threading
from charter_engine.bls import ring
ring._parent = lambda: (int(sys.argv[1]), "test")
one, other = ring.open_ring("unit"), ring.open_ring("unit prompts")
def append():
    print("appending", flush=True)
    one.append(b"theirs")
print("opened", flush=True)
while sys.stdin.readline() == "append\\n":
    with other._alone:
        thread = threading.Thread(target=append)
        thread.start()
        sys.stdin.readline()
    thread.join()
    print("appended", flush=True)
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens rings of a model of this test's own."""
    monkeypatch.setattr(module, "_parent", lambda: (os.getpid(), "test"))
    rings: list[Ring] = []

    def open_one() -> Ring:
        rings.append(open_ring("unit", LEAST_BYTES))
        return rings[-1]

    yield open_one
    for ring in rings:
        ring.close()


def own_files() -> list[Path]:
    return list(Path("/dev/shm").glob(f"{PREFIX}{os.getpid()}_*"))


@given(st.lists(st.binary(max_size=300_000), max_size=20), st.integers(0, 25))
def test_what_is_read_is_what_was_written_last_and_the_rest_is_counted(
    records: list[bytes], first: int
) -> None:
    ring = open_ring("property", LEAST_BYTES)
    try:
        for record in records:
            ring.append(record)
        stretch = ring.read(first, EVERYTHING, EVERYTHING)
    finally:
        ring.close()
    first = min(first, len(records))
    assert stretch.first == first + stretch.lost
    assert list(stretch.records) == records[stretch.first :]
    assert stretch.written == len(records)
    # What still fits stays: two records side by side waste less than the longer one's length.
    kept = sum(map(len, records[stretch.first :]))
    assert not stretch.lost or kept + 2 * 300_000 > LEAST_BYTES


def test_no_more_records_stand_than_there_are_slots(opened: Open) -> None:
    ring = opened()
    for number in range(SLOTS + 5):
        ring.append(str(number).encode())
    stretch = ring.read(2, 3, EVERYTHING)
    assert (stretch.first, stretch.lost) == (5, 3)
    assert stretch.records == (b"5", b"6", b"7")


def test_an_answer_is_bounded_and_holds_at_least_one_record(opened: Open) -> None:
    ring = opened()
    for _ in range(3):
        ring.append(b"x" * 1000)
    assert len(ring.read(0, 10, 2500).records) == 2
    assert len(ring.read(0, 10, 1).records) == 1


def test_a_reader_that_has_read_everything_gets_nothing(opened: Open) -> None:
    ring = opened()
    ring.append(b"one")
    stretch = ring.read(1, 10, EVERYTHING)
    assert (stretch.records, stretch.lost) == ((), 0)


def test_all_who_open_it_share_it_and_the_last_removes_it(opened: Open) -> None:
    one, other = opened(), opened()
    one.append(b"from one")
    assert other.read(0, 10, EVERYTHING).records == (b"from one",)
    assert one.name == other.name
    (file,) = own_files()
    assert file.stat().st_mode & 0o777 == 0o600
    one.close()
    assert own_files() == [file]
    other.close()
    assert own_files() == []


def write(end: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", WRITER, str(os.getpid()), "unit", end])


def test_processes_that_write_at_once_lose_and_mix_nothing(opened: Open) -> None:
    ring = opened()
    writers = [write("close") for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    records = ring.read(0, EVERYTHING, EVERYTHING).records
    for writer in writers:
        own = [record for record in records if record.startswith(f"{writer.pid} ".encode())]
        assert own == [f"{writer.pid} {number}".encode() for number in range(2000)]


def test_threads_that_cross_in_two_rings_of_two_processes_lose_nothing(opened: Open) -> None:
    one, other = opened(), open_ring("unit prompts", LEAST_BYTES)
    process = subprocess.Popen(
        [sys.executable, "-c", CROSSING, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "opened\n"
    for _ in range(CROSSINGS):
        with one._alone:
            process.stdin.write("append\n")
            assert process.stdout.readline() == "appending\n"
            thread = threading.Thread(target=other.append, args=(b"ours",))
            thread.start()
        process.stdin.write("release\n")
        thread.join()
        assert process.stdout.readline() == "appended\n"
    process.communicate()
    kept = [ring.read(0, EVERYTHING, EVERYTHING).records for ring in (one, other)]
    other.close()
    assert kept == [(b"theirs",) * CROSSINGS, (b"ours",) * CROSSINGS]


def test_a_killed_process_leaves_the_ring_whole_to_the_others(opened: Open) -> None:
    ring = opened()
    assert write("die").wait() == -9
    ring.append(b"afterwards")
    records = ring.read(0, EVERYTHING, EVERYTHING).records
    assert (len(records), records[-1]) == (2001, b"afterwards")


def test_what_a_killed_server_left_is_removed_when_the_next_ring_is_opened(opened: Open) -> None:
    assert write("die").wait() == -9
    (left,) = own_files()
    left.rename(left.with_name(f"{PREFIX}0_elsewhere"))
    opened()
    assert not left.with_name(f"{PREFIX}0_elsewhere").exists()


def test_a_ring_in_use_is_not_removed_by_others(opened: Open) -> None:
    kept = opened()
    other = open_ring("another model", LEAST_BYTES)
    other.close()
    kept.append(b"still there")
    assert opened().read(0, 1, EVERYTHING).records == (b"still there",)


def test_where_no_directory_has_room_there_is_no_ring_and_no_file(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARE_OF_FREE", 1 << 62)
    with pytest.raises(OSError, match="has room for the tap"):
        opened()
    assert own_files() == []


def test_a_ring_takes_no_more_than_its_share_of_what_is_free(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = os.statvfs("/dev/shm")
    monkeypatch.setattr(
        module, "SHARE_OF_FREE", free.f_bavail * free.f_frsize // (LEAST_BYTES + 4096)
    )
    opened()
    (file,) = own_files()
    assert file.stat().st_size < 2 * LEAST_BYTES + SLOTS * 16
