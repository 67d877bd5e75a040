"""Where each lever of a server acts, and why another does not."""

from collections.abc import Iterator
from typing import Final

from charter_engine.contracts.server import KIND_IN_WORDS, ServerLever, ServerProfile
from charter_tui.present.costs import COST_TONES
from charter_tui.present.spans import EMPTY, Line, Span, line, plain
from charter_tui.present.words import labelled_lines, sentence_lines
from charter_tui.state import Snapshot

NAME_WIDTH: Final = 16
"""Derived: the longest name, its sign and blanks."""
NODE_ABILITIES: Final = {
    "retention": "retention",
    "apply": "layouts for what programs send",
    "share": "layouts for a share of the sessions",
}
"""What of a node's plan a deployment may not be able to do, by its names in a profile."""


def why_not_lever(snapshot: Snapshot, ability: str) -> str:
    """Why a setting, or an ability of the deployment, cannot be changed from here; empty where it
    can."""
    session = snapshot.session
    if session is None or session.profile is None:
        return ""
    told = session.profile.reasons.get(ability, "")
    server = session.server
    if ability == "retention" and server is not None and not server.lever("retention").acts:
        return server.lever("retention").reason
    return told


def greyed_words(snapshot: Snapshot, ability: str) -> str:
    """Why an ability of the deployment is missing, with what would bring it; empty where it is
    there."""
    reason = why_not_lever(snapshot, ability)
    server = snapshot.session.server if snapshot.session else None
    remedy = server.lever("retention").remedy if server and ability == "retention" else ""
    return f"{reason} → {remedy}" if reason and remedy else reason


def lever_lines(server: ServerProfile, width: int) -> tuple[Line, ...]:
    """What the server is, each lever with what it costs or why it does not act, and what is hidden
    as it was started."""
    return (
        *_about(server, width),
        EMPTY,
        line(Span("Levers", "strong")),
        *(part for lever in server.levers for part in _lever(lever, width)),
        *_hidden(server, width),
    )


def _about(server: ServerProfile, width: int) -> Iterator[Line]:
    size = "–" if server.tokens_per_block is None else f"{server.tokens_per_block} tokens"
    facts = (
        ("model", server.model),
        ("block size", f"{size} in effect"),
        ("manager", f"{server.manager}: {server.manager_evidence}"),
        ("evicts", server.rules_evidence),
        ("a request", ", ".join(server.request_counters) or "tells nothing of its reuse"),
    )
    yield line(
        Span(KIND_IN_WORDS[server.kind], "title"),
        Span(f"  {plain(server.version) or '–'}  {plain(server.address)}", "muted"),
    )
    for label, text in facts:
        yield from labelled_lines(f"  {label}", text, width, label_width=NAME_WIDTH)
    for note in server.notes:
        yield from sentence_lines(f"! {plain(note)}", width, "warning", indent=2)
    if server.drained:
        told = f"forgotten once read, so they have one reader: {', '.join(server.drained)}"
        yield from labelled_lines("  drained", told, width, label_width=NAME_WIDTH)


def _lever(lever: ServerLever, width: int) -> Iterator[Line]:
    name = f"{lever.name:<{NAME_WIDTH - 4}}"
    if lever.acts:
        cost = Span(f"  {lever.cost}", COST_TONES[lever.cost]) if lever.cost else Span("")
        yield line(Span("  ● ", "good"), Span(name), Span(plain(lever.where), "muted"), cost)
        return
    first, *more = labelled_lines(
        f"  ✗ {name}", lever.reason, width, "muted", label_width=NAME_WIDTH
    )
    yield first
    yield from more
    yield from labelled_lines(
        "", f"→ {lever.remedy}" if lever.remedy else "", width, label_width=NAME_WIDTH
    )


def _hidden(server: ServerProfile, width: int) -> Iterator[Line]:
    if not server.hidden:
        return
    yield EMPTY
    yield line(Span("Not shown as it was started", "strong"))
    for one in server.hidden:
        yield from sentence_lines(f"{one.figures}: {plain(one.option)}", width, "warning", indent=2)
