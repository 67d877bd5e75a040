"""Files of traffic: a record of the tap a line."""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from charter_engine.api.records import HEAD_BYTES
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import UsageError
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.lines import WorkloadFormatError
from charter_engine.traffic.workload import workload_of

Report = Callable[[int, str], None]
"""Told the number of a bad line, from 1, and what is wrong with it."""
_FIRST_KEY = re.compile(rb'\s*\{\s*"at"\s*:')


def holds_traffic(path: Path) -> bool:
    """Whether a file looks like one of traffic. Raises OSError."""
    if path.is_dir():
        return False
    with path.open("rb") as file:
        return _FIRST_KEY.match(file.read(HEAD_BYTES)) is not None


def read_traffic(path: Path, report: Report | None = None) -> list[TrafficRecord]:
    """The records of a file. `report` is told of bad lines, which are then skipped; without it the
    first one raises `WorkloadFormatError`. Raises OSError."""
    decoder = msgspec.json.Decoder(TrafficRecord)
    records: list[TrafficRecord] = []
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            try:
                if text.strip():
                    records.append(decoder.decode(text))
            except msgspec.MsgspecError as error:
                if report is None:
                    raise WorkloadFormatError(f"{path}:{number}: {error}") from error
                report(number, str(error))
    return records


def records_in(name: str) -> list[TrafficRecord]:
    """The records of a file that an operator names. Raises `UsageError`."""
    try:
        return read_traffic(Path(name))
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}", remedy="name a readable file") from error
    except WorkloadFormatError as error:
        raise UsageError(
            str(error), remedy="name a file that `charter-engine traffic --output` wrote"
        ) from error


def traffic_workload(path: Path, report: Report | None = None) -> Workload:
    """The requests of a file that were answered, as a workload. Raises as `read_traffic` does."""
    workload = workload_of(read_traffic(path, report))
    if not len(workload):
        raise WorkloadFormatError(f"{path}: no answered request in it")
    return workload
