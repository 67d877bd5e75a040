"""The forms of what changes the deployment, and what is asked of the engine with what was typed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from charter_engine.contracts.commands import Push
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.fleet import FleetNow
from charter_engine.contracts.moments import Mistyped, parse_seconds
from charter_tui.present.figures import counted, percent_text
from charter_tui.present.possible import has_drifted
from charter_tui.screens.form import Field
from charter_tui.state import Snapshot
from charter_tui.typed import parse_choice, parse_share

WATCH_FOR: Final = "5m"
MARGIN: Final = "5 %"
FIRST_SHARE: Final = "10 %"
CANARY_EVERY: Final = "60s"
YES_NO: Final = ("no", "yes")
_NOTE: Final = Field("note", "why", hint="kept in the history; may be empty")


@dataclass(frozen=True)
class FormText:
    """What a form asks."""

    title: str
    fields: tuple[Field, ...]
    verb: str
    note: str

    def filled(self, typed: Mapping[str, str]) -> "FormText":
        """With what was typed before in its fields."""
        fields = (replace(one, value=typed.get(one.name, one.value)) for one in self.fields)
        return replace(self, fields=tuple(fields))


def push_form(snapshot: Snapshot) -> FormText:
    """Why the draft is pushed, and how the requests after it are watched."""
    diff = snapshot.draft.diff if snapshot.draft else None
    changes = counted(len(diff.changes), "change") if diff else "the draft"
    cost = f"; costs: {diff.cost}" if diff and diff.cost else ""
    said = snapshot.draft.verdict.words if snapshot.draft else ""
    predicted = f" Predicted: {said}." if said else ""
    fields = [
        _NOTE,
        Field("watch", "watch for", WATCH_FOR, "5m; empty: not watched", _some_time),
        Field("margin", "taken back at", MARGIN, "worse by so much", parse_share),
    ]
    if has_drifted(snapshot):
        fields.append(
            Field(
                "force", "over drift", "no", "yes pushes over others' changes", _yes_or_no, YES_NO
            )
        )
    note = f"{changes.capitalize()}{cost}.{predicted}{_on_all(snapshot)}"
    return FormText("Push the draft", tuple(fields), "Push", note)


def _on_all(snapshot: Snapshot) -> str:
    """That a push goes through several servers."""
    if snapshot.fleet is None:
        return ""
    servers = len(snapshot.fleet.now.servers)
    return (
        f" On all {servers} servers or none; the requests of all are watched together, and it is "
        "taken back on all."
    )


def pushed(values: dict[str, str], base_revision: int) -> Push:
    """The command for what was typed into the form of a push. Raises `Mistyped`."""
    seconds = parse_seconds(values["watch"]) if values["watch"].strip() else 0.0
    return Push(
        base_revision=base_revision,
        note=values["note"].strip(),
        watch=PushWatch(seconds=seconds, margin=parse_share(values["margin"])) if seconds else None,
        force=_yes_or_no(values.get("force", "no")),
    )


def trial_form(snapshot: Snapshot) -> FormText:
    """On which share of the sessions layouts are tried."""
    live = snapshot.plan.share if snapshot.plan else 0.0
    share = FIRST_SHARE if snapshot.has_changes or not 0 < live < 1 else percent_text(live, 0)
    what = (
        "Pushes the draft; its layouts apply to that share of the sessions, and the others stay "
        "as they are. Both are compared, and a trial that goes worse is stopped by itself."
        if snapshot.has_changes
        else "Gives the live trial another share of the sessions, and changes nothing else."
    )
    fields = (Field("share", "share", share, "10 % or 0.1", parse_share), _NOTE)
    return FormText("Try layouts on a share of the sessions", fields, "Try", what)


def adopt_form(fleet: FleetNow | None = None) -> FormText:
    """Why what others changed is adopted; of several servers on each."""
    what = "The deployment stays as it is, and is put on record as a revision of its own."
    if fleet is not None:
        what = (
            f"Each of {len(fleet.servers)} servers stays as it is, and where others changed it, it "
            "is put on record as a revision of its own."
        )
    return FormText("Adopt what others changed", (_NOTE,), "Adopt", what)


def canary_form() -> FormText:
    """How often the corruption canary asks."""
    what = (
        "Four requests a round, of a few blocks each: prompts of Charter's own, first as nobody "
        "has them cached, then reused."
    )
    fields = (Field("every", "a round every", CANARY_EVERY, "60s, 5m", parse_seconds),)
    return FormText("Ask whether reuse changes answers", fields, "Ask", what)


def _some_time(text: str) -> object:
    """Raises `Mistyped` for what is no time; nothing typed means none."""
    return parse_seconds(text) if text.strip() else None


def _yes_or_no(text: str) -> bool:
    """Raises `Mistyped` for anything else."""
    if not text.strip():
        raise Mistyped("give yes or no")
    return parse_choice(text, YES_NO) == "yes"
