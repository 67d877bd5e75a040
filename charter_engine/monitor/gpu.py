"""GPUs by NVML.

What a driver cannot give is left out field by field; no driver is said in plain words.
"""

import time
from collections.abc import Iterator
from typing import Any

import msgspec

from charter_engine.contracts.gpu import GpuSample, GpuStatus
from charter_engine.monitor.gpu_device import nvlink_totals, read_device, read_instance
from charter_engine.monitor.nvml import Nvml


class GpuMonitor:
    """Holds NVML open. `nvml` is the module `pynvml`, or None to import it."""

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = Nvml(nvml)
        self._links: dict[str, tuple[float, tuple[int, int]]] = {}

    def sample(self, now: float | None = None) -> GpuStatus:
        """All GPUs and MIG instances at this moment, `now` by a monotonic clock.

        Blocks for tens of milliseconds a device, and for as long as the driver hangs; a lost driver
        is tried again at the next call.
        """
        if not self._nvml.is_open:
            reason = self._nvml.open()
            if reason:
                return GpuStatus(reason=reason)
        now = time.monotonic() if now is None else now
        try:
            driver = self._nvml.ask("nvmlSystemGetDriverVersion") or ""
            gpus, lost = self._devices(now)
        except self._nvml.module.NVMLError as error:
            self.close()
            return GpuStatus(reason=f"NVML stopped answering: {error}")
        return GpuStatus(
            gpus=gpus,
            reason=lost if gpus else "the NVIDIA driver sees no GPU",
            driver=driver.decode(errors="replace") if isinstance(driver, bytes) else driver,
        )

    def _devices(self, now: float) -> tuple[tuple[GpuSample, ...], str]:
        """All that can be read, and which are lost in words. Raises `NVMLError` where none can."""
        found: list[GpuSample] = []
        lost: list[tuple[int, Exception]] = []
        for index in range(self._nvml.module.nvmlDeviceGetCount()):
            try:
                found += self._device(index, now)
            except self._nvml.device_gone as error:
                lost.append((index, error))
        if lost and not found:
            raise lost[-1][1]
        return tuple(found), "; ".join(f"GPU {index}: {error}" for index, error in lost)

    def close(self) -> None:
        self._nvml.close()
        self._links.clear()

    def _device(self, index: int, now: float) -> Iterator[GpuSample]:
        """A device, and after it its MIG instances."""
        nvml = self._nvml
        handle = nvml.ask("nvmlDeviceGetHandleByIndex", index)
        if handle is None:
            yield GpuSample(index=index, name=f"GPU {index} (not within reach)")
            return
        device = read_device(nvml, handle, index)
        sent, received = self._link_rates(device.uuid, nvlink_totals(nvml, handle), now)
        yield msgspec.structs.replace(
            device, nvlink_sent_bytes=sent, nvlink_received_bytes=received
        )
        if device.mig_enabled:
            for place in range(nvml.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
                instance = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, place)
                if instance is not None:
                    yield read_instance(nvml, instance, device)

    def _link_rates(
        self, uuid: str, totals: tuple[int, int] | None, now: float
    ) -> tuple[int | None, int | None]:
        """Bytes a second since the sample before; None at the first, and where the counters began
        anew."""
        if totals is None:
            return None, None
        before = self._links.get(uuid)
        self._links[uuid] = now, totals
        if before is None or now <= before[0]:
            return None, None
        sent, received = (
            (new - old) / (now - before[0]) for new, old in zip(totals, before[1], strict=True)
        )
        return (None, None) if min(sent, received) < 0 else (round(sent), round(received))
