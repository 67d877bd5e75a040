"""One device, asked field by field."""

from typing import Any

from charter_engine.contracts.gpu import GpuProcess, GpuSample
from charter_engine.monitor.gpu_processes import processes_on
from charter_engine.monitor.nvml import Nvml

BYTES_PER_KIB = 1024
MILLIWATTS = 1000
ALL_LINKS = 0xFFFFFFFF
"""The scope under which NVML adds up a device's NVLinks (nvml.h, nvmlFieldValue_t)."""

SLOWDOWNS = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "temperature (driver)",
    0x40: "temperature (hardware)",
    0x80: "power brake",
}
"""Bits of `nvmlDeviceGetCurrentClocksEventReasons` that mean the device is held back (nvml.h);
those for an idle device and for clocks that its operator set are not among them."""


def read_device(nvml: Nvml, handle: Any, index: int) -> GpuSample:
    """A whole device."""
    module = nvml.module
    power = nvml.ask("nvmlDeviceGetPowerUsage", handle)
    limit = nvml.ask("nvmlDeviceGetEnforcedPowerLimit", handle)
    busy = nvml.ask("nvmlDeviceGetUtilizationRates", handle)
    return GpuSample(
        index=index,
        name=_name(nvml, handle) or f"GPU {index}",
        uuid=_text(nvml.ask("nvmlDeviceGetUUID", handle)),
        mig_enabled=nvml.ask_for(lambda mode: bool(mode[0]), "nvmlDeviceGetMigMode", handle),
        **_memory(nvml, handle),
        utilization=busy.gpu / 100 if busy else None,
        memory_utilization=busy.memory / 100 if busy else None,
        temperature_c=nvml.ask("nvmlDeviceGetTemperature", handle, module.NVML_TEMPERATURE_GPU),
        slowdown_temperature_c=nvml.ask(
            "nvmlDeviceGetTemperatureThreshold", handle, module.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        ),
        power_w=None if power is None else power / MILLIWATTS,
        power_limit_w=None if limit is None else limit / MILLIWATTS,
        sm_clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, module.NVML_CLOCK_SM),
        sm_clock_max_mhz=nvml.ask("nvmlDeviceGetMaxClockInfo", handle, module.NVML_CLOCK_SM),
        memory_clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, module.NVML_CLOCK_MEM),
        slowdowns=_slowdowns(nvml, handle),
        pcie_sent_bytes=_pcie(nvml, handle, module.NVML_PCIE_UTIL_TX_BYTES),
        pcie_received_bytes=_pcie(nvml, handle, module.NVML_PCIE_UTIL_RX_BYTES),
        ecc_corrected=_ecc(nvml, handle, module.NVML_MEMORY_ERROR_TYPE_CORRECTED),
        ecc_uncorrected=_ecc(nvml, handle, module.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
        processes=processes_on(nvml, handle),
    )


def read_instance(nvml: Nvml, handle: Any, device: GpuSample) -> GpuSample:
    """A MIG instance: it has its own memory and processes; the rest is the whole device's."""
    processes: tuple[GpuProcess, ...] | None = processes_on(nvml, handle)
    return GpuSample(
        index=device.index,
        name=_name(nvml, handle) or device.name,
        uuid=_text(nvml.ask("nvmlDeviceGetUUID", handle)),
        mig_instance=nvml.ask("nvmlDeviceGetGpuInstanceId", handle),
        **_memory(nvml, handle),
        processes=processes,
    )


def nvlink_totals(nvml: Nvml, handle: Any) -> tuple[int, int] | None:
    """Bytes that the device's NVLinks have sent and received so far; None without such counters."""
    module = nvml.module
    fields = [
        (module.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX, ALL_LINKS),
        (module.NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX, ALL_LINKS),
    ]
    values = nvml.ask("nvmlDeviceGetFieldValues", handle, fields)
    if values is None or any(value.nvmlReturn != module.NVML_SUCCESS for value in values):
        return None
    sent, received = (int(value.value.ullVal) * BYTES_PER_KIB for value in values)
    return sent, received


def _memory(nvml: Nvml, handle: Any) -> dict[str, Any]:
    """Of the second form of the question, which tells what the driver keeps, or of the first."""
    version = getattr(nvml.module, "nvmlMemory_v2", None)
    memory = version and nvml.ask("nvmlDeviceGetMemoryInfo", handle, version=version)
    reserved = memory.reserved if memory else None
    memory = memory or nvml.ask("nvmlDeviceGetMemoryInfo", handle)
    if not memory:
        return {}
    return {
        "memory_total_bytes": memory.total,
        "memory_used_bytes": memory.used,
        "memory_free_bytes": memory.free,
        "memory_reserved_bytes": reserved,
    }


def _slowdowns(nvml: Nvml, handle: Any) -> tuple[str, ...]:
    bits = nvml.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if bits is None:
        bits = nvml.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
    return tuple(words for bit, words in SLOWDOWNS.items() if bits & bit)


def _pcie(nvml: Nvml, handle: Any, direction: int) -> int | None:
    return nvml.ask_for(
        lambda kib: int(kib) * BYTES_PER_KIB, "nvmlDeviceGetPcieThroughput", handle, direction
    )


def _ecc(nvml: Nvml, handle: Any, kind: int) -> int | None:
    since_load = nvml.module.NVML_VOLATILE_ECC
    count: int | None = nvml.ask("nvmlDeviceGetTotalEccErrors", handle, kind, since_load)
    return count


def _name(nvml: Nvml, handle: Any) -> str:
    return _text(nvml.ask("nvmlDeviceGetName", handle))


def _text(answer: str | bytes | None) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer or ""
