"""The pool of KV blocks as a map: in use, held by whom, and free."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from charter_engine.contracts.contents import ContentsReport, HeldBy, Holding, MapRun
from charter_engine.contracts.live import KvPool
from charter_tui.present.spans import EMPTY, Line, Span, Tone, fitting, line

BY: Final[tuple[HeldBy, ...]] = ("node", "session", "priority")
FILLS: Final[tuple[tuple[str, Tone], ...]] = (
    ("▓", "accent"),
    ("▒", "kv-hot"),
    ("▚", "predicted"),
    ("▓", "good"),
    ("▒", "draft"),
    ("▚", "warning"),
    ("▓", "kv-cool"),
    ("▒", "segment-upstream"),
    ("▚", "derived"),
)
"""How those who hold the most are drawn; each run begins with the letter of who holds it."""
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
OTHERS: Final = ("▞", "muted")
IN_USE: Final[tuple[str, Tone]] = ("█", "muted")
FREE: Final[tuple[str, Tone]] = ("·", "muted")


class Split(NamedTuple):
    """The pool's blocks told apart: those that running requests use (measured), idle ones that can
    be reused (as the report is labelled), and free ones."""

    used: int
    reusable: int
    free: int


def split_of(report: ContentsReport, pool: KvPool | None) -> Split:
    """The pool's blocks told apart; without a measured pool nothing is known to be in use."""
    used = min(pool.used_blocks, report.gpu_blocks) if pool is not None else 0
    reusable = min(_idle_blocks(report, pool), report.gpu_blocks - used)
    return Split(used, reusable, report.gpu_blocks - used - reusable)


def _idle_blocks(report: ContentsReport, pool: KvPool | None) -> int:
    """What can be reused, without what is in use where the server tells that apart: its events tell
    of both."""
    if report.label == "measured" and pool is not None and pool.reusable_blocks is not None:
        return pool.reusable_blocks
    return report.cached_blocks


def holdings(report: ContentsReport, by: HeldBy) -> tuple[Holding, ...]:
    """Who holds the pool, told apart like that."""
    match by:
        case "node":
            return report.nodes
        case "session":
            return report.sessions
        case "priority":
            return tuple(sorted(report.priorities, key=lambda one: int(one.name)))


def map_lines(
    report: ContentsReport, pool: KvPool | None, by: HeldBy, width: int, height: int
) -> tuple[Line, ...]:
    """The pool as a map of `width` by `height` cells: in use, held by whom, and free."""
    split = split_of(report, pool)
    names = [one.name for one in holdings(report, by)]
    held = _scaled(report.map, split.reusable)
    parts: list[tuple[str, Tone, str, int]] = [
        (*IN_USE, "", split.used),
        *((*fill_of(names, _of(run, by)), run.blocks) for run in held),
        (*FREE, "", split.free),
    ]
    cells = _cells(parts, width * height)
    rows = (cells[at : at + width] for at in range(0, len(cells), width))
    return tuple(_joined(row) for row in rows)


def _scaled(runs: Sequence[MapRun], blocks: int) -> list[MapRun]:
    """The runs on the GPU, each smaller by the same share where more is cached than is idle."""
    held = [run for run in runs if not run.host]
    total = sum(run.blocks for run in held)
    share = min(1.0, blocks / total) if total else 0.0
    scaled: list[MapRun] = []
    reached = taken = 0
    for run in held:
        reached += run.blocks
        scaled.append(MapRun(round(reached * share) - taken, run.node, run.session, run.priority))
        taken += scaled[-1].blocks
    return scaled


def _of(run: MapRun, by: HeldBy) -> str:
    match by:
        case "node":
            return run.node
        case "session":
            return run.session
        case "priority":
            return str(run.priority)


def fill_of(names: Sequence[str], name: str) -> tuple[str, Tone, str]:
    """The glyph and tone of a holder, and its letter."""
    place = names.index(name) if name in names else len(LETTERS)
    if place >= len(LETTERS):
        return "▞", "muted", ""
    glyph, tone = FILLS[place % len(FILLS)]
    return glyph, tone, LETTERS[place]


def _cells(parts: Sequence[tuple[str, Tone, str, int]], cells: int) -> list[Span]:
    """The parts side by side, as many cells each as its share of the whole."""
    total = sum(blocks for *_, blocks in parts) or 1
    made: list[Span] = []
    reached = 0
    before = ""
    for glyph, tone, letter, blocks in parts:
        reached += blocks
        taken = round(reached / total * cells) - len(made)
        if taken > 0 and letter and letter != before:
            made.append(Span(letter, tone))
            taken -= 1
        if taken >= 0 and blocks:
            before = letter
        made += [Span(glyph, tone)] * taken
    return made[:cells]


def _joined(cells: Sequence[Span]) -> Line:
    joined: list[Span] = []
    for cell in cells:
        if joined and joined[-1].tone == cell.tone:
            joined[-1] = Span(joined[-1].text + cell.text, cell.tone)
        else:
            joined.append(cell)
    return tuple(joined)


def map_legend(by: HeldBy, width: int, other: str = "") -> Line:
    """What the map's signs mean, as much of it as fits in `width` cells; `other` is what `m` shows
    in its place."""
    following = BY[(BY.index(by) + 1) % len(BY)]
    parts = (
        line(Span(*IN_USE), Span(" in use", "muted")),
        line(Span(*FREE), Span(" free", "muted")),
        line(Span("A", "accent"), Span(f" held by that {by}", "muted")),
        line(Span("v", "accent"), Span(f" by {following}", "muted")),
        line(Span("m", "accent"), Span(f" as {other}", "muted")) if other else EMPTY,
    )
    return fitting((part for part in parts if part), width)
