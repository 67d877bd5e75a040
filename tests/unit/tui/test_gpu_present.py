"""GPUs in full, as lines."""

import pytest

from charter_engine.contracts.gpu import GpuProcess, GpuSample, GpuStatus, MemoryPart
from charter_engine.contracts.series import Tick
from charter_engine.monitor.gpu import GpuMonitor
from charter_tui.present.gpu import gpu_screen_lines, memory_bar
from charter_tui.present.gpu_plots import GpuHistory
from charter_tui.present.spans import Line, Span, line, line_width, text_of
from tests.nvml import RepeatedNvml
from tests.tui.scene import SERVING_GPU

GIB = 1 << 30
SPLIT = (
    MemoryPart(kind="weights", bytes=16 * GIB, label="derived", source="the rest"),
    MemoryPart(kind="kv-used", bytes=1, label="derived", source="Triton"),
    MemoryPart(kind="free", bytes=63 * GIB, label="measured", source="NVML"),
)
GPU = GpuSample(index=0, name="NVIDIA H100", memory_total_bytes=80 * GIB, memory_used_bytes=GIB)


H200 = GpuMonitor(RepeatedNvml("h200_busy.json")).sample()


def served(width: int, rows: int) -> tuple[Line, ...]:
    return (line(Span(f"{rows} high, {width} wide")),)


def shown(
    status: GpuStatus | None, width: int = 100, height: int = 40, history: GpuHistory | None = None
) -> str:
    lines = gpu_screen_lines(status, history or GpuHistory(), width, height)
    return "\n".join(map(text_of, lines))


def several(*samples: GpuSample) -> GpuStatus:
    return GpuStatus(gpus=samples)


@pytest.mark.parametrize("width", [20, 41, 80, 200])
def test_the_bar_is_as_wide_as_its_room_and_shows_every_part(width: int) -> None:
    bar = memory_bar(SPLIT, width)
    assert len(text_of(bar)) == width
    assert all(span.text for span in bar)


def test_each_part_has_its_size_mark_and_source() -> None:
    assert "weights              ÷16.0 GiB  the rest" in shown(
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
    assert "41  =2.0 GiB  not visible from here" in shown(GpuStatus(gpus=(hidden,)))


def test_a_hanging_driver_shows_its_reason_above_the_last_figures() -> None:
    lines = shown(GpuStatus(gpus=(GPU,), reason="NVML has not answered for 9 s")).splitlines()
    assert lines[0] == "NVML has not answered for 9 s"
    assert lines[1].startswith("GPU 0")


def test_no_gpu_is_the_reason_and_how_to_see_those_of_another_machine() -> None:
    told = shown(GpuStatus(reason="no NVIDIA driver on this machine"))
    assert "No NVIDIA driver on this machine." in told
    assert "charter-engine serve" in " ".join(told.split())


@pytest.mark.parametrize(("width", "height"), [(128, 36), (198, 55)])
def test_a_real_cards_plots_fill_what_a_wide_screen_has_beside_its_figures(
    width: int, height: int
) -> None:
    lines = gpu_screen_lines(H200, GpuHistory([H200] * 60), width, height)
    assert height - 4 <= len(lines) <= height
    assert all(line_width(one) <= width for one in lines)
    told = shown(H200, width, height)
    for words in ("Memory used =20.9 GiB", "Power          =688 W", "up to 700 W", "up to 89 °C"):
        assert words in told


def test_a_narrow_screen_has_no_plots() -> None:
    assert "The last minutes" not in shown(H200, 100)


def test_a_plot_ends_with_the_latest_sample_of_that_device() -> None:
    earlier = [several(GPU, GpuSample(index=1, name="H100", power_w=power)) for power in (0, 700)]
    now = several(GPU, GpuSample(index=1, name="H100", power_w=700, power_limit_w=700))
    told = shown(now, 128, 40, GpuHistory(earlier)).splitlines()
    (power,) = [one for one in told if "=700 W" in one and "Power " in one[60:]]
    assert power.endswith("\u28b8"), "nought, then all of it: half a cell"


def test_what_the_engine_remembers_of_an_only_device_is_drawn_before_what_was_watched() -> None:
    ticks = [Tick(at=float(second), gpu_utilization=1.0) for second in range(40)]
    busy = next(
        one
        for one in shown(H200, 128, 10, GpuHistory((), ticks)).splitlines()
        if "Busy" in one[60:]
    )
    assert busy.endswith("\u28ff" * 20)


@pytest.mark.parametrize(
    ("height", "told"), [(50, "6 high, 80 wide"), (30, "2 high, 80 wide"), (24, "")]
)
def test_below_an_only_device_stands_what_was_served_as_high_as_there_is_room(
    height: int, told: str
) -> None:
    found = gpu_screen_lines(SERVING_GPU.status, GpuHistory(), 197, height, served=served)
    text = "\n".join(map(text_of, found))
    assert ("Served meanwhile" in text) is bool(told)
    assert told in text
    assert len(found) <= height


def test_without_a_device_it_is_said_why_and_what_was_served_stands_below() -> None:
    none = GpuStatus(reason="no NVIDIA driver on this machine")
    text = "\n".join(map(text_of, gpu_screen_lines(none, GpuHistory(), 118, 30, served=served)))
    assert text.startswith("No NVIDIA driver on this machine.\n")
    assert "6 high, 118 wide" in text


def test_of_several_devices_nothing_is_told_of_what_was_served() -> None:
    two = several(GPU, GPU)
    text = "\n".join(map(text_of, gpu_screen_lines(two, GpuHistory(), 197, 90, served=served)))
    assert "Served meanwhile" not in text


def test_of_several_devices_a_table_comes_first() -> None:
    eight = several(
        *(GpuSample(index=number, name="H100", power_w=600.0 + number) for number in range(8))
    )
    lines = shown(eight, 128).splitlines()
    assert lines[0].split()[:2] == ["GPU", "BUSY"]
    assert ["=607 W" in one for one in lines[1:9]] == [False] * 7 + [True]
    assert lines[10].startswith("GPU 0")


def test_a_process_that_serves_says_so_in_words() -> None:
    process = GpuProcess(pid=7, name="tritonserver", user="triton", serving=True)
    told = shown(several(GpuSample(index=0, name="H100", processes=(process,))))
    assert ["7", "–", "tritonserver", "serving", "triton"] in map(str.split, told.splitlines())


def test_nothing_of_a_part_of_memory_is_cut_off_where_80_columns_are() -> None:
    serving = SERVING_GPU.status
    assert all(line_width(one) <= 77 for one in gpu_screen_lines(serving, GpuHistory(), 77, 20))
