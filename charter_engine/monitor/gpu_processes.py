"""Who holds memory of a GPU."""

from typing import Any

import psutil

from charter_engine.contracts.gpu import GpuProcess
from charter_engine.monitor.nvml import Nvml

KINDS = (
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
    "nvmlDeviceGetMPSComputeRunningProcesses",
)

SERVERS = ("tritonserver", "trtllm-serve", "trtllmExecutor")
"""How the processes are called that serve, or start those that do (15 characters are all that the
kernel keeps of a name)."""


def processes_on(nvml: Nvml, handle: Any) -> tuple[GpuProcess, ...] | None:
    """Its processes, the largest first; None where none of the lists can be had.

    One that computes and draws is in two lists with the same figure.
    """
    lists = [nvml.ask(kind, handle) for kind in KINDS]
    if all(found is None for found in lists):
        return None
    memory: dict[int, int | None] = {}
    for process in (process for found in lists for process in found or ()):
        memory.setdefault(process.pid, process.usedGpuMemory)
    named = [_named(nvml, pid, taken) for pid, taken in memory.items()]
    return tuple(sorted(named, key=lambda process: (-(process.memory_bytes or 0), process.pid)))


def _named(nvml: Nvml, pid: int, memory: int | None) -> GpuProcess:
    try:
        process = psutil.Process(pid)
        name, user = process.name(), process.username()
        serving = any(_serves(line.name()) for line in (process, *process.parents()))
    except (psutil.Error, KeyError, ValueError):
        told = nvml.ask("nvmlSystemGetProcessName", pid)
        text = told.decode(errors="replace") if isinstance(told, bytes) else told or ""
        name, user = text.rpartition("/")[2], ""
        serving = _serves(name)
    return GpuProcess(pid=pid, name=name, user=user, memory_bytes=memory, serving=serving)


def _serves(name: str) -> bool:
    return name.startswith(SERVERS)
