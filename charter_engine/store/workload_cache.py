"""The compact binary form of a workload, kept beside a key since parsing costs more than
predicting."""

import contextlib
import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import Retention
from charter_engine.files import replacing
from charter_engine.kvcache.workload.columns import MAX_LENGTH, Workload
from charter_engine.kvcache.workload.waits import Waits
from charter_engine.paths import private_directory
from charter_engine.store.mapped_columns import Columns, write_columns

FORMAT = 5
READING = 2
"""Raised where files are read as other workloads than before, so that what is kept of them is read
anew."""
_COLUMNS = (
    "arrival_ms",
    "input_length",
    "output_length",
    "unit_tokens",
    "run_offset",
    "run_first",
    "run_count",
    "node",
    "session",
)
_WAITS = ("places", "counts", "after", "delay_ms")
_TIMES = ("arrival_ms", "served_ms", "wait_delay_ms")
_PER_REQUEST = ("input_length", "output_length", "unit_tokens", "node", "session")
_BOUNDS = (
    ("input_length", 1, MAX_LENGTH),
    ("output_length", 0, MAX_LENGTH),
    ("unit_tokens", 1, MAX_LENGTH),
    ("run_count", 1, MAX_LENGTH),
    ("run_first", 0, 2**62),
)


class _Names(msgspec.Struct):
    format: int
    nodes: tuple[str, ...]
    sessions: tuple[str, ...]
    retention: dict[int, Retention]
    outputs: dict[int, tuple[int, ...]]
    notes: tuple[str, ...]


def cache_key(path: Path, *parameters: object) -> str:
    """The name under which what was read of a file is kept: it changes when the file or the
    parameters do.

    Raises OSError if there is no such file.
    """
    status = path.stat()
    identity = (
        FORMAT,
        READING,
        str(path.resolve()),
        status.st_size,
        status.st_mtime_ns,
        *map(str, parameters),
    )
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:32]


def find(directory: Path, key: str) -> Workload | None:
    """The workload kept under a key, or None. A copy whose columns do not fit together is none:
    whether its bytes are those that were written is not looked at."""
    path = directory / f"{key}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, msgspec.MsgspecError):
        return _workload(Columns(path, mapped=True), path)
    return None


def keep(directory: Path, key: str, workload: Workload) -> None:
    """Keep a workload under a key. A directory that cannot be written costs nothing but time."""
    with contextlib.suppress(OSError):
        private_directory(directory, "XDG_CACHE_HOME")
        save(workload, directory / f"{key}.npz")


def save(workload: Workload, path: Path) -> None:
    """Write the binary form, whole or not at all. Raises OSError."""
    names = _Names(
        format=FORMAT,
        nodes=workload.nodes,
        sessions=workload.sessions,
        retention=dict(workload.retention),
        outputs=dict(workload.outputs),
        notes=workload.notes,
    )
    waits = Waits.of(workload.follows)
    columns: dict[str, NDArray[Any]]
    columns = {"names": np.frombuffer(msgspec.msgpack.encode(names), dtype=np.uint8)}
    columns |= {name: getattr(workload, name) for name in _COLUMNS}
    columns |= {f"wait_{name}": getattr(waits, name) for name in _WAITS}
    if workload.served_ms is not None:
        columns["served_ms"] = workload.served_ms
    with replacing(path, private=True) as file:
        write_columns(columns, file)


def load(path: Path) -> Workload:
    """Read the binary form. Raises OSError, and ValueError or KeyError for what is none or is
    damaged. Takes no more memory than the file has bytes, whatever it claims to hold."""
    return _workload(Columns(path), path)


def _workload(stored: Columns, path: Path) -> Workload:
    names = msgspec.msgpack.decode(stored.column("names", np.uint8).tobytes(), type=_Names)
    if names.format != FORMAT:
        raise ValueError(f"{path}: format {names.format}, not {FORMAT}")
    kept = [*_COLUMNS, *(f"wait_{name}" for name in _WAITS)]
    if "served_ms" in stored:
        kept.append("served_ms")
    columns = {
        name: stored.column(name, np.float64 if name in _TIMES else np.int64) for name in kept
    }
    waits = Waits(*(columns.pop(f"wait_{name}") for name in _WAITS))
    workload = Workload(
        **columns,
        nodes=names.nodes,
        sessions=names.sessions,
        retention=names.retention,
        outputs=names.outputs,
        follows=waits,
        notes=names.notes,
    )
    for problem in chain(_problems(workload), _problems_of_waits(waits, len(workload))):
        raise ValueError(f"{path}: {problem}")
    return workload


def _problems(workload: Workload) -> Iterator[str]:
    """Why the columns do not fit together, the first reason first: what follows relies on it."""
    count, runs, offset = len(workload), len(workload.run_first), workload.run_offset
    columns = {name: getattr(workload, name) for name in _PER_REQUEST}
    columns |= {} if workload.served_ms is None else {"served_ms": workload.served_ms}
    for name, column in columns.items():
        if len(column) != count:
            yield f"{name} has {len(column)} entries for {count} requests"
    if len(workload.run_count) != runs or len(offset) != count + 1:
        yield "its runs are not those of its requests"
    if offset[0] != 0 or offset[-1] != runs or np.any(np.diff(offset) < 0):
        yield "its runs do not follow one another"
    for name, lowest, highest in _BOUNDS:
        if not _within(getattr(workload, name), lowest, highest):
            yield f"{name} is not between {lowest} and {highest}"
    counted = np.cumsum(workload.run_count)
    units = np.diff(np.where(offset > 0, counted[offset - 1], 0)) if runs else np.zeros(count)
    if np.any(units > -(-(workload.input_length + workload.output_length) // workload.unit_tokens)):
        yield "a request has more content than its prompt and its output"
    for name in ("node", "session"):
        named = getattr(workload, f"{name}s")
        if not _within(getattr(workload, name), 0, len(named) - 1):
            yield f"{name} names none of {len(named)}"
    if any(not 0 <= index < count for index in (*workload.retention, *workload.outputs)):
        yield "it says something of a request that is not there"


def _problems_of_waits(waits: Waits, requests: int) -> Iterator[str]:
    """Why what requests follow does not fit so many of them."""
    if not len(waits.places) == len(waits.counts) == len(waits.delay_ms):
        yield "what waits is not told of each that does"
    elif not _within(waits.counts, 0, len(waits.after)) or waits.counts.sum() != len(waits.after):
        yield "what is waited for is not that of those that wait"
    if not (_within(waits.places, 0, requests - 1) and _within(waits.after, 0, requests - 1)):
        yield "a request waits that is not there, or for one that is not"
    if np.any(np.diff(waits.places) < 1):
        yield "those that wait do not stand in order"


def _within(column: NDArray[np.int64], lowest: int, highest: int) -> bool:
    return not len(column) or bool(lowest <= column.min() and column.max() <= highest)
