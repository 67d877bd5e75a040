"""Questions to NVML, each of which a device or a driver may refuse by itself."""

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any, Final, TypeVar

T = TypeVar("T")
LIBRARY: Final = "libnvidia-ml.so.1"
NO_DRIVER: Final = "no NVIDIA driver on this machine"


class Nvml:
    """The module `pynvml`, or what stands in for it; imported when it is first opened."""

    def __init__(self, module: Any = None) -> None:
        self.module = module
        self.is_open = False

    def open(self) -> str:
        """Begin; the plain words why it cannot be done, empty if it was."""
        if self.module is None:
            if not has_driver():
                return NO_DRIVER
            import pynvml

            self.module = pynvml
        try:
            self.module.nvmlInit()
        except self.module.NVMLError_LibraryNotFound:
            return NO_DRIVER
        except self.module.NVMLError_DriverNotLoaded:
            return "the NVIDIA driver is installed but not loaded (try nvidia-smi)"
        except self.module.NVMLError_LibRmVersionMismatch:
            return (
                "the NVIDIA driver was replaced while it was loaded: "
                "NVML and the kernel module are of different versions until a restart"
            )
        except self.module.NVMLError as error:
            return f"NVML cannot be used: {error}"
        self.is_open = True
        return ""

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(self.module.NVMLError):
                self.module.nvmlShutdown()

    def ask(self, function: str, *arguments: Any, **named: Any) -> Any:
        """The answer, or None where this device or driver does not give it.

        Raises `NVMLError` when the device or the driver is gone: then nothing else can be asked.
        """
        try:
            return getattr(self.module, function)(*arguments, **named)
        except self._gone:
            raise
        except (self.module.NVMLError, AttributeError, UnicodeDecodeError):
            return None

    def ask_for(self, read: Callable[[Any], T], function: str, *arguments: Any) -> T | None:
        """A part of the answer, or None where there is none."""
        answer = self.ask(function, *arguments)
        return None if answer is None else read(answer)

    @property
    def device_gone(self) -> tuple[type[Exception], ...]:
        """What is raised of a device that is gone, while others may go on."""
        return (self.module.NVMLError_GpuIsLost, self.module.NVMLError_ResetRequired)

    @property
    def _gone(self) -> tuple[type[Exception], ...]:
        module = self.module
        return (
            *self.device_gone,
            module.NVMLError_Uninitialized,
            module.NVMLError_DriverNotLoaded,
            module.NVMLError_LibRmVersionMismatch,
        )


def has_driver() -> bool:
    """Whether NVML can be loaded. Asked first, for the module alone takes three megabytes."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True
