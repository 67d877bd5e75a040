"""What NVML tells of GPUs, and what their memory holds."""

from statistics import fmean
from typing import Literal

from msgspec import Struct

from charter_engine.contracts.figures import Label

MemoryKind = Literal[
    "weights",
    "runtime",
    "kv-used",
    "kv-reusable",
    "kv-free",
    "serving",
    "others",
    "reserved",
    "unexplained",
    "free",
]


class MemoryPart(Struct, frozen=True, kw_only=True):
    """What a share of a GPU's memory is taken by, and where the figure comes from.

    `serving` stands for all of the serving process where the pool's size is not known, and
    `unexplained` for what is used by processes that NVML does not show from here.
    """

    kind: MemoryKind
    bytes: int
    label: Label
    source: str


class GpuProcess(Struct, frozen=True, kw_only=True):
    """A process that holds memory of a GPU.

    `name` and `user` are empty for one that cannot be seen from here: outside this container, say.
    `serving`: it is an inference server's, or was started by one.
    """

    pid: int
    name: str = ""
    user: str = ""
    memory_bytes: int | None = None
    serving: bool = False


class GpuSample(Struct, frozen=True, kw_only=True):
    """One GPU, or one MIG instance of it, by NVML. What this device or driver does not give is
    None.

    `mig_instance` is the GPU instance's id, None for a whole device. `memory_used_bytes` leaves out
    `memory_reserved_bytes`, which the driver keeps for itself. `memory_utilization` is the share of
    time in which memory was read or written. Rates are bytes a second: of PCIe as NVML measures
    them over 20 ms, of NVLink between two samples. ECC errors count since the driver was loaded.
    `slowdowns` are the reasons why clocks are lower than they could be.
    """

    index: int
    name: str
    uuid: str = ""
    mig_instance: int | None = None
    mig_enabled: bool | None = None
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    utilization: float | None = None
    memory_utilization: float | None = None
    temperature_c: int | None = None
    slowdown_temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    memory_clock_mhz: int | None = None
    slowdowns: tuple[str, ...] = ()
    pcie_sent_bytes: int | None = None
    pcie_received_bytes: int | None = None
    nvlink_sent_bytes: int | None = None
    nvlink_received_bytes: int | None = None
    ecc_corrected: int | None = None
    ecc_uncorrected: int | None = None
    processes: tuple[GpuProcess, ...] | None = None


class GpuStatus(Struct, frozen=True, kw_only=True):
    """All GPUs, or the plain words why there are none to show.

    `split` holds, for each GPU in order, what its memory is taken by. With `gpus` and a `reason`,
    others of this machine are lost, or the driver is silent: then they are as they were last seen,
    and `stale`.
    """

    gpus: tuple[GpuSample, ...] = ()
    reason: str = ""
    driver: str = ""
    split: tuple[tuple[MemoryPart, ...], ...] = ()
    stale: bool = False

    @property
    def answering(self) -> tuple[GpuSample, ...]:
        """Those whose figures are of this moment."""
        return () if self.stale else self.gpus

    @property
    def utilization(self) -> float | None:
        """How busy the GPUs that answer are, the mean of them, 0 to 1."""
        told = [gpu.utilization for gpu in self.answering if gpu.utilization is not None]
        return fmean(told) if told else None

    @property
    def memory_used(self) -> float | None:
        """The share that is used of the memory of all GPUs that answer, 0 to 1. A MIG instance's is
        part of its device's."""
        told = [
            (gpu.memory_used_bytes, gpu.memory_total_bytes)
            for gpu in self.answering
            if gpu.mig_instance is None and gpu.memory_used_bytes is not None
        ]
        whole = sum(total or 0 for _, total in told)
        return sum(used for used, _ in told) / whole if whole else None
