"""GPUs in full: what their memory holds, their pace, their traffic and processes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from typing import Final

from msgspec.structs import replace

from charter_engine.contracts.gpu import GpuProcess, GpuSample, GpuStatus, MemoryKind, MemoryPart
from charter_tui.present.curves import COMPUTED, POOL_USED, TTFT, WAITING
from charter_tui.present.figures import NOTHING, byte_size, count, marked, percent
from charter_tui.present.gpu_plots import GpuHistory, plot_lines
from charter_tui.present.panels import LABEL_WIDTH, last_known_words
from charter_tui.present.spans import EMPTY, Line, Span, Tone, fit, line, plain
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import sentence, sentence_lines
from charter_tui.state import Snapshot, share

FILLS: Final[dict[MemoryKind, tuple[str, Tone, str]]] = {
    "reserved": ("▚", "muted", "kept by the driver"),
    "weights": ("▓", "segment-upstream", "weights"),
    "runtime": ("▦", "segment-upstream", "runtime buffers"),
    "serving": ("▓", "segment-upstream", "the serving process"),
    "kv-used": ("█", "accent", "KV pool in use"),
    "kv-reusable": ("▒", "kv-hot", "KV pool reusable"),
    "kv-free": ("░", "accent", "KV pool free"),
    "others": ("▩", "segment-variable", "other processes"),
    "unexplained": ("▞", "segment-variable", "not shown by NVML"),
    "free": ("·", "muted", "free"),
}
"""How a part of memory is drawn, and what it is called."""

ELSEWHERE: Final = (
    "GPUs are read on the machine that runs the engine process. Where they are on another one, "
    "start charter-engine serve there, forward its socket with ssh -L, and attach to it."
)
"""What shows GPUs where none are seen."""
SOURCES_FROM: Final = 77
"""Cells from which on it stands beside a part of memory where its size comes from."""
WIDE_FROM: Final = 110
"""Cells from which on plots stand beside what a device tells."""
MOST_LEFT: Final = 80
"""Derived: what a device tells is no wider, and plots use the rest."""
GUTTER: Final = 3
"""Assumed: tells two columns of text apart."""
SERVED: Final = (COMPUTED, TTFT, WAITING, POOL_USED)
"""What is drawn below an only device."""
MOST_SERVED_ROWS: Final = 6
"""Assumed, in lines a curve: taller ones tell no more of a few minutes."""
Served = Callable[[int, int], Sequence[Line]]
"""The curves of `SERVED` in so many cells, each of them so many lines high."""
RATES: Final = (
    ("PCIe", "pcie_sent_bytes", "pcie_received_bytes"),
    ("NVLink", "nvlink_sent_bytes", "nvlink_received_bytes"),
)


def shown_gpus(snapshot: Snapshot) -> GpuStatus | None:
    """The GPUs as they are; where none answers, as they were read last, with why and how long
    ago."""
    if snapshot.gpu is None:
        return None
    status, known = snapshot.gpu.status, snapshot.last_gpus
    if status.answering or known is None or not status.reason:
        return status
    return replace(known.value, reason=last_known_words(status.reason, snapshot.age(known)))


def gpu_screen_lines(
    status: GpuStatus | None,
    history: GpuHistory,
    width: int,
    height: int,
    curves: Sequence[Line] = (),
    served: Served | None = None,
) -> tuple[Line, ...]:
    """All that the screen shows, in `height` lines where that is enough: of several devices a table
    first. Where there is room each device has its plots beside it, and an only one below it what
    was `served`; else `curves` of all devices together stand below. So does what was served where
    there is none."""
    if status is None:
        return (line(Span("waiting for the first sample", "muted")),)
    why = status.reason if status.gpus else sentence(status.reason)
    lines = [*sentence_lines(why, width, "warning")]
    if not status.gpus:
        lines += [EMPTY, *sentence_lines(ELSEWHERE, width, "muted")]
        lines += served_lines(served, width, height - len(lines)) if served is not None else ()
        lines.append(EMPTY)
    if len(status.gpus) > 1:
        lines += [*overview_lines(status, width), EMPTY]
        history = history._replace(ticks=())
    room = (height - len(lines)) // max(1, len(status.gpus)) - 2
    for index, gpu in enumerate(status.gpus):
        split = status.split[index] if index < len(status.split) else ()
        lines.append(_title(gpu, status.driver))
        if width < WIDE_FROM:
            lines += [*_device(gpu, split, width), EMPTY]
        else:
            left = min(MOST_LEFT, (width - GUTTER) // 2)
            told = tuple(_device(gpu, split, left))
            if served is not None and len(status.gpus) == 1:
                told = (*told, *served_lines(served, left, room - len(told)))
            plots = plot_lines(gpu, history, width - left - GUTTER, max(room, len(told)))
            lines += [*beside(told, plots, left), EMPTY]
    return tuple(lines) if status.gpus and width >= WIDE_FROM else (*lines, *curves)


def served_lines(served: Served, width: int, height: int) -> tuple[Line, ...]:
    """What the device was busy with, in so many lines; nothing where they are too few."""
    rows = min(MOST_SERVED_ROWS, (height - 2) // len(SERVED))
    curves = served(width, rows) if rows > 0 else ()
    return (EMPTY, line(Span("Served meanwhile", "title")), *curves) if curves else ()


def _title(gpu: GpuSample, driver: str) -> Line:
    name = f"GPU {gpu.index}"
    if gpu.mig_instance is not None:
        name += f" · MIG instance {gpu.mig_instance}"
    about = f"  {plain(gpu.name)}" + (f"  driver {plain(driver)}" if driver else "")
    return line(Span(name, "title"), Span(about, "muted"))


def overview_lines(status: GpuStatus, width: int) -> tuple[Line, ...]:
    """A line a device: what is told of all of them, to be compared."""
    columns = (
        Column("gpu", "GPU", 0, "left"),
        Column("busy", "BUSY", 0),
        Column("used", "MEMORY USED", 0),
        Column("share", "OF IT", 0),
        Column("power", "POWER", 0),
        Column("temperature", "TEMPERATURE", 0),
        Column("clock", "CLOCK", 0),
        Column("held", "HELD BACK BY", 0, "left"),
        Column("name", "NAME", 0, "left"),
    )
    return table_lines(columns, [_overview(gpu) for gpu in status.gpus], width)


def _overview(gpu: GpuSample) -> tuple[Span, ...]:
    instance = "" if gpu.mig_instance is None else f" · MIG {gpu.mig_instance}"
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return (
        Span(f"{gpu.index}{instance}", "strong"),
        percent(gpu.utilization, "measured", 0),
        byte_size(used, "measured"),
        percent(None if used is None else share(used, total or 0), "measured"),
        _with_unit(gpu.power_w, "W"),
        _with_unit(gpu.temperature_c, "°C"),
        _with_unit(gpu.sm_clock_mhz, "MHz"),
        Span(", ".join(gpu.slowdowns), "warning"),
        Span(plain(gpu.name), "muted"),
    )


def _with_unit(value: float | None, unit: str) -> Span:
    return NOTHING if value is None else marked(f"{value:,.0f} {unit}", "measured")


def beside(left: Sequence[Line], right: Sequence[Line], width: int) -> Iterator[Line]:
    """Two columns, the left one so wide."""
    for one, other in zip_longest(left, right, fillvalue=EMPTY):
        yield (*fit(one, width), Span(" " * GUTTER), *other) if other else one


def _device(gpu: GpuSample, split: tuple[MemoryPart, ...], width: int) -> Iterator[Line]:
    yield _row(
        "Memory",
        byte_size(gpu.memory_used_bytes, "measured"),
        Span(" of ", "muted"),
        byte_size(gpu.memory_total_bytes, "measured"),
        Span("  divided into MIG instances", "muted") if gpu.mig_enabled else "",
    )
    if split:
        yield _row("", *memory_bar(split, max(10, width - LABEL_WIDTH - 1)))
        yield from _parts(split, width)
    if gpu.mig_instance is None:
        yield from _pace(gpu, width)
    yield from _processes(gpu.processes, width)


def memory_bar(split: tuple[MemoryPart, ...], width: int) -> Line:
    """The parts side by side, each as wide as its share; every part is seen, however small."""
    total = sum(part.bytes for part in split)
    cells = [max(1, round(part.bytes / total * width)) for part in split]
    while sum(cells) > width and max(cells) > 1:
        cells[cells.index(max(cells))] -= 1
    return tuple(
        Span(FILLS[part.kind][0] * taken, FILLS[part.kind][1])
        for part, taken in zip(split, cells, strict=True)
    )


def _parts(split: tuple[MemoryPart, ...], width: int) -> Iterator[Line]:
    """A line a part: what it is, its size, and where that figure comes from."""
    for part in split:
        fill, tone, words = FILLS[part.kind]
        source = part.source if width >= SOURCES_FROM else ""
        yield _row(
            "",
            Span(f"{fill} ", tone),
            Span(f"{words:<20}"),
            Span(f"{byte_size(part.bytes, part.label).text:>10}", part.label),
            Span(f"  {source}", "muted"),
        )


def _pace(gpu: GpuSample, width: int) -> Iterator[Line]:
    yield _row(
        "Busy",
        percent(gpu.utilization, "measured", 0),
        Span("  memory ", "muted"),
        percent(gpu.memory_utilization, "measured", 0),
        Span("  clock ", "muted"),
        count(gpu.sm_clock_mhz, "measured"),
        Span(" of ", "muted"),
        count(gpu.sm_clock_max_mhz, "measured"),
        Span(" MHz", "muted"),
    )
    yield _row(
        "Power",
        count(gpu.power_w, "measured"),
        Span(" of ", "muted"),
        count(gpu.power_limit_w, "measured"),
        Span(" W  ", "muted"),
        count(gpu.temperature_c, "measured"),
        Span(" °C, slows down at ", "muted"),
        count(gpu.slowdown_temperature_c, "measured"),
        Span(" °C", "muted"),
    )
    if gpu.slowdowns:
        yield _row("", Span(f"held back by: {', '.join(gpu.slowdowns)}", "warning"))
    yield _row("Traffic", *(span for rate in RATES for span in _rate(gpu, *rate)))
    bad = bool(gpu.ecc_uncorrected)
    yield _row(
        "ECC",
        count(gpu.ecc_corrected, "measured"),
        Span(" corrected  ", "muted"),
        count(gpu.ecc_uncorrected, "measured")._replace(tone="bad" if bad else "measured"),
        Span(" uncorrected errors", "muted"),
        Span(" since the driver was loaded" if width >= SOURCES_FROM else "", "muted"),
    )


def _rate(gpu: GpuSample, name: str, sent: str, received: str) -> Iterator[Span]:
    yield Span(f"{name} ", "muted")
    if getattr(gpu, sent) is None:
        yield Span("–  ", "muted")
        return
    yield Span("↑ ", "muted")
    yield byte_size(getattr(gpu, sent), "measured")
    yield Span("/s ↓ ", "muted")
    yield byte_size(getattr(gpu, received), "measured")
    yield Span("/s  ", "muted")


def _processes(processes: tuple[GpuProcess, ...] | None, width: int) -> Iterator[Line]:
    if processes is None:
        yield _row("Processes", Span("NVML does not list them here", "muted"))
        return
    if not processes:
        yield _row("Processes", Span("none that NVML shows from here", "muted"))
        return
    columns = (
        Column("pid", "PID", 0),
        Column("memory", "MEMORY", 0),
        Column("name", "PROCESS", 0, "left"),
        Column("serving", "", 0, "left"),
        Column("user", "USER", 0, "left"),
    )
    label = "Processes"
    for made in table_lines(columns, [_process(one) for one in processes], width - LABEL_WIDTH):
        yield _row(label, *made)
        label = ""


def _process(process: GpuProcess) -> tuple[Span, ...]:
    name = plain(process.name) or "not visible from here"
    return (
        Span(f"{process.pid:>8}"),
        byte_size(process.memory_bytes, "measured"),
        Span(name, "accent" if process.serving else "text" if process.name else "muted"),
        Span("serving" if process.serving else "", "muted"),
        Span(plain(process.user), "muted"),
    )


def _row(label: str, *parts: Span | str) -> Line:
    return line(Span(f"{label:<{LABEL_WIDTH}}", "muted"), *parts)
