"""Recordings put one behind the other."""

import secrets
from collections.abc import Sequence
from contextlib import ExitStack, closing
from itertools import pairwise
from pathlib import Path

from charter_engine.store.recording_cut import stretch
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingError, RecordingWriter


def merge(readers: Sequence[RecordingReader], path: Path) -> None:
    """Write all of them to a new file, in the order of their times. Raises `RecordingError` where
    two were made at the same time, or the file exists; then there is none."""
    if path.exists():
        raise RecordingError(f"{path} exists; choose another file")
    ordered = sorted(readers, key=lambda reader: reader.start)
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise RecordingError(
                f"{before.path} and {after.path} were made at the same time: what stood at a "
                "moment would be of either"
            )
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with ExitStack() as cleanup:
        cleanup.callback(lambda: fresh.unlink(missing_ok=True))
        with closing(RecordingWriter(fresh)) as writer:
            for reader in ordered:
                for messages in stretch(reader, None, None):
                    writer.write(messages)
        fresh.rename(path)
