"""GPUs by NVML, against a stand-in for the driver this machine lacks."""

from types import SimpleNamespace
from typing import Any

import pytest

from charter_engine.monitor.gpu import NO_DRIVER, GpuMonitor


class NVMLError(Exception):
    pass


class LibraryNotFound(NVMLError):
    pass


class DriverNotLoaded(NVMLError):
    pass


class GpuIsLost(NVMLError):
    pass


class Uninitialized(NVMLError):
    pass


def nvml(**overrides: Any) -> SimpleNamespace:
    """A driver with one GPU that gives everything, except as overridden."""
    driver: dict[str, Any] = {
        "NVMLError": NVMLError,
        "NVMLError_LibraryNotFound": LibraryNotFound,
        "NVMLError_DriverNotLoaded": DriverNotLoaded,
        "NVMLError_GpuIsLost": GpuIsLost,
        "NVMLError_Uninitialized": Uninitialized,
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda handle: "H100",
        "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=80, used=50),
        "nvmlDeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=40),
        "nvmlDeviceGetTemperature": lambda handle, kind: 61,
        "nvmlDeviceGetPowerUsage": lambda handle: 350_000,
    }
    return SimpleNamespace(**{**driver, **overrides})


def raising(error: type[Exception]) -> Any:
    def refuse(*_: object) -> None:
        raise error("refused")

    return refuse


def test_a_gpu_is_shown_in_plain_units() -> None:
    (gpu,) = GpuMonitor(nvml()).sample().gpus
    assert (gpu.name, gpu.memory_total_bytes, gpu.memory_used_bytes) == ("H100", 80, 50)
    assert (gpu.utilization, gpu.temperature_c, gpu.power_w) == (0.4, 61, 350.0)


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetMemoryInfo", "memory_used_bytes"),
        ("nvmlDeviceGetUtilizationRates", "utilization"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
    ],
)
def test_a_field_the_driver_refuses_is_none_and_the_others_stay(function: str, field: str) -> None:
    (gpu,) = GpuMonitor(nvml(**{function: raising(NVMLError)})).sample().gpus
    assert getattr(gpu, field) is None
    assert gpu.name == "H100"


def test_no_driver_is_said_in_plain_words() -> None:
    status = GpuMonitor(nvml(nvmlInit=raising(LibraryNotFound))).sample()
    assert (status.gpus, status.reason) == ((), NO_DRIVER)


def test_a_driver_lost_on_the_way_is_opened_again() -> None:
    driver = nvml()
    monitor = GpuMonitor(driver)
    assert monitor.sample().gpus
    driver.nvmlDeviceGetMemoryInfo = raising(GpuIsLost)
    assert "stopped answering" in monitor.sample().reason
    driver.nvmlDeviceGetMemoryInfo = lambda handle: SimpleNamespace(total=80, used=50)
    assert monitor.sample().gpus


def test_the_real_module_gives_gpus_or_a_reason() -> None:
    status = GpuMonitor().sample()
    assert bool(status.gpus) != bool(status.reason)
