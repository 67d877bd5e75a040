"""The compact binary form of a workload, kept beside a key since parsing costs more than
predicting."""

import contextlib
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import Retention
from charter_engine.files import replacing
from charter_engine.kvcache.workload.columns import MAX_LENGTH, Follows, Workload
from charter_engine.paths import private_directory

FORMAT = 4
READING = 1
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
_TIMES = ("arrival_ms", "served_ms")
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
    follows: dict[int, Follows]
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
    """The workload kept under a key, or None. A damaged copy is none."""
    with contextlib.suppress(
        OSError, ValueError, KeyError, EOFError, BadZipFile, msgspec.MsgspecError
    ):
        return load(directory / f"{key}.npz")
    return None


def keep(directory: Path, key: str, workload: Workload) -> None:
    """Keep a workload under a key. A directory that cannot be written costs nothing but time."""
    with contextlib.suppress(OSError):
        private_directory(directory)
        save(workload, directory / f"{key}.npz")


def save(workload: Workload, path: Path) -> None:
    """Write the binary form, whole or not at all. Raises OSError."""
    names = _Names(
        format=FORMAT,
        nodes=workload.nodes,
        sessions=workload.sessions,
        retention=dict(workload.retention),
        outputs=dict(workload.outputs),
        follows=dict(workload.follows),
        notes=workload.notes,
    )
    columns = {name: getattr(workload, name) for name in _COLUMNS}
    if workload.served_ms is not None:
        columns["served_ms"] = workload.served_ms
    with replacing(path, private=True) as file:
        np.savez(
            file, names=np.frombuffer(msgspec.msgpack.encode(names), dtype=np.uint8), **columns
        )


def load(path: Path) -> Workload:
    """Read the binary form. Raises OSError, and ValueError or KeyError for what is none or is
    damaged. Takes no more memory than the file has bytes, whatever it claims to hold."""
    try:
        with zipfile.ZipFile(path) as stored:
            names = msgspec.msgpack.decode(_array(stored, "names", np.uint8).tobytes(), type=_Names)
            if names.format != FORMAT:
                raise ValueError(f"{path}: format {names.format}, not {FORMAT}")
            served = "served_ms" if "served_ms.npy" in stored.namelist() else None
            columns = {
                name: _array(stored, name, np.float64 if name in _TIMES else np.int64)
                for name in (*_COLUMNS, *([served] if served else []))
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"damaged, or no binary form of a workload ({error})") from error
    workload = Workload(
        **columns,
        nodes=names.nodes,
        sessions=names.sessions,
        retention=names.retention,
        outputs=names.outputs,
        follows=names.follows,
        notes=names.notes,
    )
    for problem in _problems(workload):
        raise ValueError(f"{path}: {problem}")
    return workload


def _array(stored: zipfile.ZipFile, name: str, kind: type[np.generic]) -> NDArray[Any]:
    """One column, as `numpy.savez` writes it: not packed, and as long as its header says."""
    info = stored.getinfo(f"{name}.npy")
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is packed")
    content = io.BytesIO(stored.read(info))
    npy: Any = np.lib.format
    npy.read_magic(content)
    shape, _, dtype = npy.read_array_header_1_0(content)
    body = bytearray(content.read())
    if dtype != kind or len(shape) != 1 or len(body) != shape[0] * dtype.itemsize:
        raise ValueError(f"{name} is no column of {kind.__name__}")
    return np.frombuffer(body, dtype)


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
        column = getattr(workload, name)
        if np.any(column < lowest) or np.any(column > highest):
            yield f"{name} is not between {lowest} and {highest}"
    units = np.diff(np.concatenate(([0], np.cumsum(workload.run_count)))[offset])
    if np.any(units > -(-(workload.input_length + workload.output_length) // workload.unit_tokens)):
        yield "a request has more content than its prompt and its output"
    for name in ("node", "session"):
        column, named = getattr(workload, name), getattr(workload, f"{name}s")
        if np.any(column < 0) or np.any(column >= len(named)):
            yield f"{name} names none of {len(named)}"
    if any(not 0 <= index < count for index in (*workload.retention, *workload.outputs)):
        yield "it says something of a request that is not there"
