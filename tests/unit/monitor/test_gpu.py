"""GPUs by NVML: as a real H100 answered, and where a driver refuses, divides or goes away."""

import os

import psutil
import pynvml
import pytest

from charter_engine.monitor.gpu import GpuMonitor
from tests.nvml import GIB, FakeDevice, FakeInstance, FakeNvml, RepeatedNvml


def test_a_busy_h100_is_told_as_it_answered() -> None:
    (gpu,) = GpuMonitor(RepeatedNvml("h100_busy.json")).sample().gpus
    assert gpu.name == "NVIDIA H100 80GB HBM3"
    assert gpu.memory_total_bytes == 85_520_809_984
    assert (gpu.memory_used_bytes, gpu.memory_reserved_bytes) == (16_880_435_200, 503_316_480)
    assert (gpu.utilization, gpu.memory_utilization) == (1.0, 0.3)
    assert (gpu.power_w, gpu.power_limit_w) == (691.112, 700.0)
    assert (gpu.sm_clock_mhz, gpu.sm_clock_max_mhz) == (1515, 1980)
    assert gpu.slowdowns == ("power limit",)
    assert (gpu.temperature_c, gpu.slowdown_temperature_c) == (68, 89)
    assert gpu.pcie_received_bytes == 5_508_438 * 1024
    assert (gpu.ecc_corrected, gpu.ecc_uncorrected) == (0, 0)
    assert gpu.mig_enabled is False
    assert gpu.processes is not None
    assert [process.memory_bytes for process in gpu.processes] == [11_653_873_664, 5_211_422_720]


def test_a_busy_h200_is_told_as_it_answered() -> None:
    (gpu,) = GpuMonitor(RepeatedNvml("h200_busy.json")).sample().gpus
    assert gpu.name == "NVIDIA H200"
    assert gpu.memory_total_bytes == 150_754_820_096
    assert gpu.slowdowns == ("power limit",)
    assert gpu.processes is not None
    assert [process.memory_bytes for process in gpu.processes] == [22_391_291_904]


@pytest.mark.parametrize("answers", ["h100_busy.json", "h200_busy.json"])
def test_reserved_used_and_free_are_all_of_a_real_gpus_memory(answers: str) -> None:
    (gpu,) = GpuMonitor(RepeatedNvml(answers)).sample().gpus
    parts = (gpu.memory_reserved_bytes, gpu.memory_used_bytes, gpu.memory_free_bytes)
    assert sum(part or 0 for part in parts) == gpu.memory_total_bytes


def test_a_real_idle_gpu_is_held_back_by_nothing_and_has_no_processes() -> None:
    (gpu,) = GpuMonitor(RepeatedNvml("h100_idle.json")).sample().gpus
    assert (gpu.slowdowns, gpu.processes, gpu.memory_used_bytes) == ((), (), 0)


def test_counters_that_a_real_device_lacks_are_absent_not_zero() -> None:
    (gpu,) = GpuMonitor(RepeatedNvml("h100_busy.json")).sample().gpus
    assert (gpu.nvlink_sent_bytes, gpu.nvlink_received_bytes) == (None, None)


@pytest.mark.parametrize(
    ("function", "field"),
    [
        ("nvmlDeviceGetUtilizationRates", "utilization"),
        ("nvmlDeviceGetUtilizationRates", "memory_utilization"),
        ("nvmlDeviceGetTemperature", "temperature_c"),
        ("nvmlDeviceGetPowerUsage", "power_w"),
        ("nvmlDeviceGetEnforcedPowerLimit", "power_limit_w"),
        ("nvmlDeviceGetClockInfo", "sm_clock_mhz"),
        ("nvmlDeviceGetPcieThroughput", "pcie_sent_bytes"),
        ("nvmlDeviceGetTotalEccErrors", "ecc_uncorrected"),
        ("nvmlDeviceGetMigMode", "mig_enabled"),
    ],
)
def test_a_field_the_driver_refuses_is_none_and_the_others_stay(function: str, field: str) -> None:
    device = FakeDevice(refuses={function: pynvml.NVML_ERROR_NOT_SUPPORTED})
    (gpu,) = GpuMonitor(FakeNvml(device)).sample().gpus
    assert getattr(gpu, field) is None
    assert gpu.memory_total_bytes == 80 * GIB


def test_a_driver_of_the_older_memory_question_leaves_out_what_is_reserved() -> None:
    device = FakeDevice(
        refuses={"nvmlDeviceGetMemoryInfo_v2": pynvml.NVML_ERROR_FUNCTION_NOT_FOUND}
    )
    (gpu,) = GpuMonitor(FakeNvml(device)).sample().gpus
    assert (gpu.memory_total_bytes, gpu.memory_reserved_bytes) == (80 * GIB, None)


def test_a_device_that_is_not_ours_to_open_hides_no_other() -> None:
    locked = FakeDevice(refuses={"nvmlDeviceGetHandleByIndex": pynvml.NVML_ERROR_NO_PERMISSION})
    first, second = GpuMonitor(FakeNvml(locked, FakeDevice())).sample().gpus
    assert (first.memory_total_bytes, second.memory_total_bytes) == (None, 80 * GIB)


