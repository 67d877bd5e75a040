"""What can be done with the deployment at the moment, and why the rest cannot."""

from collections.abc import Callable
from typing import Final, NamedTuple

from charter_tui.present.trial import is_for_traffic
from charter_tui.state import Snapshot


class Condition(NamedTuple):
    """When an action does something, and what an operator is told where it does not."""

    holds: Callable[[Snapshot], bool]
    otherwise: str


def is_watched(snapshot: Snapshot) -> bool:
    """Whether the requests after a push are being compared with those before."""
    report = snapshot.watch.report if snapshot.watch else None
    return report is not None and report.outcome == "watching"


def _has_drifted(snapshot: Snapshot) -> bool:
    return bool(snapshot.session and snapshot.session.drift)


def _breaker_acts(snapshot: Snapshot) -> bool:
    return snapshot.triton is not None and snapshot.triton.sample.breaker != "closed"


_DRAFTED: Final = Condition(
    lambda snapshot: snapshot.has_changes,
    "There is no draft: 2 goes to the tuning screen, where e edits and a proposes.",
)
_TRIED: Final = Condition(
    lambda snapshot: is_for_traffic(snapshot.plan),
    "No trial is live: n begins one with the draft.",
)
_DRIFTED: Final = Condition(_has_drifted, "Nothing differs from what was pushed.")
CONDITIONS: Final[dict[str, Condition]] = {
    "push": _DRAFTED,
    "try_layouts": Condition(
        lambda snapshot: snapshot.has_changes or is_for_traffic(snapshot.plan), _DRAFTED.otherwise
    ),
    "promote": _TRIED,
    "stop_trial": _TRIED,
    "put_back": _DRIFTED,
    "adopt": _DRIFTED,
    "keep": Condition(is_watched, "No push is watched at the moment."),
    "reset_breaker": Condition(
        _breaker_acts, "The circuit breaker is closed: every call goes through."
    ),
    "uninstall": Condition(
        lambda snapshot: bool(snapshot.revision),
        "Nothing of Charter's is live: there is nothing to take out.",
    ),
}
"""By the actions of the deploy screen; those that are not here are always possible."""


def why_not(action: str, snapshot: Snapshot) -> str:
    """Why an action of the deploy screen does nothing now; empty where it does something."""
    condition = CONDITIONS.get(action)
    return "" if condition is None or condition.holds(snapshot) else condition.otherwise


def possible(snapshot: Snapshot) -> frozenset[str]:
    """The actions that do something now."""
    return frozenset(action for action in CONDITIONS if not why_not(action, snapshot))
