"""Recordings put one behind the other."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from charter_engine.store.recording_cut import new_recording, stretch
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.store.recording_writer import RecordingError


def merge(readers: Sequence[RecordingReader], path: Path) -> None:
    """Write all of them to a new file, in the order of their times. Raises `RecordingError` where
    two were made at the same time, or the file exists; then there is none."""
    ordered = sorted(readers, key=lambda reader: reader.start)
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise RecordingError(
                f"{before.path} and {after.path} were made at the same time: what stood at a "
                "moment would be of either"
            )
    with new_recording(path) as writer:
        for reader in ordered:
            for messages in stretch(reader, None, None):
                writer.write(messages)
