"""What a recording holds as a whole: read once from its beginning to its end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Any, get_args

from charter_engine.contracts.gauges import UNRECORDED, Event, Gauge, Session, Ticked, Topic, Triton
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.recordings import (
    ListedRecording,
    RecordingCheck,
    RecordingGap,
    RecordingInfo,
)
from charter_engine.contracts.series import Tick
from charter_engine.store.recording_format import EVENT, REQUEST
from charter_engine.store.recording_reader import RecordingReader

GAP_SECONDS = 5.0
"""An engine writes every second that something changed in, and its own figures always change."""


def listed(reader: RecordingReader) -> ListedRecording:
    """What a list tells of it: of its records only those of its end are unpacked."""
    state = reader.cursor().seek(reader.end)
    session = next((one.payload for one in state if isinstance(one.payload, Session)), None)
    return ListedRecording(
        path=str(reader.path),
        bytes=reader.path.stat().st_size,
        start=reader.start,
        end=reader.end,
        agent=(session.agent or "") if session else "",
        damaged=reader.damaged,
    )


def info(reader: RecordingReader) -> RecordingInfo:
    """What it holds, without unpacking more than one record at a time."""
    topics: Counter[str] = Counter()
    kinds: Counter[int] = Counter()
    moments: list[float] = []
    for at, kind, *rest in _records(reader):
        moments.append(at)
        if kind in (EVENT, REQUEST):
            kinds[kind] += 1
        else:
            topics[rest[0]] += 1
    state = [gauge.payload for gauge in reader.cursor().seek(reader.end)]
    session = next((one for one in state if isinstance(one, Session)), None)
    triton = next((one for one in state if isinstance(one, Triton)), None)
    return RecordingInfo(
        path=str(reader.path),
        bytes=reader.path.stat().st_size,
        start=reader.start,
        end=reader.end,
        requests=kinds[REQUEST],
        events=kinds[EVENT],
        topics=dict(topics.most_common()),
        absent=tuple(
            topic for topic in get_args(Topic) if topic not in topics and topic not in UNRECORDED
        ),
        agent=(session.agent or "") if session else "",
        deployment=triton.sample.url if triton else "",
        revision=session.revision if session else 0,
        engine_version=session.engine_version if session else "",
        markers=reader.markers,
        gaps=tuple(_gaps(sorted(moments))),
        damaged=reader.damaged,
    )


def check(reader: RecordingReader) -> RecordingCheck:
    """Read every record."""
    records = sum(1 for _ in reader.messages())
    return RecordingCheck(
        path=str(reader.path),
        entries=reader.entry_count,
        records=records,
        damaged=reader.damaged,
    )


def ticks_and_requests(
    reader: RecordingReader, begin: float, end: float
) -> tuple[list[Tick], list[RequestRecord]]:
    """What was measured from one epoch second to before another, and which requests began then;
    those that were under way when the recording began, too, and all there is at its end."""
    since = -inf if begin <= reader.start else begin
    until = inf if end >= reader.end else end
    ticks: dict[float, Tick] = {}
    requests = []
    for message in reader.messages():
        if isinstance(message, RequestRecord):
            if since <= message.started_at < until:
                requests.append(message)
        elif isinstance(message, Gauge) and isinstance(message.payload, Ticked):
            # A chunk states anew what stood at its beginning.
            ticks[message.payload.tick.at] = message.payload.tick
    return [ticks[at] for at in sorted(ticks) if since <= at < until], requests


def events(reader: RecordingReader) -> Iterator[Event]:
    """Everything that happened, in order."""
    return (message for message in reader.messages() if isinstance(message, Event))


def _records(reader: RecordingReader) -> Iterator[list[Any]]:
    for number in range(reader.chunk_count):
        yield from reader.records(number)


def _gaps(moments: Sequence[float]) -> Iterator[RecordingGap]:
    for before, after in pairwise(moments):
        if after - before > GAP_SECONDS:
            yield RecordingGap(before, after)
