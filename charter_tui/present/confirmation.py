"""What must be confirmed before it is done, and how: by the risk, not by habit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from charter_engine.contracts.deploy import (
    COST_ORDER,
    Change,
    CostClass,
    Diff,
    Profile,
    Revision,
)
from charter_engine.contracts.fleet import FleetNow
from charter_engine.contracts.gauges import Draft
from charter_engine.contracts.plan import Plan
from charter_tui.present.costs import COMPUTED, HIT_RATE, TTFT, TTFT_P95, WHOLE, shown_figure
from charter_tui.present.figures import percent_text
from charter_tui.present.work import NAMES
from charter_tui.state import Snapshot

DEFAULT_MODEL = "tensorrt_llm"
MOST_NAMED = 5
"""Changes that a question names one by one."""
UNINSTALLED = "charter_bls"
"""The model that goes with Charter."""
_PAID: Final = {
    "computed": COMPUTED,
    "whole": WHOLE,
    "TTFT": TTFT,
    "p95": TTFT_P95,
    "hit": HIT_RATE,
}
"""What a push is decided on, and in which words."""
_WAY_BACK = "u takes it back, at the same cost."


@dataclass(frozen=True)
class Confirmation:
    """A question. `word` must be typed where it is not empty."""

    title: str
    consequences: tuple[str, ...]
    verb: str
    word: str = ""


def push_confirmation(diff: Diff, profile: Profile | None, gain: str = "") -> Confirmation | None:
    """None for what loses nothing; a question for an engine reload; a typed model name for more.

    `gain` is what the push is predicted to bring (`predicted_gain`).
    """
    if diff.cost is None or COST_ORDER.index(diff.cost) < COST_ORDER.index("engine reload"):
        return None
    dear = [change for change in diff.changes if change.possible and change.cost == diff.cost]
    lost = dict.fromkeys(change.loses for change in dear if change.loses)
    keys = ", ".join(change.key for change in dear)
    return Confirmation(
        title=f"Push: {diff.cost}",
        consequences=(
            f"Because of {keys}.",
            *(f"Loses {text}." for text in lost),
            *([gain] if gain else []),
            _WAY_BACK,
        ),
        verb="Push",
        word=_word(diff.cost, profile),
    )


def predicted_gain(draft: Draft) -> str:
    """What a push is decided on; empty where nothing was predicted."""
    if draft.predicted is None or draft.live_predicted is None:
        return ""
    said = f"Predicted: {draft.verdict.words}. " if draft.verdict.words else ""
    costs = (draft.live_predicted.cost(draft.items), draft.predicted.cost(draft.items))
    figures = (
        f"{words} {' → '.join(shown_figure(row, cost).text for cost in costs)}"
        for words, row in _PAID.items()
    )
    return f"{said}Of a run: {', '.join(figures)}."


def rollback_confirmation(
    revisions: Sequence[Revision], live: int, target: int, profile: Profile | None
) -> Confirmation | None:
    """The way back costs what the dearest step between the two cost; None where it loses
    nothing."""
    cost = way_back_cost(revisions, live, target)
    if cost is None or COST_ORDER.index(cost) < COST_ORDER.index("engine reload"):
        return None
    return Confirmation(
        title=f"Go back to revision {target}: {cost}",
        consequences=("The KV cache is lost. Requests in flight finish first.",),
        verb="Roll back",
        word=_word(cost, profile),
    )


def live_again_confirmation(
    revisions: Sequence[Revision], live: int, target: int, profile: Profile | None
) -> Confirmation:
    """The question before a revision that was chosen is made live, whatever it costs."""
    dear = rollback_confirmation(revisions, live, target, profile)
    lost = dear.consequences if dear else ("The KV cache stays; nothing is lost.",)
    left = [str(item.number) for item in revisions if target < item.number <= live]
    named = "revision" if len(left) == 1 else "revisions"
    *others, last = left or [""]
    numbers = f"{', '.join(others)} and {last}" if others else last
    gone = (f"What {named} {numbers} changed is undone.",) if left else ()
    return Confirmation(
        title=f"Make revision {target} live again?",
        consequences=(*lost, *gone, f"Revision {live}, which is live, stays in the history."),
        verb="Make live",
        word=dear.word if dear else "",
    )


def promotion_confirmation(plan: Plan | None) -> Confirmation:
    """The question before all sessions are laid out."""
    on = f"{percent_text(plan.share, 0)} of the sessions are laid out now. " if plan else ""
    return Confirmation(
        title="Lay out all sessions?",
        consequences=(
            f"{on}With all of them there is no arm left to compare with.",
            "The KV cache stays. u takes it back.",
        ),
        verb="Promote",
    )


def put_back_confirmation(drift: Sequence[Change], fleet: FleetNow | None = None) -> Confirmation:
    """The question before other people's changes are overwritten; of several servers on each."""
    return Confirmation(
        title="Put back what was pushed?",
        consequences=(
            *_on_each(fleet),
            *(
                f"{change.key} in {change.place}: {change.new} → {change.old}."
                for change in drift[:MOST_NAMED]
            ),
            *([f"And {more} more."] if (more := len(drift) - MOST_NAMED) > 0 else []),
            "Models whose files or settings differ are loaded again; a reload of the engine loses "
            "the KV cache.",
        ),
        verb="Put back",
    )