def test_mig_instances_follow_their_device_with_memory_and_processes_of_their_own() -> None:
    instance = FakeInstance(7, used=3 * GIB, processes={os.getpid(): 3 * GIB})
    device = FakeDevice(mig=[None, instance], processes={os.getpid(): 3 * GIB})
    whole, part = GpuMonitor(FakeNvml(device)).sample().gpus
    assert (whole.mig_enabled, whole.mig_instance) == (True, None)
    assert (part.index, part.mig_instance, part.memory_used_bytes) == (0, 7, 3 * GIB)
    assert part.utilization is None
    assert part.processes is not None
    assert part.processes[0].memory_bytes == 3 * GIB


def test_a_process_of_this_machine_has_its_name_and_user() -> None:
    device = FakeDevice(processes={os.getpid(): GIB})
    (gpu,) = GpuMonitor(FakeNvml(device)).sample().gpus
    assert gpu.processes is not None
    (process,) = gpu.processes
    own = psutil.Process()
    assert (process.name, process.user) == (own.name(), own.username())


def test_a_process_outside_this_container_keeps_its_number_and_memory() -> None:
    nowhere = 4_100_000
    driver = FakeNvml(FakeDevice(processes={nowhere: GIB}))
    (gpu,) = GpuMonitor(driver).sample().gpus
    assert gpu.processes is not None
    (process,) = gpu.processes
    assert (process.pid, process.name, process.memory_bytes) == (nowhere, "", GIB)


def test_a_process_that_only_the_driver_can_name_is_named_by_it() -> None:
    nowhere = 4_100_000
    driver = FakeNvml(FakeDevice(processes={nowhere: GIB}))
    driver.process_names[nowhere] = "/opt/tritonserver/bin/tritonserver"
    (gpu,) = GpuMonitor(driver).sample().gpus
    assert gpu.processes is not None
    assert gpu.processes[0].name == "tritonserver"


def test_nvlink_counters_become_rates_from_the_second_sample_on() -> None:
    driver = FakeNvml(FakeDevice(links_kib=(100, 1_000)))
    monitor = GpuMonitor(driver)
    assert monitor.sample(now=10.0).gpus[0].nvlink_sent_bytes is None
    driver.devices[0].links_kib = (300, 5_000)
    (gpu,) = monitor.sample(now=12.0).gpus
    assert (gpu.nvlink_sent_bytes, gpu.nvlink_received_bytes) == (100 * 1024, 2_000 * 1024)


def test_counters_that_began_anew_give_no_rate() -> None:
    driver = FakeNvml(FakeDevice(links_kib=(100, 1_000)))
    monitor = GpuMonitor(driver)
    monitor.sample(now=10.0)
    driver.devices[0].links_kib = (5, 5)
    assert monitor.sample(now=11.0).gpus[0].nvlink_sent_bytes is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "no NVIDIA driver on this machine"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "installed but not loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "until a restart"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"),
    ],
)
def test_a_driver_that_cannot_be_used_is_said_in_plain_words(code: int, words: str) -> None:
    status = GpuMonitor(FakeNvml(init_error=code)).sample()
    assert status.gpus == ()
    assert words in status.reason


def test_a_gpu_that_fell_off_the_bus_is_said_and_looked_for_again() -> None:
    driver = FakeNvml(FakeDevice())
    monitor = GpuMonitor(driver)
    assert monitor.sample().gpus
    driver.devices[0].refuses["nvmlDeviceGetMemoryInfo_v2"] = pynvml.NVML_ERROR_GPU_IS_LOST
    assert "GPU is lost" in monitor.sample().reason
    driver.devices[0].refuses.clear()
    assert monitor.sample().gpus


def test_a_gpu_that_is_lost_hides_no_other() -> None:
    driver = FakeNvml(FakeDevice(), FakeDevice(), FakeDevice())
    driver.devices[1].refuses["nvmlDeviceGetName"] = pynvml.NVML_ERROR_GPU_IS_LOST
    status = GpuMonitor(driver).sample()
    assert [gpu.index for gpu in status.gpus] == [0, 2]
    assert status.reason == "GPU 1: GPU is lost"


def test_a_name_that_is_no_text_is_left_out() -> None:
    device = FakeDevice(unreadable=("nvmlDeviceGetName",))
    (gpu,) = GpuMonitor(FakeNvml(device)).sample().gpus
    assert (gpu.name, gpu.temperature_c) == ("GPU 0", 68)


def test_a_driver_that_is_reloaded_is_opened_again() -> None:
    driver = FakeNvml(FakeDevice())
    monitor = GpuMonitor(driver)
    monitor.sample()
    driver.lost, driver.init_error = True, pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    assert "stopped answering" in monitor.sample().reason
    assert "not loaded" in monitor.sample().reason
    driver.lost, driver.init_error = False, None
    assert monitor.sample().gpus


def test_a_machine_whose_gpus_were_all_taken_says_so() -> None:
    driver = FakeNvml(FakeDevice())
    monitor = GpuMonitor(driver)
    monitor.sample()
    driver.devices.clear()
    assert monitor.sample().reason == "the NVIDIA driver sees no GPU"


def test_the_real_module_gives_gpus_or_a_reason() -> None:
    status = GpuMonitor().sample()
    assert bool(status.gpus) != bool(status.reason)
