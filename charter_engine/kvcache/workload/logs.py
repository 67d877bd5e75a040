"""Request logs, with their texts: of any form that holds them, one request after another."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from charter_engine.kvcache.workload.files import WorkloadFormatError, documents, opened
from charter_engine.kvcache.workload.formats.request_logs import (
    LoggedRequest,
    holds_texts,
    logged_requests,
)
from charter_engine.kvcache.workload.formats.vllm_log import is_vllm_log, requests_of_log

Report = Callable[[int, str], None]
"""Told the number of a line that cannot be read, from 1, and what is wrong with it."""
_HEAD_BYTES = 1 << 16
"""Assumed: the first line of a log with its prompt, or enough of it to know the format."""
_BAD = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


def holds_a_log(path: Path) -> bool:
    """Whether a file looks like a log of requests with their texts. Raises OSError."""
    if path.is_dir():
        return False
    try:
        if not _is_json(path):
            return is_vllm_log(_head(path))
        row = msgspec.json.decode(next(documents(path))[1])
        return isinstance(row, dict) and holds_texts(row)
    except (StopIteration, *_BAD):
        return False


def read_log(path: Path, report: Report | None = None) -> Iterator[tuple[int, LoggedRequest]]:
    """The requests of a log with the numbers of their lines. `report` is told of lines that cannot
    be read, which are then skipped; without it the first one raises WorkloadFormatError.

    Raises OSError, and WorkloadFormatError for a file that is no log.
    """
    if not _is_json(path):
        if not is_vllm_log(_head(path)):
            raise WorkloadFormatError(f"{path}: neither JSON Lines of requests nor a vLLM log")
        with opened(path) as file:
            yield from requests_of_log(line.decode(errors="replace") for line in file)
        return
    for number, document in documents(path):
        try:
            row = msgspec.json.decode(document, type=dict)
            found = list(logged_requests(row))
        except _BAD as error:
            if report is None:
                raise WorkloadFormatError(f"{path}:{number}: {error}") from error
            report(number, str(error))
            continue
        for request in found:
            yield number, request


def _is_json(path: Path) -> bool:
    return _head(path).lstrip()[:1] in ("{", "[")


def _head(path: Path) -> str:
    with opened(path) as file:
        return file.read(_HEAD_BYTES).decode(errors="replace")
