"""Workload files as commands read them: through the user's cache, bad lines told on standard
error."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import complain
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from charter_engine.kvcache.workload.columns import Workload

SHOWN_BAD_LINES = 20


class BadLines:
    """Tells the first bad lines of a file, and counts all."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name

    def __call__(self, number: int, problem: str) -> None:
        self.count += 1
        if self.count <= SHOWN_BAD_LINES:
            complain(f"{self._name}:{number}: {problem}; line skipped")

    def summarise(self) -> None:
        """Say how many there were, if not all were told."""
        if self.count > SHOWN_BAD_LINES:
            complain(
                f"{self._name}: {self.count} lines skipped in all", "--strict refuses such a file"
            )


def load(name: str, *, strict: bool) -> "Workload":
    """The workload of a file, or of the requests measured in a recording. Raises CharterError,
    naming the file and what to do."""
    from charter_engine.api.records import holds_records
    from charter_engine.kvcache.workload.lines import read_workload

    try:
        measured = holds_records(Path(name))
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror or error}",
            remedy="name a readable file",
        ) from error
    workload = _measured(name) if measured else through_cache(name, (), strict, read_workload)
    if not isfinite(workload.arrival_ms.sum()):
        raise UsageError(
            f"{name}: some requests arrive at no finite time",
            remedy=REMEDY,
        )
    return workload


def _measured(name: str) -> "Workload":
    from charter_engine.api.records import request_records
    from charter_engine.kvcache.workload.columns import from_records

    workload = from_records(request_records(Path(name)))
    if not len(workload):
        remedy = "record a run on a deployment that gives KV counters"
        raise UsageError(
            f"{name}: no finished request with a prompt length",
            remedy=remedy,
        )
    return workload


def through_cache(
    name: str,
    parameters: tuple[object, ...],
    strict: bool,
    read: "Callable[[Path, BadLines | None], Workload]",
) -> "Workload":
    """What `read` makes of a file, or the copy kept of it. What was read with gaps is not kept."""
    from charter_engine.kvcache.workload.lines import WorkloadFormatError
    from charter_engine.store import workload_cache

    path = Path(name)
    try:
        if path.suffix == ".npz":
            return workload_cache.load(path)
        directory = cache_directory()
        key = workload_cache.cache_key(path, *parameters)
        kept = workload_cache.find(directory, key)
        if kept is not None:
            return kept
        bad = BadLines(name)
        workload = read(path, None if strict else bad)
        bad.summarise()
        if not bad.count:
            workload_cache.keep(directory, key, workload)
    except WorkloadFormatError as error:
        raise UsageError(
            str(error),
            remedy=REMEDY,
        ) from error
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror or error}",
            remedy="name a readable file",
        ) from error
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"{name}: {error}",
            remedy=REMEDY,
        ) from error
    return workload


REMEDY = (
    "a workload is JSON Lines of requests (`timestamp` ms, `input_length`, `output_length`, and `hash_ids` or "
    "`token_ids`), agent sessions, or an .npz written by `charter-engine workload`"
)


def cache_directory() -> Path:
    """Where binary copies of workloads are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("charter") / "workloads"
