"""GPUs by NVML.

What a driver cannot give is left out field by field; no driver is said in plain words.
"""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from charter_engine.contracts.live import GpuSample, GpuStatus

T = TypeVar("T")

NO_DRIVER = "no NVIDIA driver on this machine"


class GpuMonitor:
    """Holds NVML open. `nvml` is the module `pynvml`, or None to import it."""

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml
        self._reason = ""
        self._open = False

    def sample(self) -> GpuStatus:
        """All GPUs now.

        Blocks for a few milliseconds; a lost driver is tried again at the next call.
        """
        if not self._open:
            self._reason = self._initialise()
        if not self._open:
            return GpuStatus(reason=self._reason)
        try:
            count = self._nvml.nvmlDeviceGetCount()
            gpus = tuple(self._gpu(index) for index in range(count))
        except self._nvml.NVMLError as error:
            self.close()
            return GpuStatus(reason=f"NVML stopped answering: {error}")
        return GpuStatus(gpus=gpus, reason="" if gpus else "the NVIDIA driver sees no GPU")

    def close(self) -> None:
        if self._open:
            self._open = False
            with contextlib.suppress(self._nvml.NVMLError):
                self._nvml.nvmlShutdown()

    def _initialise(self) -> str:
        if self._nvml is None:
            import pynvml

            self._nvml = pynvml
        try:
            self._nvml.nvmlInit()
        except self._nvml.NVMLError_LibraryNotFound:
            return NO_DRIVER
        except self._nvml.NVMLError_DriverNotLoaded:
            return "the NVIDIA driver is installed but not loaded (try nvidia-smi)"
        except self._nvml.NVMLError as error:
            return f"NVML cannot be used: {error}"
        self._open = True
        return ""

    def _gpu(self, index: int) -> GpuSample:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = self._try(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        utilization = self._try(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        milliwatts = self._try(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        name = self._try(lambda: nvml.nvmlDeviceGetName(handle))
        return GpuSample(
            index=index,
            name=name.decode() if isinstance(name, bytes) else name or f"GPU {index}",
            memory_total_bytes=memory.total if memory else None,
            memory_used_bytes=memory.used if memory else None,
            utilization=utilization.gpu / 100 if utilization else None,
            temperature_c=self._try(
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            power_w=None if milliwatts is None else milliwatts / 1000,
        )

    def _try(self, read: Callable[[], T]) -> T | None:
        """One field, or None where this GPU or driver does not give it.

        A lost driver still raises.
        """
        lost = (self._nvml.NVMLError_GpuIsLost, self._nvml.NVMLError_Uninitialized)
        try:
            return read()
        except lost:
            raise
        except (self._nvml.NVMLError, AttributeError):
            return None
