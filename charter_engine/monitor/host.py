"""This machine's memory and load, and what the engine and the serving processes take of it."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import psutil

from charter_engine.contracts.live import HostSample

FAMILY_SECONDS: Final = 10.0
"""Between two looks for the processes below a server: each reads all processes of the machine."""


class HostMonitor:
    """Samples by psutil. The processor's load is that since the sample before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = psutil.Process()
        self._clock = clock
        self._root: int | None = None
        self._family: list[psutil.Process] = []
        self._looked_at = 0.0
        psutil.cpu_percent(interval=None)

    def sample(self, serving: int | None = None) -> HostSample:
        """What the machine shows at this moment.

        `serving` is the process id of the server whose resident memory is wanted, its children's
        included.
        """
        memory = psutil.virtual_memory()
        return HostSample(
            cpu_utilization=psutil.cpu_percent(interval=None) / 100,
            memory_total_bytes=memory.total,
            memory_used_bytes=memory.total - memory.available,
            engine_rss_bytes=self._engine.memory_info().rss,
            serving_rss_bytes=None if serving is None else self._resident(serving),
        )

    def _resident(self, serving: int) -> int | None:
        """Resident memory of a process and all its descendants; None if it is gone."""
        due = self._looked_at + FAMILY_SECONDS
        if serving != self._root or not self._family or self._clock() >= due:
            self._root, self._looked_at = serving, self._clock()
            self._family = _family(serving)
        return _resident_bytes(self._family)


def _family(process_id: int) -> list[psutil.Process]:
    """A process and all its descendants; none if it is gone."""
    try:
        root = psutil.Process(process_id)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _resident_bytes(processes: Iterable[psutil.Process]) -> int | None:
    """What those that are still there take together; None if none is."""
    found = []
    for process in processes:
        try:
            found.append(process.memory_info().rss)
        except psutil.Error:
            continue
    return sum(found) if found else None
