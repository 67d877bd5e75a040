"""Workload files: read through the user's cache, described, converted, and pooled from sessions."""

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import BinaryIO

import numpy as np

from charter_engine.api.records import holds_records, request_records
from charter_engine.api.tokenizers import assumed_tokens, tokenizer_identity, tokens_by
from charter_engine.api.traffic_files import holds_traffic, traffic_workload
from charter_engine.contracts.notes import Note
from charter_engine.contracts.workload_files import (
    BY_FORMAT,
    ConvertRequest,
    InfoRequest,
    PoolRequest,
    ReadAs,
    WorkloadInfo,
    WorkloadWritten,
)
from charter_engine.errors import UsageError
from charter_engine.files import replacing
from charter_engine.kvcache.workload.columns import Workload, from_records
from charter_engine.kvcache.workload.lines import (
    ReadOptions,
    WorkloadFormatError,
    read_sessions,
    read_workload,
    write_lines,
)
from charter_engine.store import workload_cache

SHOWN_BAD_LINES = 20
"""Assumed: more of them have the same cause; all are counted."""
REMEDY = (
    "a workload is JSON Lines of requests (`timestamp` ms, `input_length`, `output_length`, and "
    "`hash_ids` or `token_ids`), agent sessions, records of `charter-engine traffic`, or an .npz "
    "written by `charter-engine workload`; --block-tokens and --time-unit say what a file does not "
    "say of itself"
)
Loaded = tuple[Workload, tuple[Note, ...]]
"""A workload, and what of its file could not be used."""


def info(request: InfoRequest) -> WorkloadInfo:
    """What a workload holds. Raises `UsageError`."""
    from charter_engine.kvcache.workload.info import describe

    workload, notes = load(request.file, strict=request.strict, read_as=request.read_as)
    return WorkloadInfo(facts=describe(workload), notes=notes)


def convert(request: ConvertRequest, stream: BinaryIO | None = None) -> WorkloadWritten:
    """Write a workload in another form: to the file the request names, else to `stream` as JSON
    Lines. Raises `UsageError`."""
    workload, notes = load(request.file, strict=request.strict, read_as=request.read_as)
    return _written(workload, request.output, stream, notes)


def pool(request: PoolRequest, stream: BinaryIO | None = None) -> WorkloadWritten:
    """Interleave agent sessions into one workload, written as by `convert`. Raises `UsageError`."""
    from charter_engine.kvcache.workload.sessions import pool as pooled

    parameters = (request.sessions, request.window_s, request.gap_cap_s, request.seed)
    workload, notes = through_cache(
        request.file,
        ("pool", *parameters, *_parameters(request.read_as)),
        request.strict,
        lambda path, report: pooled(
            list(read_sessions(path, report, _options(request.read_as))), *parameters
        ),
    )
    return _written(workload, request.output, stream, notes)


def load(name: str, *, strict: bool, read_as: ReadAs = BY_FORMAT) -> Loaded:
    """The workload of a file, of traffic, or of the requests measured in a recording. Raises
    `UsageError`, naming the file and what to do."""
    _require_lasting(name)
    try:
        is_measured, is_traffic = holds_records(Path(name)), holds_traffic(Path(name))
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror or error}", remedy="name a readable file"
        ) from error
    if is_measured or is_traffic or Path(name).suffix == ".npz":
        _require_nothing_given(name, read_as)
    if is_measured:
        workload, notes = _measured(name)
    elif is_traffic:
        workload, notes = through_cache(name, (), strict, traffic_workload)
    else:
        workload, notes = through_cache(
            name,
            _parameters(read_as),
            strict,
            lambda path, report: read_workload(path, report, _options(read_as)),
        )
    with np.errstate(over="ignore"):
        is_finite = isfinite(workload.arrival_ms.sum())
    if not is_finite:
        raise UsageError(f"{name}: some requests arrive at no finite time", remedy=REMEDY)
    return workload, notes


