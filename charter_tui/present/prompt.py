"""A node's prompt by segments: where each lies, and how far the measured reuse reaches into it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from charter_engine.contracts.figures import Label
from charter_engine.contracts.graph import Call, Segment, SegmentKind
from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.plan import NodePlan
from charter_tui.naming import Naming, name_by_id
from charter_tui.present.figures import MARKS, heat, marked, percent_text
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.state import share

KIND_TONES: Final[dict[SegmentKind, Tone]] = {
    "static": "segment-static",
    "variable": "segment-variable",
    "upstream": "segment-upstream",
    "unknown": "segment-unknown",
}
KIND_FILLS: Final[dict[SegmentKind, str]] = {
    "static": "█",
    "variable": "▒",
    "upstream": "▓",
    "unknown": "░",
}
_WEAKNESS: Final[tuple[Label, ...]] = ("measured", "derived", "predicted", "assumed")
_TEXT_LINES = 12
"""Lines of one segment's text shown before it is cut."""


@dataclass(frozen=True)
class Placed:
    """A segment in the order it is sent.

    `tokens` None: its size is unknown; `start` is then the best guess.

    `reused` is the share of it, 0 to 1, that the mean measured prefix covers; `reach_label` is the
    weakest label of the sizes up to its end, on which that share depends.
    """

    number: int
    segment: Segment
    tokens: float | None
    label: Label
    start: float
    reused: float
    reach_label: Label = "measured"


def planned_order(call: Call, plan: NodePlan) -> tuple[Segment, ...]:
    """The segments as the plan sends them."""
    if not plan.order:
        return call.segments
    ordered = tuple(call.segments[index] for index in plan.order if 0 <= index < len(call.segments))
    if plan.layout == "append-only" and plan.extends:
        upstream = Segment(
            kind="upstream", name=f"prompt and output of {plan.extends}", call=plan.extends
        )
        return (upstream, *ordered)
    return ordered


def mean_prompt(stats: NodeStats | None) -> float | None:
    """Tokens of a prompt, measured; None before the first request."""
    return stats.prompt_tokens / stats.requests if stats and stats.requests else None


def place(
    segments: Sequence[Segment], stats: NodeStats | None, prompt: float | None = None
) -> tuple[Placed, ...]:
    """The segments with their sizes and the measured reuse laid over them.

    What is left of the mean measured `prompt` beyond the known sizes is shared out evenly among
    segments of unknown size. `stats` None: there is no measured reuse of this order.
    """
    prompt = mean_prompt(stats) if prompt is None else prompt
    mean_reused = stats.reused_tokens / stats.requests if stats and stats.requests else 0.0
    known = sum(segment.tokens or 0 for segment in segments if segment.tokens is not None)
    unknown = sum(segment.tokens is None for segment in segments)
    rest = max(0.0, prompt - known) / unknown if prompt is not None and unknown else None
    placed: list[Placed] = []
    start = 0.0
    reach: Label = "measured"
    for number, segment in enumerate(segments):
        size: float | None = segment.tokens if segment.tokens is not None else rest
        label: Label = segment.tokens_label if segment.tokens is not None else "assumed"
        reused = (
            max(0.0, min(1.0, (mean_reused - start) / size)) if size else float(mean_reused > start)
        )
        reach = max(reach, label, key=_WEAKNESS.index)
        placed.append(Placed(number, segment, size, label, start, reused, reach))
        start += size or 0.0
    return tuple(placed)


def map_lines(
    placed: Sequence[Placed], stats: NodeStats | None, predicted: float | None, width: int
) -> tuple[Line, ...]:
    """The prompt as a bar of its segments.

    Below it stands how far reuse reaches, as measured and as predicted.
    """
    if not placed:
        return (line(Span("This call's prompt could not be read from the source.", "muted")),)
    total = sum(item.tokens or 0 for item in placed)
    cells = _shares([item.tokens if total else 1 for item in placed], width)
    bar = tuple(
        Span(KIND_FILLS[item.segment.kind] * size, KIND_TONES[item.segment.kind])
        for item, size in zip(placed, cells, strict=True)
    )
    measured = share(stats.reused_tokens, stats.told_tokens) if stats else None
    lines = [bar]
    if measured is not None:
        lines.append(_reach(measured, "=", "reused, measured", heat(measured), width))
    elif predicted is None:
        lines.append(line(Span("waiting for the first request", "muted")))
    if predicted is not None:
        lines.append(_reach(predicted, "~", "predicted", "predicted", width))
    return tuple(lines)


