"""Recordings: what was published comes back, at any moment, whatever happened to the file."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.gauges import Event, Gauge, Host, Nodes, Run, Session
from charter_engine.contracts.live import HostSample, NodeStats, RequestRecord, RunProgress
from charter_engine.store.delta import apply, diff
from charter_engine.store.recording_cut import cut
from charter_engine.store.recording_format import HEADER, MAGIC, VERSION, NotARecording
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import Message, RecordingError, RecordingWriter

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(old=PLAIN, new=PLAIN)
def test_a_patch_makes_the_new_value_of_the_old(old: Any, new: Any) -> None:
    patch = diff(old, new)
    result = old if patch is None else apply(old, patch)
    assert result == new
    assert type(result) is type(new)


def second(number: int, nodes: int = 3) -> list[Message]:
    """What an engine publishes within a second; every figure differs from second to second."""
    at = 1000.0 + number
    stats = tuple(
        NodeStats(node=f"n{n}", requests=number + n, prompt_tokens=number * 10)
        for n in range(nodes)
    )
    host = HostSample(
        cpu_utilization=number / 1000,
        memory_total_bytes=8,
        memory_used_bytes=number,
        engine_rss_bytes=2,
    )
    return [
        Gauge(at=at, payload=Nodes(stats)),
        Event(sequence=number, at=at + 0.1, kind="request", text=f"request {number}"),
        RequestRecord(run="r", node="n0", item=number, started_at=at + 0.2),
        Gauge(at=at + 0.5, payload=Host(host)),
    ]


def write(path: Path, seconds: range, chunk_seconds: float = 10.0) -> None:
    writer = RecordingWriter(path, chunk_seconds)
    for number in seconds:
        writer.write(second(number))
    writer.close()


def requests_shown(gauges: list[Gauge]) -> int | None:
    """The counter of the first node in a state."""
    return next((g.payload.nodes[0].requests for g in gauges if isinstance(g.payload, Nodes)), None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo.charter"


def test_everything_comes_back_in_order(path: Path) -> None:
    write(path, range(35))
    reader = RecordingReader(path)
    published = [message for number in range(35) for message in second(number)]
    assert [m for m in reader.messages() if not isinstance(m, Gauge)] == [
        m for m in published if not isinstance(m, Gauge)
    ]
    nodes = [m for m in reader.messages() if isinstance(m, Gauge) and isinstance(m.payload, Nodes)]
    assert [m for m in published if isinstance(m, Gauge) and isinstance(m.payload, Nodes)] == [
        m for index, m in enumerate(nodes) if index == 0 or m != nodes[index - 1]
    ]
    assert reader.damaged == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(moment=st.floats(990, 1045))
def test_the_state_at_any_moment_is_the_latest_of_each_topic(path: Path, moment: float) -> None:
    if not path.exists():
        write(path, range(35))
    state = RecordingReader(path).cursor().seek(moment)
    clamped = min(max(int(moment - 1000), 0), 34)
    assert requests_shown(state) == clamped


def test_advancing_gives_what_seeking_gives(path: Path) -> None:
    write(path, range(35))
    reader = RecordingReader(path)
    cursor = reader.cursor()
    seen = [message for step in range(1, 36) for message in cursor.advance(1000.0 + step)]
    last = [m for m in seen if isinstance(m, Gauge) and isinstance(m.payload, Nodes)][-1]
    assert last in reader.cursor(reader.end).seek(reader.end)


def test_an_unchanged_gauge_is_not_stored_again(path: Path) -> None:
    writer = RecordingWriter(path)
    big = Session(engine_version="x", notice="y" * 5000)
    writer.write([Gauge(at=0.0, payload=big)])
    before = writer.bytes_written
    for number in range(100):
        writer.write([Gauge(at=number + 1.0, payload=big)])
    writer.close()
    assert writer.bytes_written - before < 100 * 40


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_torn_tail_is_left_out_and_said(path: Path, cut: int) -> None:
    write(path, range(15))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    reader = RecordingReader(path)
    assert reader.damaged == "the last entry was cut off"
    assert requests_shown(reader.cursor().seek(reader.end)) in range(11, 15)


def test_a_recording_goes_on_behind_a_torn_tail(path: Path) -> None:
    write(path, range(15))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)
    write(path, range(20, 25))
    reader = RecordingReader(path)
    assert reader.damaged == ""
    assert requests_shown(reader.cursor().seek(1024.9)) == 24


def test_a_damaged_entry_hides_its_chunk_at_most(path: Path) -> None:
    write(path, range(40))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4] = b"\0\0\0\0"
    path.write_bytes(content)
    reader = RecordingReader(path)
    assert "1 damaged stretch (" in reader.damaged
    shown = [requests_shown(reader.cursor().seek(1000.5 + number)) for number in range(40)]
    assert sum(shown[number] != number for number in range(40)) <= 10
    assert shown[-1] == 39


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(place=st.floats(0, 1))
def test_forty_damaged_bytes_anywhere_cost_at_most_five_seconds(path: Path, place: float) -> None:
    seconds = 130
    write(path, range(seconds), chunk_seconds=60.0) if not path.exists() else None
    content = bytearray(path.read_bytes())
    begin = 16 + int(place * (len(content) - 56))
    content[begin : begin + 40] = b"\xff" * 40
    damaged = path.with_name("damaged.charter")
    damaged.write_bytes(content)
    reader = RecordingReader(damaged)
    cursor, shown = reader.cursor(), []
    state: list[Gauge] = []
    for number in range(seconds):
        happened = cursor.advance(1000.5 + number)
        state = [one for one in reversed(happened) if isinstance(one, Gauge)] + state
        shown.append(requests_shown(state))
    assert sum(shown[number] != number for number in range(seconds)) <= 5
    for number in range(7, seconds, 13):
        assert requests_shown(reader.cursor(1000.5 + number).seek(1000.5 + number)) == shown[number]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(place=st.floats(0, 1), byte=st.integers(0, 255))
def test_no_damage_crashes_the_reader(path: Path, place: float, byte: int) -> None:
    write(path, range(3), chunk_seconds=2.0) if not path.exists() else None
    good = path.read_bytes()
    content = bytearray(good)
    content[int(place * (len(content) - 1))] = byte
    damaged = path.with_name("damaged.charter")
    damaged.write_bytes(content)
    with contextlib.suppress(NotARecording):
        list(RecordingReader(damaged).messages())


def test_markers_are_what_happened_but_for_single_requests(path: Path) -> None:
    writer = RecordingWriter(path)
    writer.write(
        [
            Event(sequence=1, at=5.0, kind="push", text="revision 2"),
            Event(sequence=2, at=6.0, kind="request", text="one of many"),
        ]
    )
    writer.close()
    assert [(m.at, m.kind, m.text) for m in RecordingReader(path).markers] == [
        (5.0, "push", "revision 2")
    ]


def test_two_writers_cannot_share_a_file(path: Path) -> None:
    writer = RecordingWriter(path)
    with pytest.raises(RecordingError, match="another engine records"):
        RecordingWriter(path)
    writer.close()


def test_a_file_that_is_no_recording_is_not_touched(path: Path) -> None:
    path.write_text("my thesis, the only copy")
    with pytest.raises(RecordingError, match="not a recording"):
        RecordingWriter(path)
    with pytest.raises(NotARecording, match="not a recording"):
        RecordingReader(path)
    assert path.read_text() == "my thesis, the only copy"


def test_reading_does_not_change_the_file(path: Path) -> None:
    write(path, range(5))
    path.chmod(0o400)
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    RecordingReader(path).close()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        RecordingWriter(tmp_path / "missing" / "demo.charter")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_what_is_no_file_is_not_recorded_to(device: str) -> None:
    with pytest.raises(RecordingError, match=f"{device}: it is no file"):
        RecordingWriter(Path(device))


def test_a_full_disk_stops_the_recording_and_leaves_a_whole_file(path: Path) -> None:
    writer = RecordingWriter(path)
    writer.write(second(0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (writer.bytes_written + 20, hard))
    try:
        with pytest.raises(RecordingError, match="stopped: File too large"):
            writer.write(second(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reader = RecordingReader(path)
    assert (reader.damaged, requests_shown(reader.cursor().seek(reader.end))) == ("", 0)
    writer.write(second(2))
    writer.close()
    assert requests_shown(RecordingReader(path).cursor().seek(1002.9)) == 2


WRITE_FOR_EVER = """
import itertools, sys, time
from pathlib import Path
from charter_engine.contracts.live import RunProgress
from charter_engine.contracts.gauges import Gauge, Run
from charter_engine.store.recording_writer import RecordingWriter
writer = RecordingWriter(Path(sys.argv[1]))
for number in itertools.count():
    writer.write([Gauge(at=float(number), payload=Run(RunProgress(items_done=number)))])
    print(number, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_all_it_had_written(path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    last = 0
    deadline = time.monotonic() + 10
    while last < 200 and time.monotonic() < deadline:
        last = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reader = RecordingReader(path)
    (state,) = reader.cursor().seek(reader.end)
    assert isinstance(state.payload, Run)
    assert state.payload.progress.items_done >= last


def test_replacing_a_run_keeps_the_type_of_every_field(path: Path) -> None:
    writer = RecordingWriter(path)
    first = RunProgress(run="a", state="running", items_done=1, elapsed_ms=1.5)
    writer.write([Gauge(at=1.0, payload=Run(first))])
    second_value = replace(first, state="done", items_done=2, elapsed_ms=2.0)
    writer.write([Gauge(at=2.0, payload=Run(second_value))])
    writer.close()
    (state,) = RecordingReader(path).cursor().seek(2.0)
    assert state.payload == Run(second_value)


def test_a_stretch_is_a_recording_of_its_own_that_begins_with_the_whole_state(path: Path) -> None:
    write(path, range(35))
    part = path.with_name("part.charter")
    cut(RecordingReader(path), 1012.7, 1020.7, part)
    reader = RecordingReader(part)
    assert requests_shown(reader.cursor().seek(reader.start)) == 12
    assert requests_shown(reader.cursor().seek(reader.end)) == 20
    assert [record.item for record in reader.requests()] == list(range(13, 21))


@pytest.mark.parametrize(("begin", "end"), [(2000.0, None), (1010.0, 1005.0)])
def test_an_empty_stretch_is_said_and_writes_nothing(
    path: Path, begin: float, end: float | None
) -> None:
    write(path, range(35))
    part = path.with_name("part.charter")
    with pytest.raises(RecordingError, match="nothing between these times"):
        cut(RecordingReader(path), begin, end, part)
    assert not part.exists()


def test_cut_off_at_any_length_it_is_read_as_far_as_it_goes_or_refused(path: Path) -> None:
    write(path, range(6), chunk_seconds=3.0)
    whole = path.read_bytes()
    published = [f"request {number}" for number in range(6)]
    counts = []
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        told: list[str] = []
        with (
            contextlib.suppress(NotARecording),
            contextlib.closing(RecordingReader(path)) as reader,
        ):
            told = [message.text for message in reader.messages() if isinstance(message, Event)]
        assert told == published[: len(told)]
        counts.append(len(told))
    assert counts == sorted(counts)
    assert set(counts) == set(range(7))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
@given(flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=8))
def test_nothing_is_read_out_of_flipped_bytes_that_was_not_written(
    path: Path, flips: list[tuple[float, int]]
) -> None:
    write(path, range(6), chunk_seconds=3.0) if not path.exists() else None
    content = bytearray(path.read_bytes())
    for place, mask in flips:
        content[int(place * (len(content) - 1))] ^= mask
    damaged = path.with_name("damaged.charter")
    damaged.write_bytes(content)
    written = {repr(message) for number in range(6) for message in second(number)}
    with contextlib.suppress(NotARecording), contextlib.closing(RecordingReader(damaged)) as reader:
        assert {repr(message) for message in reader.messages()} <= written


def test_an_empty_file_becomes_a_recording_and_is_none_before(path: Path) -> None:
    path.touch()
    with pytest.raises(NotARecording, match="too short to be a recording"):
        RecordingReader(path)
    write(path, range(2))
    assert requests_shown(RecordingReader(path).cursor().seek(1001.9)) == 1


def test_a_folder_is_neither_read_nor_written(path: Path) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        RecordingReader(path)
    with pytest.raises(RecordingError, match="Is a directory"):
        RecordingWriter(path)
    assert not list(path.iterdir())


def test_a_newer_format_is_named_and_left_as_it_is(path: Path) -> None:
    write(path, range(2))
    newer = HEADER.pack(MAGIC, VERSION + 1) + path.read_bytes()[HEADER.size :]
    path.write_bytes(newer)
    told = f"is of format {VERSION + 1}; this release reads format {VERSION}"
    with pytest.raises(NotARecording, match=told):
        RecordingReader(path)
    with pytest.raises(RecordingError, match=told):
        RecordingWriter(path)
    assert path.read_bytes() == newer
