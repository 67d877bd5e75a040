"""A driver that hangs stalls nobody."""

from charter_engine.contracts.gpu import GpuStatus
from charter_engine.monitor.gpu import GpuMonitor
from charter_engine.monitor.gpu_watch import GpuWatch
from tests.nvml import FakeDevice, FakeNvml

LONG = 5.0


def test_a_driver_that_answers_is_waited_for() -> None:
    watch = GpuWatch(GpuMonitor(FakeNvml(FakeDevice())), LONG)
    assert len(watch.sample().gpus) == 1
    watch.close()


def test_a_driver_that_hangs_leaves_the_last_figures_and_says_so() -> None:
    driver = FakeNvml(FakeDevice())
    watch = GpuWatch(GpuMonitor(driver), 0.05)
    watch.sample()
    driver.answering.clear()
    status = watch.sample()
    assert (len(status.gpus), status.stale) == (1, True)
    assert "NVML has not answered" in status.reason
    driver.answering.set()
    watch.close()


def test_a_driver_that_comes_back_is_sampled_anew() -> None:
    driver = FakeNvml(FakeDevice())
    driver.answering.clear()
    watch = GpuWatch(GpuMonitor(driver), 0.05)
    assert watch.sample().reason
    driver.answering.set()
    statuses = iter(watch.sample, None)
    assert any(status.reason == "" for status, _ in zip(statuses, range(100), strict=False))
    watch.close()


def test_a_driver_that_hangs_from_the_start_shows_no_gpu_and_the_reason() -> None:
    driver = FakeNvml(FakeDevice())
    driver.answering.clear()
    watch = GpuWatch(GpuMonitor(driver), 0.05)
    status = watch.sample()
    assert (status.gpus, "the driver hangs" in status.reason) == ((), True)
    driver.answering.set()
    watch.close()


def test_an_answer_that_nobody_expected_is_said_and_the_next_is_asked_for() -> None:
    class Strange(GpuMonitor):
        strange = True

        def sample(self, now: float | None = None) -> GpuStatus:
            if self.strange:
                raise TypeError("what is this")
            return super().sample(now)

    monitor = Strange(FakeNvml(FakeDevice()))
    watch = GpuWatch(monitor, LONG)
    assert "can't be read" in watch.sample().reason
    monitor.strange = False
    assert len(watch.sample().gpus) == 1
    watch.close()
