"""What can be done at the moment, and why the rest cannot."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from charter_tui.action import Scope
from charter_tui.actions import ACTIONS
from charter_tui.locks import refusal
from charter_tui.present.levers import why_not_lever
from charter_tui.present.words import EmptyState, sentence
from charter_tui.state import Snapshot, is_for_traffic

Way = tuple[str, str]
"""The id of an action, and words with its key."""


class Condition(NamedTuple):
    """When an action does something, and what an operator is told where it does not, with the ways
    there."""

    holds: Callable[[Snapshot], bool]
    otherwise: str
    ways: tuple[Way, ...] = ()

    def told(self, snapshot: Snapshot) -> str:
        """Why it does nothing, and of the ways those that can be gone."""
        return with_ways(snapshot, self.otherwise, self.ways)


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


def _has_calls(snapshot: Snapshot) -> bool:
    return bool(snapshot.calls)


def _has_agent(snapshot: Snapshot) -> bool:
    return bool(snapshot.session and snapshot.session.agent)


def _runs(snapshot: Snapshot) -> bool:
    return snapshot.run is not None and snapshot.run.progress.state == "running"


def _works(snapshot: Snapshot) -> bool:
    return snapshot.work is not None and snapshot.work.state == "running"


def _found_a_plan(snapshot: Snapshot) -> bool:
    return snapshot.results is not None and snapshot.results.plan is not None


_AGENT: Final = Condition(_has_agent, "No agent is open", (("app.open_agent", "o opens one"),))
_CALLS: Final = Condition(_has_calls, "There is no call", (("app.open_agent", "o opens an agent"),))
_RUN: Final = Condition(
    lambda snapshot: bool(snapshot.runs and snapshot.runs.runs),
    "There is no run yet",
    (("app.run_plan", "r makes one"),),
)
_RUNS: Final = Condition(
    lambda snapshot: bool(snapshot.runs and len(snapshot.runs.runs) > 1),
    "Comparing takes two runs",
    (("app.run_plan", "r makes another"),),
)
_NO_TRIAL: Final = "No trial is live"
_BEGINNING: Final = (("deploy.try_layouts", "n begins one with the draft"),)
_DRIFTED: Final = Condition(has_drifted, "Nothing differs from what was pushed.")
_SEEKING: Final = Condition(
    lambda snapshot: snapshot.seeking is not None,
    "This works on the past: space holds the screen still, then M marks and X exports.",
)
_ON_TUNING: Final = (
    ("tuning.edit", "on the tuning screen (2) e edits one"),
    ("tuning.propose", "a proposes one"),
)
_NO_DRAFT: Final = "There is no draft"
CHANGES: Final[dict[str, Condition]] = {
    "deploy.push": Condition(lambda snapshot: snapshot.has_changes, _NO_DRAFT, _ON_TUNING),
    "deploy.try_layouts": Condition(
        lambda snapshot: snapshot.has_changes or _share(snapshot) is not None,
        _NO_DRAFT,
        _ON_TUNING,
    ),
    "deploy.promote": Condition(
        lambda snapshot: _share(snapshot) not in (None, 1.0), _NO_TRIAL, _BEGINNING
    ),
    "deploy.stop_trial": Condition(lambda snapshot: bool(_share(snapshot)), _NO_TRIAL, _BEGINNING),
    "deploy.put_back": _DRIFTED,
    "deploy.adopt": _DRIFTED,
    "deploy.uninstall": Condition(
        lambda snapshot: bool(snapshot.revision),
        "Nothing of Charter's is live: there is nothing to take out.",
    ),
}
"""What changes the deployment, on the screen for that: one thing at a time, and none of it during a
run."""
RISKS: Final = {action.id: action.risk for action in ACTIONS}
OF_TRIALS: Final = frozenset({"deploy.try_layouts", "deploy.promote", "deploy.stop_trial"})
CONDITIONS: Final[dict[str, Condition]] = {
    **CHANGES,
    "deploy.keep": Condition(
        lambda snapshot: snapshot.push_is_watched, "No push is watched at the moment."
    ),
    "deploy.reset_breaker": Condition(
        _breaker_acts, "The circuit breaker is closed: every call goes through."
    ),
    "app.run_plan": _AGENT,
    "app.run_baseline": _AGENT,
    "app.reload_agent": _AGENT,
    "app.cancel_run": Condition(_runs, "No run is in progress."),
    "app.undo": Condition(
        lambda snapshot: bool(snapshot.revision), "There is no push left to undo."
    ),
    "graph.edit_retention": _CALLS,
    "graph.edit_source": _CALLS,
    "graph.choose": _CALLS,
    "graph.fold": _CALLS,
    "graph.sort": _CALLS,
    "graph.toggle_traffic": _CALLS,
    "graph.follow": _CALLS,
    "tuning.propose": _AGENT,
    "tuning.propose_with": _AGENT,
    "tuning.push": Condition(
        lambda snapshot: snapshot.has_changes,
        "There is nothing to push: the draft is what is live.",
    ),
    "tuning.discard": Condition(
        lambda snapshot: snapshot.has_changes, "There is no draft to throw away."
    ),
    "tuning.cancel_work": Condition(
        lambda snapshot: _works(snapshot) or _runs(snapshot),
        "No plan is being worked out, and no run is in progress.",
    ),
    "work.cancel_work": Condition(_works, "No work is in progress."),
    "work.draft_plan": Condition(
        _found_a_plan, "No plan was found yet", (("app.run_plan", "enter on Plan asks for one"),)
    ),
    "runs.mark": _RUNS,
    "runs.repeat": _RUN,
    "replay.mark": _SEEKING,
    "replay.export": _SEEKING,
}
"""By the id of an action. Actions that are not here are always possible."""


def why_not(action: str, snapshot: Snapshot) -> str:
    """Why the action of that id does nothing now; empty where it does something."""
    condition = CONDITIONS.get(action)
    if condition is None:
        return ""
    if action in OF_TRIALS and (missing := why_not_lever(snapshot, "share")):
        return missing
    if not condition.holds(snapshot):
        return condition.told(snapshot)
    return _occupied(snapshot) if action in CHANGES else ""


def acts(action: str, snapshot: Snapshot) -> bool:
    """Whether the action of that id does something now, so that words may name its key."""
    return not refusal(RISKS[action], snapshot) and not why_not(action, snapshot)


def offered(snapshot: Snapshot, ways: Sequence[Way], between: str = ", ") -> str:
    """Of `ways` those that do something now."""
    return between.join(words for action, words in ways if acts(action, snapshot))


def with_ways(snapshot: Snapshot, words: str, ways: Sequence[Way], before: str = ": ") -> str:
    """Words as a sentence, and behind `before` the ways on that do something now; without words
    these alone, if any."""
    on = offered(snapshot, ways)
    if not words:
        return on and f"{on}."
    return sentence(f"{words}{before}{on}" if on else words)


def no_agent(snapshot: Snapshot) -> EmptyState:
    """That no agent is open, and what to do about it where that can be done."""
    return EmptyState(_AGENT.told(snapshot))


def _occupied(snapshot: Snapshot) -> str:
    if _runs(snapshot):
        return with_ways(snapshot, "A run is in progress", (("app.cancel_run", "c cancels it"),))
    if snapshot.deploying is not None and snapshot.deploying.state == "running":
        return "The deployment is being changed at the moment."
    return ""


def possible(scope: Scope, snapshot: Snapshot) -> frozenset[str]:
    """The actions of a screen, and of the whole console, that do something now."""
    return frozenset(
        action
        for action in CONDITIONS
        if action.startswith((f"{scope}.", "app.")) and not why_not(action, snapshot)
    )
