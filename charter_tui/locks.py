"""What may not be done now, and why: read-only mode, a replay, a frozen screen, no engine."""

from typing import Final

from charter_tui.action import Risk
from charter_tui.state import Snapshot

_PAST: Final = "This is a recording: nothing can be changed in it."
_FROZEN: Final = "The screen is frozen: space goes on."


def refusal(risk: Risk, snapshot: Snapshot) -> str:
    """Why an action of that risk is refused; empty where it is not.

    The engine refuses by its own rules as well.
    """
    if risk in ("view", "replay"):
        return ""
    if risk != "read" and (snapshot.frozen is not None or snapshot.replaying):
        return _PAST if snapshot.frozen is None else _FROZEN
    if risk in ("read", "run", "write") and snapshot.locked:
        return snapshot.locked
    if snapshot.session and snapshot.session.read_only and not snapshot.replaying:
        return "This engine is read-only."
    if snapshot.link.state != "connected":
        return "There is no connection to the engine at the moment."
    return ""


def lock_state(snapshot: Snapshot) -> tuple[object, ...]:
    """What refusals depend on: while it stays, so do the greyed keys."""
    return (
        snapshot.replay is not None,
        snapshot.frozen is not None,
        snapshot.replaying,
        snapshot.link.state == "connected",
        bool(snapshot.session and snapshot.session.read_only),
        snapshot.locked,
    )
