"""What changes the deployment: ask by risk, order, and tell what came of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from charter_engine.contracts.commands import (
    Adopt,
    Command,
    ListRevisions,
    Push,
    PutBack,
    Rollback,
    SetShare,
    StartCanary,
    TryDraft,
    Uninstall,
)
from charter_engine.contracts.deploy import PushReport, Revision, undone
from charter_engine.contracts.fleet import FleetNow
from charter_engine.contracts.moments import parse_seconds
from charter_tui.link import TELL_SECONDS, EngineRefused
from charter_tui.present.confirmation import (
    Confirmation,
    asked_in_production,
    live_again_confirmation,
    predicted_gain,
    promotion_confirmation,
    push_confirmation,
    put_back_confirmation,
    rollback_confirmation,
    uninstall_confirmation,
)
from charter_tui.present.figures import milliseconds_text
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.deploy_forms import (
    FormText,
    adopt_form,
    canary_form,
    push_form,
    pushed,
    trial_form,
)
from charter_tui.screens.form import FormScreen
from charter_tui.servers import served
from charter_tui.state import Snapshot
from charter_tui.typed import parse_share

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.worker import WorkType

    from charter_tui.console import Console

Values = dict[str, str]
NEWS_SECONDS: Final = 0.2
"""The engine tells what made it refuse behind its answer, and the console shows it ten times a
second."""


def push(app: "Console") -> None:
    """Make the draft live."""
    _begin(app, partial(_push, app))


def push_with(app: "Console") -> None:
    """Make the draft live; asks why, and for how long it is to be watched."""
    _begin(app, partial(_push, app, asks=True))


def undo(app: "Console") -> None:
    """Undo the last push that still stands."""
    _begin(app, partial(_roll_back, app, None))


def make_live(app: "Console", target: int) -> None:
    """Make a revision live again; asks in any case, and says what is lost."""
    _begin(app, partial(_roll_back, app, target))


def try_layouts(app: "Console") -> None:
    """Begin a trial with the draft, or give the live one another share of the sessions."""
    _begin(app, partial(_try_layouts, app))


def set_share(app: "Console", share: float) -> None:
    """Lay out all sessions, which is asked, or none."""
    _begin(app, partial(_set_share, app, share))


def put_back(app: "Console") -> None:
    """Make the deployment what was pushed, over what others changed."""
    _begin(app, partial(_put_back, app))


def adopt(app: "Console") -> None:
    """Make what others changed a revision of its own."""
    _begin(app, partial(_adopt, app))


def uninstall(app: "Console") -> None:
    """Leave the deployment as it was found."""
    _begin(app, partial(_uninstall, app))


def start_canary(app: "Console") -> None:
    """Have the corruption canary ask; asks how often."""
    _begin(app, partial(_start_canary, app))


def _begin(app: "Console", work: "WorkType[None]") -> None:
    """One thing at a time is done to a deployment."""
    app.run_worker(work, group="deploy", exclusive=True, exit_on_error=False)


async def _push(app: "Console", *, asks: bool = False) -> None:
    snapshot = app.snapshot
    diff = snapshot.draft.diff if snapshot.draft else None
    if diff is None or not diff.changes:
        app.notify("There is nothing to push: the draft is what is live.")
        return
    if diff.cost is None:
        reasons = "; ".join(
            dict.fromkeys(change.reason for change in diff.changes if change.reason)
        )
        app.notify(f"None of these changes is possible here: {reasons}", severity="error")
        return
    if asks:
        await _by_form(app, push_form, partial(_push_typed, app))
    else:
        _tell(app, await _push_asked(app, Push(base_revision=diff.base_revision), snapshot))


async def _push_typed(app: "Console", values: Values, snapshot: Snapshot) -> str:
    diff = snapshot.draft.diff if snapshot.draft else None
    base = diff.base_revision if diff is not None else snapshot.revision
    return await _push_asked(app, pushed(values, base), snapshot)


async def _push_asked(app: "Console", command: Push, snapshot: Snapshot) -> str:
    """Push the draft of a snapshot, once what is dear was asked; gives why it was refused."""
    diff = snapshot.draft.diff if snapshot.draft else None
    profile = snapshot.session.profile if snapshot.session else None
    gain = predicted_gain(snapshot.draft) if snapshot.draft else ""
    question = push_confirmation(diff, profile, gain) if diff is not None else None
    if not await _agreed(app, question, "Push"):
        return ""
    return await _order(app, command, "Pushed", "u takes it back.")


async def _roll_back(app: "Console", target: int | None) -> None:
    try:
        revisions: tuple[Revision, ...] = await app.ask(ListRevisions())
    except EngineRefused as error:
        app.notify(str(error), severity="error")
        return
    live = app.snapshot.revision
    goal = undone(revisions, live) if target is None else target
    if goal is None:
        app.notify("There is no push left to undo.")
        return
    if goal == live:
        app.notify(f"Revision {live} is already live.")
        return
    profile = app.snapshot.session.profile if app.snapshot.session else None
    ask = rollback_confirmation if target is None else live_again_confirmation
    if await _agreed(app, ask(revisions, live, goal, profile), "Roll back"):
        done = "Undone" if target is None else "Rolled back"
        _tell(app, await _order(app, Rollback(base_revision=live, revision=goal), done))


async def _try_layouts(app: "Console") -> None:
    async def order(values: Values, snapshot: Snapshot) -> str:
        share, note, base = parse_share(values["share"]), values["note"].strip(), snapshot.revision
        if not await _agreed(app, None, "Try"):
            return ""
        if snapshot.has_changes:
            command: Command = TryDraft(share=share, note=note, base_revision=base)
            return await _order(app, command, "On trial")
        command = SetShare(share=share, note=note, base_revision=base)
        return await _order(app, command, "Share changed")

    await _by_form(app, trial_form, order)


async def _set_share(app: "Console", share: float) -> None:
    if share and not await _agreed(app, promotion_confirmation(app.snapshot.plan), "Promote"):
        return
    done = "Promoted" if share else "Trial stopped"
    command = SetShare(share=share, base_revision=app.snapshot.revision)
    _tell(app, await _order(app, command, done))


async def _put_back(app: "Console") -> None:
    drift = app.snapshot.session.drift if app.snapshot.session else ()
    if await _agreed(app, put_back_confirmation(drift, _fleet(app.snapshot)), "Put back"):
        command = PutBack(base_revision=app.snapshot.revision)
        _tell(app, await _order(app, command, "Put back"))


async def _adopt(app: "Console") -> None:
    async def order(values: Values, snapshot: Snapshot) -> str:
        command = Adopt(base_revision=snapshot.revision, note=values["note"].strip())
        return await _order(app, command, "Adopted")

    await _by_form(app, lambda snapshot: adopt_form(_fleet(snapshot)), order)


async def _uninstall(app: "Console") -> None:
    session = app.snapshot.session
    drift, fleet = session.drift if session else (), _fleet(app.snapshot)
    if await _agreed(app, uninstall_confirmation(drift, fleet), "Uninstall"):
        over = bool(drift) or bool(fleet and fleet.drifted)
        command = Uninstall(base_revision=app.snapshot.revision, force=over)
        _tell(app, await _order(app, command, "Uninstalled"))


async def _start_canary(app: "Console") -> None:
    text = canary_form()

    async def submit(values: Values) -> None:
        await app.ask(StartCanary(every_seconds=parse_seconds(values["every"])))

    app.push_screen(FormScreen(text.title, text.fields, submit, note=text.note, verb=text.verb))


def _fleet(snapshot: Snapshot) -> FleetNow | None:
    """The servers that a change goes through, where there are several."""
    return snapshot.fleet.now if snapshot.fleet else None


async def _by_form(
    app: "Console",
    text_of: Callable[[Snapshot], FormText],
    order: Callable[[Values, Snapshot], Awaitable[str]],
) -> None:
    """Order what is filled in. What is refused comes back as it was typed, with the reason, on the
    deployment as it stands by then."""
    typed: Values = {}
    refused = ""
    while True:
        snapshot = app.snapshot
        values = await _filled_in(app, text_of(snapshot).filled(typed), refused)
        if values is None:
            return
        typed, refused = values, await order(values, snapshot)
        if not refused:
            return
        await asyncio.sleep(NEWS_SECONDS)


async def _filled_in(app: "Console", text: FormText, refused: str) -> Values | None:
    """What was typed; None where the form was left. `refused` says why it was not taken before."""
    typed: Values = {}

    async def submit(values: Values) -> None:
        typed.update(values)

    form = FormScreen(
        text.title, text.fields, submit, note=text.note, verb=text.verb, error=refused
    )
    return typed if await app.push_screen_wait(form) else None


async def _agreed(app: "Console", question: Confirmation | None, verb: str) -> bool:
    """Whether the operator means it. What loses nothing is not asked but in production, where
    everything is, by the model's name."""
    if place := served(app.snapshot, app.config.production):
        question = asked_in_production(question, verb, place, app.snapshot)
    if question is None:
        return True
    confirm: Screen[bool] = Confirm(question)
    return await app.push_screen_wait(confirm)


def _tell(app: "Console", refused: str) -> None:
    if refused:
        app.notify(refused, severity="error", timeout=TELL_SECONDS)


async def _order(app: "Console", command: Command, done: str, way_back: str = "") -> str:
    """Have it done and tell what came of it; gives why it was not, in words."""
    started = time.monotonic()
    try:
        report: Any = await app.ask(command)
    except EngineRefused as error:
        return str(error)
    if not isinstance(report, PushReport):
        return ""
    took = milliseconds_text((time.monotonic() - started) * 1000)
    # A push says of itself that its revision is live; others say what else became of it.
    more = "" if report.message.startswith("revision") else report.message
    if report.ok and more:
        app.notify(f"{done} after {took}: {more}.")
    elif report.ok:
        live = f"{done}: revision {report.revision} is live after {took}."
        app.notify(" ".join(part for part in (live, way_back) if part))
    return "" if report.ok else f"Not live: {report.message}"
