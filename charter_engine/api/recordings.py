"""Recordings: what they hold, whether they are whole, cut, put together, and compared."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from charter_engine.contracts.exporting import ExportRequest, ExportResult
from charter_engine.contracts.recordings import (
    CompareRecordings,
    ListedRecording,
    RecordedStretch,
    RecordingCheck,
    RecordingComparison,
    RecordingInfo,
    RecordingStory,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.gauges import Marker
    from charter_engine.contracts.live import RequestRecord
    from charter_engine.store.recording_reader import Message, RecordingReader

PUSHES = ("push", "rollback")
SHOWN = (*PUSHES, "note")
"""What is marked on a plot."""
NOTHING_LEFT = "make room and try again: the new file was taken away"
COLUMNS = 400
"""Of a plot: of more seconds, neighbours are put together."""
SUFFIX = ".charter"
"""By which a folder's recordings are known."""
MOST_LISTED = 200
"""Assumed: more than a folder that is looked after holds; each costs a look at its head."""


def listed(folder: str) -> tuple[ListedRecording, ...]:
    """The recordings in a folder, at most `MOST_LISTED`, those that were written last first; what
    only has the name of one, and what cannot be read, is listed with the reason. Raises
    `UsageError` for what is no folder."""
    named: list[tuple[float, int, Path]] = []
    try:
        for path in Path(folder).iterdir():
            with suppress(FileNotFoundError):  # deleted meanwhile
                if path.suffix == SUFFIX and path.is_file():
                    found = path.stat()
                    named.append((found.st_mtime, found.st_size, path))
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}", remedy="name a folder") from None
    newest = sorted(named, reverse=True)[:MOST_LISTED]
    return tuple(_listed(path, size) for _, size, path in newest)


def _listed(path: Path, size: int) -> ListedRecording:
    from charter_engine.store import recording_facts

    try:
        with reading(str(path)) as reader:
            return recording_facts.listed(reader)
    except UsageError as error:
        return ListedRecording(path=str(path), bytes=size, foreign=error.message)


def info(recording: str) -> RecordingInfo:
    """What a recording holds. Raises `UsageError` for a file that is none."""
    from charter_engine.store import recording_facts

    with reading(recording) as reader:
        return recording_facts.info(reader)


def verify(recording: str) -> RecordingCheck:
    """Whether all of a recording can be read. Raises `UsageError` for a file that is none."""
    from charter_engine.store import recording_facts

    with reading(recording) as reader:
        return recording_facts.check(reader)


def story(request: ExportRequest) -> RecordingStory:
    """What a page on a recording, or a stretch of it, tells. Raises `UsageError`."""
    from charter_engine.store import recording_facts
    from charter_engine.traffic.side_by_side import figures

    with reading(request.recording) as reader:
        begin = reader.start if request.begin is None else request.begin
        end = reader.end if request.end is None else request.end
        stretch, requests = _side(reader, begin, end)
        return RecordingStory(
            info=recording_facts.info(reader), stretch=stretch, nodes=figures(requests)
        )


def cut(request: ExportRequest, output: str) -> ExportResult:
    """Write the stretch as a recording of its own. Raises `UsageError` if the file exists or the
    stretch is empty, and `CharterError` where there is no room."""
    from charter_engine.store import recording_cut

    with reading(request.recording) as reader, _written():
        recording_cut.cut(reader, request.begin, request.end, Path(output))
        return ExportResult(damaged=reader.damaged)


def made_of(
    lines: Iterable[bytes], output: str, *, source: str = "lines", keeps_text: bool = True
) -> None:
    """Write a recording of the JSON Lines that `exports.export` hands out, or of some of them, in
    their order; `source` names where they come from, and `keeps_text` False leaves out the words of
    prompts and answers. Raises `UsageError` for a line that is none, if the file exists or there is
    nothing, and `CharterError` where there is no room."""
    from charter_engine.store.recording_cut import by_second, new_recording
    from charter_engine.store.recording_writer import RecordingError

    messages = _told_in(lines, source)
    kept = messages if keeps_text else map(_without_words, messages)
    with _written(), new_recording(Path(output)) as writer:
        for batch in by_second(kept):
            writer.write(batch)
        if not writer.holds_something:
            raise RecordingError("there is nothing to make a recording of")


def merge(recordings: Sequence[str], output: str) -> ExportResult:
    """Write recordings of different times as one, the earliest first. Raises `UsageError` if the
    file exists, or two were made at the same time, and `CharterError` where there is no room."""
    from charter_engine.store import recording_merge

    with ExitStack() as stack, _written():
        readers = [stack.enter_context(reading(path)) for path in recordings]
        recording_merge.merge(readers, Path(output))
        damaged = (f"{reader.path}: {reader.damaged}" for reader in readers if reader.damaged)
        return ExportResult(damaged="; ".join(damaged))


