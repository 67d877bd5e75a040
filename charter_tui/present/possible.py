"""What can be done with the deployment at the moment, and why the rest cannot."""

from collections.abc import Callable
from typing import Final, NamedTuple

from charter_tui.present.levers import why_not_lever
from charter_tui.present.trial import is_for_traffic
from charter_tui.present.watch import is_watched
from charter_tui.state import Snapshot


class Condition(NamedTuple):
    """When an action does something, and what an operator is told where it does not."""

    holds: Callable[[Snapshot], bool]
    otherwise: str


def _share(snapshot: Snapshot) -> float | None:
    """The share of the sessions that is laid out; None where no layout is for traffic."""
    plan = snapshot.plan
    return plan.share if plan is not None and is_for_traffic(plan) else None


def has_drifted(snapshot: Snapshot) -> bool:
    """Whether others changed the deployment, or one of several servers."""
    return bool(
        (snapshot.session and snapshot.session.drift)
        or (snapshot.fleet and snapshot.fleet.now.drifted)
    )


def _breaker_acts(snapshot: Snapshot) -> bool:
    return snapshot.triton is not None and snapshot.triton.sample.breaker != "closed"


_DRIFTED: Final = Condition(has_drifted, "Nothing differs from what was pushed.")
_NO_TRIAL: Final = "No trial is live: n begins one with the draft."
_NO_DRAFT: Final = "There is no draft: 2 goes to the tuning screen, where e edits and a proposes."
CHANGES: Final[dict[str, Condition]] = {
    "push": Condition(lambda snapshot: snapshot.has_changes, _NO_DRAFT),
    "try_layouts": Condition(
        lambda snapshot: snapshot.has_changes or _share(snapshot) is not None, _NO_DRAFT
    ),
    "promote": Condition(lambda snapshot: _share(snapshot) not in (None, 1.0), _NO_TRIAL),
    "stop_trial": Condition(lambda snapshot: bool(_share(snapshot)), _NO_TRIAL),
    "put_back": _DRIFTED,
    "adopt": _DRIFTED,
    "uninstall": Condition(
        lambda snapshot: bool(snapshot.revision),
        "Nothing of Charter's is live: there is nothing to take out.",
    ),
}
"""What changes the deployment, by the actions of the deploy screen: one thing at a time, and none
of it during a run."""
OF_TRIALS: Final = frozenset({"try_layouts", "promote", "stop_trial"})
CONDITIONS: Final[dict[str, Condition]] = {
    **CHANGES,
    "keep": Condition(is_watched, "No push is watched at the moment."),
    "reset_breaker": Condition(
        _breaker_acts, "The circuit breaker is closed: every call goes through."
    ),
}
"""Actions that are not here are always possible."""


def why_not(action: str, snapshot: Snapshot) -> str:
    """Why an action of the deploy screen does nothing now; empty where it does something."""
    condition = CONDITIONS.get(action)
    if condition is None:
        return ""
    if action in OF_TRIALS and (missing := why_not_lever(snapshot, "share")):
        return missing
    if not condition.holds(snapshot):
        return condition.otherwise
    return _occupied(snapshot) if action in CHANGES else ""


def _occupied(snapshot: Snapshot) -> str:
    if snapshot.run is not None and snapshot.run.progress.state == "running":
        return "A run is in progress: wait for it, or c cancels it."
    if snapshot.deploying is not None and snapshot.deploying.state == "running":
        return "The deployment is being changed at the moment."
    return ""


def possible(snapshot: Snapshot) -> frozenset[str]:
    """The actions that do something now."""
    return frozenset(action for action in CONDITIONS if not why_not(action, snapshot))
