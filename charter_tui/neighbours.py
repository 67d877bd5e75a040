"""What a console tells its operator of the others that watch the same engine."""

from charter_tui.present.confirmation import Confirmation
from charter_tui.state import Snapshot

GONE_AFTER: int = 3
"""Attempts to connect again after which an engine counts as gone, about a second."""


def news(old: Snapshot, new: Snapshot) -> str:
    """What changed about whose the engine is and which it is; empty for nothing."""
    if new.link.state != "connected":
        return ""
    if new.link.taken_over and not old.link.taken_over:
        return "The engine is this console's now: it stops when you leave."
    if new.link.owned:
        again = new.link.anew and old.link.state != "connected" and old.session is not None
        return "The engine ended, and was started again." if again else ""
    if new.link.anew and old.session and new.session and old.session.agent != new.session.agent:
        return f"Another engine answers there now, with {new.session.agent or 'no agent'} open."
    return ""


def gone_question(old: Snapshot, new: Snapshot) -> Confirmation | None:
    """The offer to start an engine of one's own, once another console's is gone."""
    link = new.link
    if link.owned or new.replaying or new.session is None or link.state != "lost":
        return None
    if not old.link.attempt < GONE_AFTER <= link.attempt:
        return None
    return Confirmation(
        "The engine is gone. Start one of your own?",
        (f"{link.detail}.", "It loads its models again and runs the agent once."),
        "Start",
    )
