"""Push, undo and make live again: ask by risk, order, and tell what came of it."""

import time
from typing import TYPE_CHECKING, Any

from charter_engine.contracts.deploy import PushReport, Revision, undone
from charter_engine.contracts.protocol import ListRevisions, Push, Rollback
from charter_tui.link import EngineRefused
from charter_tui.present.confirmation import (
    Confirmation,
    live_again_confirmation,
    predicted_gain,
    push_confirmation,
    rollback_confirmation,
)
from charter_tui.present.figures import milliseconds_text
from charter_tui.screens.confirm import Confirm

if TYPE_CHECKING:
    from textual.screen import Screen

    from charter_tui.console import Console


def push(app: "Console") -> None:
    """Make the draft live."""
    app.run_worker(_push(app), group="deploy", exclusive=True, exit_on_error=False)


def undo(app: "Console") -> None:
    """Undo the last push that still stands."""
    app.run_worker(_roll_back(app, None), group="deploy", exclusive=True, exit_on_error=False)


def make_live(app: "Console", target: int) -> None:
    """Make a revision live again; asks in any case, and says what is lost."""
    app.run_worker(_roll_back(app, target), group="deploy", exclusive=True, exit_on_error=False)


async def _push(app: "Console") -> None:
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
    profile = snapshot.session.profile if snapshot.session else None
    gain = predicted_gain(snapshot.draft) if snapshot.draft else ""
    if await _agreed(app, push_confirmation(diff, profile, gain)):
        await _order(app, Push(base_revision=diff.base_revision), "Pushed")


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
        app.notify(f"Revision {live} is live already.")
        return
    profile = app.snapshot.session.profile if app.snapshot.session else None
    ask = rollback_confirmation if target is None else live_again_confirmation
    if await _agreed(app, ask(revisions, live, goal, profile)):
        done = "Undone" if target is None else "Rolled back"
        await _order(app, Rollback(base_revision=live, revision=goal), done)


async def _agreed(app: "Console", question: Confirmation | None) -> bool:
    if question is None:
        return True
    confirm: Screen[bool] = Confirm(question)
    return await app.push_screen_wait(confirm)


async def _order(app: "Console", command: Push | Rollback, done: str) -> None:
    started = time.monotonic()
    report: Any = await app.order(command)
    if not isinstance(report, PushReport):
        return
    took = milliseconds_text((time.monotonic() - started) * 1000)
    if report.ok:
        undo = "u takes it back." if isinstance(command, Push) else ""
        # A push says by itself that its revision is live.
        more = "" if report.message.startswith("revision") else report.message
        told = (f"{done}: revision {report.revision} is live after {took}.", more, undo)
        app.notify(" ".join(part for part in told if part))
    else:
        app.notify(f"Not live: {report.message}", severity="error", timeout=15)
