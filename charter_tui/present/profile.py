"""What the deployment can do, found by asking it, and why it cannot do the rest."""

from typing import Final

from charter_engine.contracts.deploy import Profile
from charter_tui.present.levers import lever_lines
from charter_tui.present.spans import EMPTY, Line, Span, line, plain, wrap
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import LEAST_WIDTH, Standing
from charter_tui.state import Snapshot

ABILITIES: Final[dict[str, str]] = {
    "reuse": "reuse KV blocks",
    "retention": "keep blocks by priority",
    "plan_push": "take a plan without an engine reload",
    "load_unload": "load and unload models",
    "repository_files": "files can be written from here",
    "kv_stats": "tell what is reused",
    "token_counts": "tell token counts",
    "times": "tell times of a request",
}
"""What an ability is called, by its name among a profile's reasons."""
_PATHS: Final = {
    "engine": "TensorRT-LLM's engine path",
    "llmapi": "TensorRT-LLM's LLM API",
    "http": "by HTTP: nothing is pushed to it",
    "none": "no TensorRT-LLM model",
}
_COLUMNS: Final = (
    Column("key", "SETTING", 0, "left"),
    Column("live", "LIVE", 0, "left"),
    Column("found", "AS FOUND", 0, "left"),
)
LABEL_WIDTH: Final = 38
"""Derived: the longest lever in words, and a blank."""


def profile_standing(snapshot: Snapshot) -> Standing:
    """Path and abilities."""
    profile = _profile(snapshot)
    if profile is None:
        return Standing(Span("◌ not asked yet", "muted"))
    missing = [name for name in ABILITIES if name in profile.reasons]
    able = len(ABILITIES) - len(missing)
    if not missing:
        return Standing(Span(f"● all of {able} abilities", "good"), line(_PATHS[profile.path]))
    cannot = ", ".join(name.replace("_", " ") for name in missing)
    state = Span(f"◌ {able} of {len(ABILITIES)} abilities", "warning")
    return Standing(state, line(f"not {cannot}"))


def profile_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Every ability, with the reason where it is missing, the settings that are served, and where
    each lever acts."""
    profile = _profile(snapshot)
    if profile is None:
        return (line(Span("The deployment was not asked yet.", "muted")),)
    version = plain(profile.server_version) or "–"
    heading = line(
        Span("What this deployment can do", "title"),
        Span(f"  {_PATHS[profile.path]}, {_called(snapshot)} {version}", "muted"),
    )
    lines = [heading]
    for name, words in ABILITIES.items():
        lines += _ability(words, profile.reasons.get(name, ""), width)
    server = snapshot.session.server if snapshot.session else None
    levers = (EMPTY, *lever_lines(server, width)) if server is not None else ()
    return (*lines, *_settings(profile, width), *levers)


def _called(snapshot: Snapshot) -> str:
    return snapshot.triton.sample.called if snapshot.triton else "Triton"


def _profile(snapshot: Snapshot) -> Profile | None:
    return snapshot.session.profile if snapshot.session else None


def _ability(words: str, reason: str, width: int) -> list[Line]:
    sign = Span("  ✗ ", "warning") if reason else Span("  ● ", "good")
    room = width - LABEL_WIDTH - 4
    if not reason:
        return [line(sign, words)]
    if room < LEAST_WIDTH:
        below = [line(Span(f"      {part}", "muted")) for part in wrap(reason, max(20, width - 6))]
        return [line(sign, Span(words)), *below]
    first, *more = wrap(plain(reason), room)
    return [
        line(sign, f"{words:<{LABEL_WIDTH}}", Span(first, "muted")),
        *(line(Span(" " * (LABEL_WIDTH + 4) + part, "muted")) for part in more),
    ]


def _settings(profile: Profile, width: int) -> tuple[Line, ...]:
    shown = sorted(
        key for key, value in profile.parameters.items() if value and not value.startswith("${")
    )
    if not shown:
        return ()
    rows = [
        (
            Span(plain(key)),
            Span(plain(profile.parameters[key])),
            Span(_as_found(profile, key), "muted"),
        )
        for key in shown
    ]
    return (
        EMPTY,
        line(Span("Served settings", "strong")),
        *table_lines(_COLUMNS, rows, width),
    )


def _as_found(profile: Profile, key: str) -> str:
    """What the setting was before Charter first changed it, where that is another value."""
    if not profile.original or profile.original.get(key) == profile.parameters[key]:
        return ""
    return plain(profile.original.get(key) or "not set")