def _reach(rate: float, mark: str, words: str, tone: Tone, width: int) -> Line:
    text = f"{mark}{percent_text(rate)} {words}"
    reach = round(rate * width)
    rule = "━" * reach
    if reach + len(text) + 1 <= width:
        return line(Span(rule, tone), Span(f"{'╸' if reach else ''} {text}", tone))
    return line(Span("━" * max(0, width - len(text) - 2), tone), Span(f" {text}", tone))


def _shares(sizes: Sequence[float | None], width: int) -> list[int]:
    """Cells for each size, at least one each where there is room, adding up to `width`."""
    total = sum(size or 0 for size in sizes) or 1
    edges = [0.0]
    for size in sizes:
        edges.append(edges[-1] + (size or 0) / total)
    spare = max(0, width - len(sizes))
    cuts = [round(edge * spare) for edge in edges]
    return (
        [1 + after - before for before, after in pairwise(cuts)]
        if width >= len(sizes)
        else [1] * width + [0] * (len(sizes) - width)
    )


def segment_lines(
    placed: Sequence[Placed], width: int, named: Naming = name_by_id
) -> tuple[Line, ...]:
    """Every segment: what it is, its size, and its text.

    A gutter beside the text is solid as far as reuse reaches.
    """
    lines: list[Line] = []
    for item in placed:
        if lines:
            lines.append(EMPTY)
        lines.append(_segment_heading(item, named))
        body = _body(item.segment, max(10, width - 2))
        solid = round(item.reused * len(body))
        tone = KIND_TONES[item.segment.kind]
        lines += [
            line(
                Span("┃ " if index < solid else "┊ ", "kv-hot" if index < solid else "muted"),
                Span(text, tone),
            )
            for index, text in enumerate(body)
        ]
    return tuple(lines)


def _segment_heading(item: Placed, named: Naming) -> Line:
    segment = item.segment
    about = plain(segment.name) if segment.kind != "static" else segment.role or ""
    if segment.kind == "upstream" and segment.call:
        output = named(segment.call)
        about += f" ← {plain(output)}" if output not in segment.name else ""
    parts: list[Span | str] = [
        Span(
            f"{KIND_FILLS[segment.kind]}{KIND_FILLS[segment.kind]} {item.number} {segment.kind}",
            KIND_TONES[segment.kind],
        ),
        Span(f" {about}" if about else "", "strong"),
        "  ",
    ]
    parts.append(
        marked(f"{item.tokens:,.0f} tokens", item.label)
        if item.tokens is not None
        else Span("size unknown", "muted")
    )
    if item.reused:
        parts += ["  ", reused_share(item)]
    if segment.each_turn:
        parts.append(Span("  ↺ once for every turn before", "muted"))
    elif segment.carried == "loop":
        parts.append(Span("  ↺ from an earlier iteration", "muted"))
    return line(*parts)


def reused_share(item: Placed) -> Span:
    """How much of the segment the mean measured prefix covers; nothing where it does not reach.

    Tokens of a prompt are measured, where a segment ends in it may be a guess: then so is its
    share.
    """
    if not item.reused:
        return Span("")
    return Span(
        f"{MARKS[item.reach_label]}{percent_text(item.reused, 0)} reused", heat(item.reused)
    )


def _body(segment: Segment, width: int) -> list[str]:
    if segment.kind != "static":
        return [f"{{{plain(segment.expression or segment.name or '?')}}}"]
    lines = wrap(segment.text.strip("\n"), width)
    if len(lines) > _TEXT_LINES:
        return [*lines[: _TEXT_LINES - 1], f"… {len(lines) - _TEXT_LINES + 1} more lines"]
    return lines or [""]


def output_lines(stats: NodeStats | None, meaningless: bool, width: int) -> tuple[Line, ...]:
    """The last answer, if there is one."""
    if stats is None or not stats.output_text:
        return ()
    note = "  random weights: it means nothing" if meaningless else ""
    body = wrap(stats.output_text, max(10, width - 2))[:_TEXT_LINES]
    return (
        EMPTY,
        line(Span("▶▶ last output", "accent"), Span(note, "muted")),
        *(line(Span("  "), Span(text, "muted")) for text in body),
    )


def kinds_legend() -> Line:
    """What the fills mean."""
    parts: list[Span | str] = []
    for kind, fill in KIND_FILLS.items():
        parts += [Span(f"{fill}{fill} {kind}", KIND_TONES[kind]), "  "]
    return line(*parts, Span("┃ reused", "kv-hot"))
