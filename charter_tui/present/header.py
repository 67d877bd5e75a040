"""The top line and the banners below it.

They say what is open, and everything the operator must not overlook.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from rich.cells import cell_len

from charter_engine.contracts.fleet import FleetNow
from charter_engine.contracts.graph import Diagnostic
from charter_tui.present.diagnostics import diagnostic_text
from charter_tui.present.figures import clock_span
from charter_tui.present.spans import Line, Span, Tone, line, line_width, plain, wrap
from charter_tui.state import Snapshot


def title_lines(snapshot: Snapshot, screen: str, locked: str, width: int) -> tuple[Line, Line]:
    """The left and right parts of the top line of `width` cells.

    `locked` says why nothing can be changed, or is empty. Where room is short, the revision gives
    way to what nobody should overlook, then the console's name, the screen's, and that the engine
    is another's.
    """
    session = snapshot.session
    agent = plain(PurePath(session.agent).name) if session and session.agent else "no agent"
    name, revision = Span(f"  {screen}", "accent"), Span("", "muted")
    if session and session.agent:
        revision = Span(f"  revision {session.revision}", "muted")
    brand = Span(" Charter ", "title")
    left = [brand, Span(f" {agent}", "strong"), name, revision]
    if session and session.source_changed:
        left.append(Span("  source changed: R", "warning"))
    if snapshot.has_changes:
        left.append(Span("  * draft", "draft"))
    left += _about_the_deployment(snapshot)
    right: list[Span | str] = []
    if snapshot.held:
        as_of = time.strftime("%H:%M:%S", time.localtime(snapshot.as_of))
        right += [Span(f"‖ no focus, as of {as_of}", "muted"), "  "]
    if locked:
        right += [Span(f"⚿ {locked}", "warning"), "  "]
    if snapshot.recording and snapshot.recording.path and not snapshot.recording.error:
        right += [Span("● rec", "bad"), "  "]
    attached = Span("attached  ", "muted")
    if snapshot.link.state == "connected" and not (snapshot.link.owned or snapshot.replaying):
        right.append(attached)
    if others := len(snapshot.link.others):
        right += [Span(f"{others} other console{'s' if others > 1 else ''}", "muted"), "  "]
    right += [_link(snapshot), " "]
    for part in (revision, brand, name):
        if line_width((*left, *line(*right))) >= width:
            left.remove(part)
    if line_width((*left, *line(*right))) >= width and attached in right:
        right.remove(attached)
    return tuple(left), line(*right)


def _about_the_deployment(snapshot: Snapshot) -> Iterator[Span]:
    """What nobody should overlook, whatever screen is in front, and the key of the screen that
    tells more."""
    if snapshot.canary and snapshot.canary.report.alarm is not None:
        yield Span("  ✗ canary: 9", "bad")
    if snapshot.session and snapshot.session.drift:
        yield Span("  ✗ drift: 9", "bad")
    if snapshot.fleet and not _all_well(snapshot.fleet.now):
        yield Span("  ✗ fleet: F", "bad")
    if alerts := snapshot.alerts:
        told = f"{len(alerts)} alerts" if len(alerts) > 1 else alerts[0].threshold.figure
        yield Span(f"  ▲ {told}: 9", "warning")


def _all_well(now: FleetNow) -> bool:
    """Whether all servers are up, as they were pushed, and alike."""
    changed = any(server.drift for server in now.servers)
    return now.up == len(now.servers) and not (changed or now.differences)


def _link(snapshot: Snapshot) -> Span:
    if snapshot.link.state == "connected":
        if snapshot.replaying:
            return Span("◷ replay", "accent")
        phase = plain(snapshot.session.phase) if snapshot.session else ""
        return Span(f"● {phase or 'connected'}", "good" if phase in ("", "ready") else "warning")
    if snapshot.link.state == "connecting":
        return Span("◌ connecting", "warning")
    return Span("✗ engine gone", "bad")


def banner_lines(snapshot: Snapshot, now: float, width: int) -> tuple[Line, ...]:
    """What the operator must not overlook, most urgent first. Empty where all is well."""
    lines: list[Line] = []
    for text, tone in _banners(snapshot, now, width - 2):
        lines += [line(Span(f" {part}", tone)) for part in wrap(text, max(20, width - 2))]
    return tuple(lines)


def _banners(snapshot: Snapshot, now: float, width: int) -> Iterator[tuple[str, Tone]]:
    link, session = snapshot.link, snapshot.session
    if link.state == "lost":
        age = f" The figures are {_age(now - snapshot.as_of)} old." if snapshot.as_of else ""
        tries = f" (attempt {link.attempt})" if link.attempt > 1 else ""
        yield f"✗ {link.detail}{tries}.{age}", "bad"
    if snapshot.replay and snapshot.replay.damaged:
        yield f"✗ damaged recording: {snapshot.replay.damaged}", "bad"
    if session:
        shown = _once(session.diagnostics)[:3]
        for item in shown:
            yield (
                diagnostic_text(item, name_only=True),
                "bad" if item.severity == "error" else "warning",
            )
        if session.notice and not any(item.message in session.notice for item in shown):
            yield brief(session.notice, width), "warning"


def _age(seconds: float) -> str:
    return clock_span(seconds) if seconds >= 60 else f"{max(0, int(seconds))} s"


def _once(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Each message once, where it has a place with that."""
    placed: dict[str, Diagnostic] = {}
    for item in sorted(diagnostics, key=lambda item: not item.line):
        placed.setdefault(item.message, item)
    return list(placed.values())


def brief(text: str, width: int) -> str:
    """The sentences of `text` that fit in one line of `width` cells.

    All of it where not even the first one does.
    """
    kept = text
    while cell_len(kept) > width and ". " in kept:
        kept = kept[: kept.rindex(". ", 0, len(kept) - 1) + 1]
    return kept if cell_len(kept) <= width else text
