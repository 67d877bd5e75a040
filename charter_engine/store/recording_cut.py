"""A stretch of a recording as a recording of its own, to keep or to send."""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from math import inf
from pathlib import Path

from msgspec.structs import replace

from charter_engine.store.recording_reader import Message, RecordingReader
from charter_engine.store.recording_writer import NoRoom, RecordingError, RecordingWriter, moment_of

STEP_SECONDS = 1.0
"""Taken from the engine, which samples each second."""


def stretch(
    reader: RecordingReader, begin: float | None, end: float | None
) -> Iterator[list[Message]]:
    """What was published from `begin` to `end` (epoch seconds; None: all of it), second by second.

    Begins with the whole state at `begin`, as of then: by its own times a stretch would begin when
    the first of it came about.
    """
    stop = reader.end if end is None else min(end, reader.end)
    if begin is None or begin <= reader.start:
        yield from by_second(reader.messages(), stop)
        return
    if begin > stop:
        return
    cursor = reader.cursor(begin)
    yield [replace(gauge, at=max(begin, gauge.at)) for gauge in cursor.seek(begin)]
    while cursor.position < stop:
        begun = max(cursor.position, cursor.next_moment)
        yield cursor.advance(min(begun + STEP_SECONDS, stop))


def by_second(messages: Iterable[Message], stop: float = inf) -> Iterator[list[Message]]:
    """Messages, oldest first, up to the epoch second `stop`, as they are written at once."""
    batch: list[Message] = []
    for message in messages:
        if moment_of(message) > stop:
            continue
        if batch and moment_of(message) >= moment_of(batch[0]) + STEP_SECONDS:
            yield batch
            batch = []
        batch.append(message)
    if batch:
        yield batch


def cut(reader: RecordingReader, begin: float | None, end: float | None, path: Path) -> None:
    """Write a stretch to a new file. Raises `RecordingError` if the file exists or the stretch is
    empty; then there is none."""
    with new_recording(path) as writer:
        for messages in stretch(reader, begin, end):
            writer.write(messages)
        if not writer.holds_something:
            raise RecordingError(f"{reader.path} holds nothing between these times")


@contextmanager
def new_recording(path: Path) -> Iterator[RecordingWriter]:
    """A recording to write that is at `path` once it is whole. Raises `RecordingError` where a file
    is; on this and on any other error nothing is left."""
    if path.exists():
        raise RecordingError(f"{path} exists; choose another file")
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: there is no directory {path.parent}")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with ExitStack() as cleanup:
        cleanup.callback(lambda: fresh.unlink(missing_ok=True))
        try:
            with closing(RecordingWriter(fresh)) as writer:
                yield writer
        except NoRoom as error:
            raise NoRoom(f"{path} could not be written", error.reason) from None
        fresh.rename(path)