def uninstall_confirmation(drift: Sequence[Change], fleet: FleetNow | None = None) -> Confirmation:
    """The question before Charter is taken out of a deployment, of several servers out of each; its
    word must be typed."""
    over = ("What others changed since the last push is lost as well.",) if drift else ()
    return Confirmation(
        title="Leave the deployment as it was found?",
        consequences=(
            *_on_each(fleet),
            f"It goes back to what it was before the first push: {UNINSTALLED} is gone, and "
            "programs that call it fail. Where settings were changed, the engine is loaded again.",
            *over,
            "Its history is put away, and u can't undo this.",
        ),
        verb="Uninstall",
        word=UNINSTALLED,
    )


def _on_each(fleet: FleetNow | None) -> tuple[str, ...]:
    """That it is done to several servers, and what others changed of them."""
    if fleet is None:
        return ()
    changed = [f"{one.server} ({one.drift})" for one in fleet.servers if one.drift]
    fields = (f"Fields that others changed: {', '.join(changed)}.",) if changed else ()
    return (
        f"On {len(fleet.servers)} servers, one after another. It stops at the first that fails; "
        "those before it stay done.",
        *fields,
    )


def asked_in_production(
    question: Confirmation | None, verb: str, place: str, snapshot: Snapshot
) -> Confirmation:
    """A question, or one where there would be none, that takes a typed name."""
    why = f"{place} is production, by this console's configuration."
    profile = snapshot.session.profile if snapshot.session else None
    if question is None:
        return Confirmation(f"{verb} in production?", (why,), verb, _model(profile))
    word = question.word or _model(profile)
    return replace(question, consequences=(why, *question.consequences), word=word)


def way_back_cost(revisions: Sequence[Revision], live: int, target: int) -> CostClass | None:
    """The dearest cost of the steps between two revisions."""
    between = [
        item.cost
        for item in revisions
        if min(live, target) < item.number <= max(live, target) and item.cost
    ]
    return max(between, key=COST_ORDER.index, default=None)


def leaving_confirmation(snapshot: Snapshot) -> Confirmation | None:
    """Leaving stops an engine of our own: a question where that ends what others need."""
    if not snapshot.link.owned or snapshot.link.state != "connected" or snapshot.replaying:
        return None
    ends = []
    if others := snapshot.link.others:
        watch = "Another console watches" if len(others) == 1 else f"{len(others)} consoles watch"
        ends.append(f"{watch} it: {'; '.join(others)}.")
    if snapshot.run and snapshot.run.progress.state == "running":
        progress = snapshot.run.progress
        ends.append(
            f"The run in progress ({progress.items_done} of {progress.items_total} items) "
            "is cancelled."
        )
    if snapshot.work and snapshot.work.kind and snapshot.work.state in ("running", "stopping"):
        ends.append(f"The work in progress ({NAMES[snapshot.work.kind].lower()}) is cancelled.")
    if snapshot.push_is_watched:
        ends.append("The last push is no longer watched; it stands.")
    if snapshot.has_changes:
        ends.append("The draft is discarded.")
    return Confirmation("Quit and stop the engine?", tuple(ends), "Quit") if ends else None


def _word(cost: CostClass, profile: Profile | None) -> str:
    if COST_ORDER.index(cost) < COST_ORDER.index("engine rebuild"):
        return ""
    return _model(profile)


def _model(profile: Profile | None) -> str:
    """The model by which a deployment is named where its name is to be typed."""
    models = profile.models if profile else ()
    return DEFAULT_MODEL if DEFAULT_MODEL in models or not models else models[0]
