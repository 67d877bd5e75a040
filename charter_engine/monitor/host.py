"""This machine's memory and load, and what the engine and the serving processes take of it."""

import psutil

from charter_engine.contracts.live import HostSample


class HostMonitor:
    """Samples by psutil. The processor's load is that since the sample before."""

    def __init__(self) -> None:
        self._engine = psutil.Process()
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
            serving_rss_bytes=None if serving is None else resident_bytes(serving),
        )


def resident_bytes(process_id: int) -> int | None:
    """Resident memory of a process and all its descendants; None if it is gone."""
    try:
        root = psutil.Process(process_id)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in family:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
