"""What changes the deployment: ask by risk, order, and tell what came of it."""

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

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
from charter_tui.link import EngineRefused
from charter_tui.present.confirmation import (
    Confirmation,
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
from charter_tui.typed import parse_seconds, parse_share

if TYPE_CHECKING:
    from textual.screen import Screen

    from charter_tui.console import Console


def push(app: "Console") -> None:
    """Make the draft live."""
    _begin(app, _push(app))


def push_with(app: "Console") -> None:
    """Make the draft live; asks why, and for how long it is to be watched."""
    _begin(app, _push(app, asks=True))


def undo(app: "Console") -> None:
    """Undo the last push that still stands."""
    _begin(app, _roll_back(app, None))


def make_live(app: "Console", target: int) -> None:
    """Make a revision live again; asks in any case, and says what is lost."""
    _begin(app, _roll_back(app, target))


def try_layouts(app: "Console") -> None:
    """Begin a trial with the draft, or give the live one another share of the sessions."""
    _begin(app, _try_layouts(app))


def set_share(app: "Console", share: float) -> None:
    """Lay out all sessions, which is asked, or none."""
    _begin(app, _set_share(app, share))


def put_back(app: "Console") -> None:
    """Make the deployment what was pushed, over what others changed."""
    _begin(app, _put_back(app))


def adopt(app: "Console") -> None:
    """Make what others changed a revision of its own."""
    _begin(app, _adopt(app))


def uninstall(app: "Console") -> None:
    """Leave the deployment as it was found."""
    _begin(app, _uninstall(app))


def start_canary(app: "Console") -> None:
    """Have the corruption canary ask; asks how often."""
    _begin(app, _start_canary(app))


def _begin(app: "Console", work: Coroutine[Any, Any, None]) -> None:
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
    command = Push(base_revision=diff.base_revision)
    if asks:
        values = await _filled_in(app, push_form(snapshot))
        if values is None:
            return
        command = pushed(values, diff.base_revision)
    profile = snapshot.session.profile if snapshot.session else None
    gain = predicted_gain(snapshot.draft) if snapshot.draft else ""
    if await _agreed(app, push_confirmation(diff, profile, gain)):
        await _order(app, command, "Pushed", "u takes it back.")


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
    if await _agreed(app, ask(revisions, live, goal, profile)):
        done = "Undone" if target is None else "Rolled back"
        await _order(app, Rollback(base_revision=live, revision=goal), done)


async def _try_layouts(app: "Console") -> None:
    snapshot = app.snapshot
    values = await _filled_in(app, trial_form(snapshot))
    if values is None:
        return
    share, note, base = parse_share(values["share"]), values["note"].strip(), snapshot.revision
    if snapshot.has_changes:
        await _order(app, TryDraft(share=share, note=note, base_revision=base), "On trial")
    else:
        await _order(app, SetShare(share=share, note=note, base_revision=base), "Share changed")


async def _set_share(app: "Console", share: float) -> None:
    if share and not await _agreed(app, promotion_confirmation(app.snapshot.plan)):
        return
    done = "Promoted" if share else "Trial stopped"
    await _order(app, SetShare(share=share, base_revision=app.snapshot.revision), done)


async def _put_back(app: "Console") -> None:
    drift = app.snapshot.session.drift if app.snapshot.session else ()
    if await _agreed(app, put_back_confirmation(drift, _fleet(app))):
        await _order(app, PutBack(base_revision=app.snapshot.revision), "Put back")


async def _adopt(app: "Console") -> None:
    values = await _filled_in(app, adopt_form(_fleet(app)))
    if values is not None:
        command = Adopt(base_revision=app.snapshot.revision, note=values["note"].strip())
        await _order(app, command, "Adopted")


async def _uninstall(app: "Console") -> None:
    session = app.snapshot.session
    drift, fleet = session.drift if session else (), _fleet(app)
    if await _agreed(app, uninstall_confirmation(drift, fleet)):
        over = bool(drift) or bool(fleet and fleet.drifted)
        command = Uninstall(base_revision=app.snapshot.revision, force=over)
        await _order(app, command, "Uninstalled")


async def _start_canary(app: "Console") -> None:
    values = await _filled_in(app, canary_form())
    if values is not None:
        await app.order(StartCanary(every_seconds=parse_seconds(values["every"])))


def _fleet(app: "Console") -> FleetNow | None:
    """The servers that a change goes through, where there are several."""
    return app.snapshot.fleet.now if app.snapshot.fleet else None


async def _filled_in(app: "Console", text: FormText) -> dict[str, str] | None:
    """What was typed; None where the form was left."""
    typed: dict[str, str] = {}

    async def submit(values: dict[str, str]) -> None:
        typed.update(values)

    form = FormScreen(text.title, text.fields, submit, note=text.note, verb=text.verb)
    return typed if await app.push_screen_wait(form) else None


async def _agreed(app: "Console", question: Confirmation | None) -> bool:
    if question is None:
        return True
    confirm: Screen[bool] = Confirm(question)
    return await app.push_screen_wait(confirm)


async def _order(app: "Console", command: Command, done: str, way_back: str = "") -> None:
    started = time.monotonic()
    report: Any = await app.order(command)
    if not isinstance(report, PushReport):
        return
    took = milliseconds_text((time.monotonic() - started) * 1000)
    # A push says of itself that its revision is live; others say what else became of it.
    more = "" if report.message.startswith("revision") else report.message
    if report.ok and more:
        app.notify(f"{done} after {took}: {more}.")
    elif report.ok:
        live = f"{done}: revision {report.revision} is live after {took}."
        app.notify(" ".join(part for part in (live, way_back) if part))
    else:
        app.notify(f"Not live: {report.message}", severity="error", timeout=15)