def compare(request: CompareRecordings) -> RecordingComparison:
    """Two recordings side by side, or one before and after its last push, with intervals. Raises
    `UsageError` for a file that is none, and for one without a push."""
    from charter_engine.traffic.side_by_side import differences, verdict

    (before, old), (after, new) = _sides(request)
    found = differences(old, new)
    return RecordingComparison(
        before=before,
        after=after,
        verdict=verdict(found),
        differences=found,
        notes=tuple(_notes(old, new)),
    )


@contextmanager
def reading(path: str) -> "Iterator[RecordingReader]":
    """A recording, open meanwhile. Raises `UsageError` for a file that is none."""
    from charter_engine.store.recording_format import NotARecording
    from charter_engine.store.recording_reader import RecordingReader

    try:
        reader = RecordingReader(Path(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except NotARecording as error:
        raise UsageError(str(error), remedy="give the path of a recording") from None
    try:
        yield reader
    finally:
        reader.close()


def span(recording: str) -> tuple[float, float]:
    """When a recording begins and ends, in epoch seconds. Raises `UsageError`."""
    with reading(recording) as reader:
        return reader.start, reader.end


@contextmanager
def _written() -> Iterator[None]:
    """What a recording can't be written for, as an error that an operator can act on."""
    from charter_engine.store.recording_writer import NoRoom, RecordingError

    try:
        yield
    except NoRoom as error:
        raise CharterError(str(error), remedy=NOTHING_LEFT) from None
    except RecordingError as error:
        raise UsageError(str(error)) from None


class _Line(Struct):
    record: Literal["gauge", "event", "request"]


def _told_in(lines: Iterable[bytes], source: str) -> "Iterator[Message]":
    import msgspec

    from charter_engine.contracts.gauges import TOPIC_OF, UNRECORDED, Event, Gauge
    from charter_engine.contracts.live import RequestRecord

    kind = msgspec.json.Decoder(_Line)
    decoders: dict[str, msgspec.json.Decoder[Message]] = {
        "gauge": msgspec.json.Decoder(Gauge),
        "event": msgspec.json.Decoder(Event),
        "request": msgspec.json.Decoder(RequestRecord),
    }
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            message = decoders[kind.decode(line).record].decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError(
                f"{source}:{number}: {error}", remedy="give JSON Lines that `export` wrote"
            ) from None
        if not (isinstance(message, Gauge) and TOPIC_OF[type(message.payload)] in UNRECORDED):
            yield message


def _without_words(message: "Message") -> "Message":
    from charter_engine.api.texts import without_text

    return without_text(message)


_Side = tuple[RecordedStretch, "list[RequestRecord]"]


def _sides(request: CompareRecordings) -> tuple[_Side, _Side]:
    if request.after:
        with reading(request.before) as one, reading(request.after) as other:
            return (
                _side(one, one.start, one.end),
                _side(other, other.start, other.end),
            )
    with reading(request.before) as reader:
        pushes = _marks(reader.markers, PUSHES, reader.start, reader.end)
        if not pushes:
            raise UsageError(
                f"{request.before}: nothing was pushed while this was recorded",
                remedy="name a second recording to compare it with",
            )
        at = pushes[-1].at
        return (
            _side(reader, reader.start, at),
            _side(reader, at, reader.end),
        )


def _side(reader: "RecordingReader", begin: float, end: float) -> _Side:
    from charter_engine.store.recording_facts import ticks_and_requests
    from charter_engine.store.ticks import thinned, unbroken

    ticks, requests = ticks_and_requests(reader, begin, end)
    stretch = RecordedStretch(
        path=str(reader.path),
        start=begin,
        end=end,
        requests=len(requests),
        failures=sum(one.error is not None for one in requests),
        history=unbroken(thinned(ticks, COLUMNS)),
        marks=_marks(reader.markers, SHOWN, begin, end),
    )
    return stretch, requests


def _marks(
    markers: "Sequence[Marker]", kinds: Sequence[str], begin: float, end: float
) -> "tuple[Marker, ...]":
    return tuple(one for one in markers if one.kind in kinds and begin <= one.at <= end)


def _notes(before: "Sequence[RequestRecord]", after: "Sequence[RequestRecord]") -> Iterator[str]:
    """What makes the two hard to compare."""
    from charter_engine.traffic.side_by_side import FEWEST_UNITS

    nodes = [{one.node for one in records if one.node} for records in (before, after)]
    for here, there, where in ((nodes[0], nodes[1], "second"), (nodes[1], nodes[0], "first")):
        if missing := sorted(here - there):
            yield f"the {where} has no requests of {', '.join(missing)}"
    if min(len(before), len(after)) < FEWEST_UNITS:
        yield f"fewer than {FEWEST_UNITS} requests: no intervals"