def through_cache(
    name: str,
    parameters: tuple[object, ...],
    strict: bool,
    read: "Callable[[Path, BadLines | None], Workload]",
) -> Loaded:
    """What `read` makes of a file, or the copy kept of it. What was read with gaps is not kept.
    Raises `UsageError`."""
    path = Path(name)
    _require_lasting(name)
    try:
        if path.suffix == ".npz":
            return workload_cache.load(path), ()
        directory = cache_directory()
        key = workload_cache.cache_key(path, *parameters)
        kept = workload_cache.find(directory, key)
        if kept is not None:
            return kept, ()
        bad = BadLines(name)
        # Times beyond all bounds are told once they are read.
        with np.errstate(over="ignore"):
            workload = read(path, None if strict else bad)
        if not bad.count:
            workload_cache.keep(directory, key, workload)
    except WorkloadFormatError as error:
        raise UsageError(str(error), remedy=REMEDY) from error
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror or error}", remedy="name a readable file"
        ) from error
    except (ValueError, KeyError) as error:
        raise UsageError(f"{name}: {error}", remedy=REMEDY) from error
    return workload, bad.notes()


class BadLines:
    """Notes the first bad lines of a file, and counts all."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._first: list[Note] = []

    def __call__(self, number: int, problem: str) -> None:
        self.count += 1
        if self.count <= SHOWN_BAD_LINES:
            self._first.append(Note(f"{self._name}:{number}: {problem}; line skipped"))

    def notes(self) -> tuple[Note, ...]:
        """The first, and how many there were if those are not all."""
        if self.count <= SHOWN_BAD_LINES:
            return tuple(self._first)
        summary = f"{self._name}: {self.count} lines skipped in all"
        return (*self._first, Note(summary, "--strict refuses such a file"))


def cache_directory() -> Path:
    """Where binary copies of workloads are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("charter") / "workloads"


def _options(read_as: ReadAs) -> ReadOptions:
    """Raises `UsageError` for a tokenizer that cannot be read."""
    named = read_as.tokenizer
    return ReadOptions(
        block_tokens=read_as.block_tokens,
        time_unit=read_as.time_unit,
        tokenize=tokens_by(named) if named else assumed_tokens,
        tokenizer=named or "the embedded engine's tokenizer",
    )


def _parameters(read_as: ReadAs) -> tuple[object, ...]:
    """What makes what was read another. A tokenizer is its file as it is now."""
    if not read_as.tokenizer:
        return (read_as.block_tokens, read_as.time_unit)
    return (read_as.block_tokens, read_as.time_unit, tokenizer_identity(read_as.tokenizer))


def _require_lasting(name: str) -> None:
    """Raises `UsageError` for what is gone once it was read: what it is shows at its beginning."""
    path = Path(name)
    if path.is_fifo() or path.is_char_device() or path.is_socket():
        raise UsageError(
            f"{name}: a pipe or a device, which can be read only once",
            remedy="write it to a file, and name that",
        )


def _require_nothing_given(name: str, read_as: ReadAs) -> None:
    """Raises `UsageError` where a file that says all of itself is to be read otherwise."""
    if read_as.block_tokens is not None or read_as.time_unit is not None:
        raise UsageError(
            f"{name}: it says itself how many tokens its blocks have, and what its times count",
            remedy="leave --block-tokens and --time-unit out",
        )


def _measured(name: str) -> Loaded:
    records, notes = request_records(Path(name))
    workload = from_records(records)
    if not len(workload):
        raise UsageError(
            f"{name}: no finished request with a prompt length",
            remedy="record a run on a deployment that gives KV counters",
        )
    return workload, notes


def _written(
    workload: Workload, output: str, stream: BinaryIO | None, notes: tuple[Note, ...]
) -> WorkloadWritten:
    try:
        if output:
            _write_file(workload, Path(output))
        elif stream is not None:
            write_lines(workload.requests(), stream)
    except OSError as error:
        if not output:
            raise
        raise UsageError(
            f"{output}: {error.strerror}", remedy="name a file that can be written"
        ) from error
    return WorkloadWritten(
        output=output,
        requests=len(workload),
        prompt_tokens=workload.prompt_tokens,
        notes=notes,
    )


def _write_file(workload: Workload, path: Path) -> None:
    """A whole file, or none: binary where its name ends so, else lines."""
    if path.suffix == ".npz":
        workload_cache.save(workload, path)
        return
    with replacing(path) as file:
        write_lines(workload.requests(), file)
