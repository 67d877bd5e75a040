"""The compact binary form of a workload, kept beside a key since parsing costs more than
predicting."""

import contextlib
import hashlib
import os
import zipfile
import zlib
from pathlib import Path
from zipfile import BadZipFile

import msgspec
import numpy as np

from charter_engine.contracts.workload import RetentionRecord
from charter_engine.kvcache.workload.columns import Follows, Workload

FORMAT = 3
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


class _Names(msgspec.Struct):
    format: int
    nodes: tuple[str, ...]
    sessions: tuple[str, ...]
    retention: dict[int, RetentionRecord]
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
        directory.mkdir(parents=True, exist_ok=True)
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
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez(
                file, names=np.frombuffer(msgspec.msgpack.encode(names), dtype=np.uint8), **columns
            )
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def load(path: Path) -> Workload:
    """Read the binary form. Raises OSError, and ValueError or KeyError for what is none or is
    damaged."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = msgspec.msgpack.decode(stored["names"].tobytes(), type=_Names)
            if names.format != FORMAT:
                raise ValueError(f"{path}: format {names.format}, not {FORMAT}")
            columns = {
                name: stored[name]
                for name in (*_COLUMNS, "served_ms")
                if name in stored or name in _COLUMNS
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, AttributeError) as error:
        raise ValueError(f"damaged, or no binary form of a workload ({error})") from error
    return Workload(
        **columns,
        nodes=names.nodes,
        sessions=names.sessions,
        retention=names.retention,
        outputs=names.outputs,
        follows=names.follows,
        notes=names.notes,
    )
