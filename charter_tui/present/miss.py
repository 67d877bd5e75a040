"""One request told apart: what of its prompt was reused and what was computed again, where it left
an earlier prompt, why, what that costs, and what to do."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from charter_engine.contracts.explaining import (
    Divergence,
    MissCost,
    MissExplanation,
    MissResult,
    Part,
    PromptParts,
    WordChange,
)
from charter_tui.naming import Naming
from charter_tui.present.figures import count, counted, marked, short_count
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap

PARTS: Final[dict[Part, tuple[str, Tone, str]]] = {
    "reused": ("█", "kv-hot", "out of the cache"),
    "new": ("░", "muted", "never seen before"),
    "diverged": ("▓", "bad", "seen before, after another beginning"),
    "evicted": ("▒", "warning", "was in the cache, and was evicted"),
    "rounding": ("▒", "muted", "blocks are reused whole"),
    "scope": ("▒", "assumed", "cached under another salt or adapter"),
    "server": ("▒", "draft", "should have been cached, but the server did not reuse it"),
}
"""Sign, tone and meaning of what became of a prompt's tokens."""


def miss_lines(found: MissResult, width: int, named: Naming = str) -> tuple[Line, ...]:
    """All about the request that was asked for."""
    lines: list[Line] = []
    for one in found.explanations:
        lines += [*_heading(one, named), *part_lines(one, width)]
        if one.divergence is not None:
            lines += [EMPTY, *_divergence(one.divergence, width)]
        lines += [line(Span(text, "warning")) for note in one.notes for text in wrap(note, width)]
    for note in found.notes:
        text = f"! {note.message} {note.remedy}".strip()
        lines += [line(Span(part, "warning")) for part in wrap(text, width)]
    return tuple(lines)


def part_lines(one: MissExplanation, width: int) -> tuple[Line, ...]:
    """What became of a prompt's tokens, and why."""
    return (*_parts(one.parts, width), EMPTY, *_cause(one, width))


def _heading(one: MissExplanation, named: Naming) -> Iterator[Line]:
    node = Span(f"  {plain(named(one.node) if one.node else 'of no node')}", "strong")
    yield line(Span(f"Request {one.request}", "title"), node)
    if one.predicted_reused is not None:
        yield line(
            count(one.parts.reused, one.reused_label),
            Span(" tokens reused, ", "muted"),
            count(one.predicted_reused, "predicted"),
            Span(" by the block manager", "muted"),
        )


def _parts(parts: PromptParts, width: int) -> Iterator[Line]:
    """The prompt as a bar, and a line for each part there is."""
    total = parts.total or 1
    bar: list[Span] = []
    seen = drawn = 0
    for part, (sign, tone, _) in PARTS.items():
        seen += getattr(parts, part)
        cells = round(seen / total * width) - drawn
        drawn += cells
        if cells:
            bar.append(Span(sign * cells, tone))
    yield tuple(bar)
    for part, (sign, tone, about) in PARTS.items():
        tokens = getattr(parts, part)
        if tokens:
            yield line(
                Span(f"{sign * 2} {part:<9}", tone),
                Span(f"{marked(f'{tokens:,}', 'measured').text:>9}", "measured"),
                Span(f"  {about}", "muted"),
            )


def _cause(one: MissExplanation, width: int) -> Iterator[Line]:
    cause = one.cause
    yield line(Span("Why  ", "strong"), Span(cause.kind, "warning"))
    for text in wrap(plain(cause.evidence), max(20, width - 2)) if cause.evidence else ():
        yield line(Span(f"  {text}"))
    if cause.segment:
        place = f"  {cause.path}:{cause.line}" if cause.path else ""
        yield line(Span(f"  {plain(cause.segment)}"), Span(plain(place), "muted"))
    if cause.remedy:
        for number, text in enumerate(wrap(cause.remedy, max(20, width - 4))):
            yield line(Span("  → " if not number else "    ", "good"), Span(text, "good"))
    if one.cost is not None:
        yield line(
            Span("Costs  ", "strong"),
            marked(_costs(one.cost), one.diverged_label),
            Span(f"  {counted(one.cost.requests)} like it", "muted"),
        )


def _costs(cost: MissCost) -> str:
    if cost.tokens_per_hour is None:
        return f"{short_count(cost.tokens)} tokens so far"
    return f"{short_count(round(cost.tokens_per_hour))} tokens an hour"


def _divergence(found: Divergence, width: int) -> Iterator[Line]:
    about = "" if found.exact else "about "
    session = ", of the same session" if found.same_session else ""
    yield line(
        Span("Left an earlier prompt ", "strong"),
        Span(f"{about}at token {found.token:,}", "accent"),
        Span(f"  request {plain(found.followed)}{session}", "muted"),
    )
    if not found.words:
        yield line(Span(f"  {found.no_words or 'its text is not known'}", "muted"))
        return
    yield from _word_diff(found.words, max(20, width - 2))


def _word_diff(words: Sequence[WordChange], width: int) -> Iterator[Line]:
    """The words around the place in running text, those that stood and those that stand in
    brackets of their own."""
    row: list[Span] = []
    used = 0
    for word, tone in _words(words):
        cells = cell_len(word) + 1
        if word == BREAK or (used and used + cells > width):
            yield (Span("  "), *row)
            row, used = [], 0
        if word != BREAK:
            row += [Span(word, tone), Span(" ")]
            used += cells
    if row:
        yield (Span("  "), *row)


def _words(words: Sequence[WordChange]) -> Iterator[tuple[str, Tone]]:
    for change in words:
        before, behind, tone = _BRACKETS[change.kind]
        for number, text in enumerate(change.text.strip("\n").split("\n")):
            if number:
                yield BREAK, tone
            found = plain(text).split()
            for place, word in enumerate(found):
                first, last = place == 0, place == len(found) - 1
                yield f"{before * first}{word}{behind * last}", tone


BREAK: Final = "\n"
_BRACKETS: Final[dict[str, tuple[str, str, Tone]]] = {
    "same": ("", "", "muted"),
    "stood": ("[−", "−]", "bad"),
    "stands": ("{+", "+}", "good"),
}
