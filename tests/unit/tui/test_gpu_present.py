"""GPUs in full, as lines."""

import pytest

from charter_engine.contracts.gpu import GpuProcess, GpuSample, GpuStatus, MemoryPart
from charter_tui.present.gpu import gpu_screen_lines, memory_bar
from charter_tui.present.spans import text_of

GIB = 1 << 30
SPLIT = (
    MemoryPart(kind="weights", bytes=16 * GIB, label="derived", source="the rest"),
    MemoryPart(kind="kv-used", bytes=1, label="derived", source="Triton"),
    MemoryPart(kind="free", bytes=63 * GIB, label="measured", source="NVML"),
)
GPU = GpuSample(index=0, name="NVIDIA H100", memory_total_bytes=80 * GIB, memory_used_bytes=GIB)


def shown(status: GpuStatus | None, width: int = 100) -> str:
    return "\n".join(text_of(line) for line in gpu_screen_lines(status, (), width))


@pytest.mark.parametrize("width", [20, 41, 80, 200])
def test_the_bar_is_as_wide_as_its_room_and_shows_every_part(width: int) -> None:
    bar = memory_bar(SPLIT, width)
    assert len(text_of(bar)) == width
    assert all(span.text for span in bar)


def test_each_part_has_its_size_mark_and_source() -> None:
    assert "weights               ÷16.0 GiB  the rest" in shown(
        GpuStatus(gpus=(GPU,), split=(SPLIT,))
    )


def test_what_nvml_does_not_give_is_a_dash() -> None:
    assert "Busy" in shown(GpuStatus(gpus=(GPU,)))
    assert "=0" not in shown(GpuStatus(gpus=(GPU,)))


def test_why_clocks_are_held_back_is_said() -> None:
    slow = GpuSample(index=0, name="H100", slowdowns=("power limit",))
    assert "held back by: power limit" in shown(GpuStatus(gpus=(slow,)))


def test_a_process_that_cannot_be_seen_is_listed_with_its_memory() -> None:
    hidden = GpuSample(index=0, name="H100", processes=(GpuProcess(pid=41, memory_bytes=2 * GIB),))
    assert "41    =2.0 GiB  not visible from here" in shown(GpuStatus(gpus=(hidden,)))


def test_a_hanging_driver_shows_its_reason_above_the_last_figures() -> None:
    lines = shown(GpuStatus(gpus=(GPU,), reason="NVML has not answered for 9 s")).splitlines()
    assert lines[0] == "NVML has not answered for 9 s"
    assert lines[1].startswith("GPU 0")


def test_no_gpu_is_the_reason_and_how_to_see_those_of_another_machine() -> None:
    told = shown(GpuStatus(reason="no NVIDIA driver on this machine"))
    assert "no NVIDIA driver" in told
    assert "charter-engine serve" in " ".join(told.split())
