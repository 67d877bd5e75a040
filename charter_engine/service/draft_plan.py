"""The draft: the live plan as an operator would have it, its diff, and what it is predicted to
do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from charter_engine.api.drafting import LivePlan, diff_plans
from charter_engine.api.waves import PredictedOrder
from charter_engine.contracts.deploy import Diff, Profile
from charter_engine.contracts.gauges import Draft
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import CharterError, UsageError

KEPT_EDITS = 100
"""Edits that can be taken back."""
REFUSAL_SECONDS = 10.0
"""As long as it takes to read why an edit was refused."""
log = logging.getLogger(__name__)
Predict = Callable[[Plan], Awaitable[PredictedOrder | None]]
Publish = Callable[[Draft], None]


class DraftPlan:
    """Holds one draft beside the live plan. Every edit says on which revision it was decided; stale
    ones are refused.

    Predictions are computed behind: the draft is published at once as `busy`, and again with its
    figures. An edit meanwhile makes the running prediction moot. `live_predicted` begins with an
    empty cache, as the draft's does; `next_run` with what earlier runs left there, if there were
    any.
    """

    def __init__(self, predict: Predict, publish: Publish) -> None:
        self.live = LivePlan()
        self.identity: AgentIdentity | None = None
        self.profile = Profile()
        self.draft = Draft()
        self.live_predicted: Prediction | None = None
        self.next_run: Prediction | None = None
        self._predict = predict
        self._publish = publish
        self._predicting: asyncio.Task[None] | None = None
        self._past: list[Plan | None] = []
        self._future: list[Plan | None] = []

    def reset(self, live: LivePlan, identity: AgentIdentity | None, profile: Profile) -> None:
        """What is live changed (or another agent was opened): the draft is gone. Drafts are for the
        agent of this identity."""
        self.live, self.identity, self.profile = live, identity, profile
        self.live_predicted = self.next_run = None
        self._past.clear()
        self._future.clear()
        self._set(Draft())
        self._start_predicting()

    def profile_changed(self, profile: Profile) -> None:
        """The deployment is another than before: the diff and the predictions are made anew."""
        self.profile = profile
        if self.draft.plan is not None:
            self._set(replace(self.draft, diff=self._diff(self.draft.plan)))
        self.live_predicted = None
        self._start_predicting()

    def edit(self, base_revision: int, change: Callable[[Plan], Plan]) -> None:
        """Apply a change to the draft. A refused one is told as the draft's `error` for a while.
        Raises `CharterError`."""
        self.require_current(base_revision)
        try:
            plan = change(self.draft.plan or self.live.plan)
        except UsageError as error:
            self._set(replace(self.draft, error=error.message))
            asyncio.get_running_loop().call_later(REFUSAL_SECONDS, self._forget, error.message)
            raise
        is_live = replace(plan, identity=self.live.plan.identity) == self.live.plan
        self._remember()
        self._take(None if is_live else replace(plan, identity=self.identity))

    def undo(self) -> None:
        """Take back the last edit. Raises `UsageError` where there is none."""
        self._step(self._past, self._future, "no edit of the draft is left to take back")

    def redo(self) -> None:
        """Make the edit again that was taken back last. Raises `UsageError` where there is none."""
        self._step(self._future, self._past, "no edit of the draft was taken back")

    def _step(self, source: list[Plan | None], target: list[Plan | None], nothing: str) -> None:
        if not source:
            raise UsageError(nothing)
        target.append(self.draft.plan)
        self._take(source.pop())

    def _remember(self) -> None:
        """Keep the draft as it is, to come back to it; what was taken back is gone."""
        self._past = [*self._past, self.draft.plan][-KEPT_EDITS:]
        self._future.clear()

    def _take(self, plan: Plan | None) -> None:
        """Make a plan the draft; None is no draft."""
        if plan is None:
            self._set(Draft())
            return
        self._set(
            Draft(plan=plan, diff=self._diff(plan), live_predicted=self.live_predicted, busy=True)
        )
        self._start_predicting()

    def _forget(self, refusal: str) -> None:
        if self.draft.error == refusal:
            self._set(replace(self.draft, error=""))

    def busy(self, busy: bool) -> None:
        """Something that will change the draft is being worked out."""
        self._set(replace(self.draft, busy=busy))

    def discard(self) -> None:
        """Throw the draft away, as an edit that can be taken back."""
        if self.draft.plan is not None:
            self._remember()
        self._take(None)

    def require_current(self, base_revision: int) -> None:
        """Raises `CharterError` if another revision is live by now."""
        if base_revision != self.live.revision:
            raise CharterError(
                f"this was decided on revision {base_revision}, "
                f"and revision {self.live.revision} is live by now",
                remedy="look at what changed and decide again",
                kind="stale",
            )

    def _diff(self, plan: Plan) -> Diff:
        return diff_plans(self.live.served, plan, self.profile, self.live.revision)

    def _set(self, draft: Draft) -> None:
        self.draft = replace(draft, undoable=len(self._past), redoable=len(self._future))
        self._publish(self.draft)

    def stop(self) -> None:
        if self._predicting is not None:
            self._predicting.cancel()

    def _start_predicting(self) -> None:
        self.stop()
        self._predicting = asyncio.create_task(self._fill_in())

    async def _fill_in(self) -> None:
        predicted = None
        try:
            if self.live_predicted is None:
                live = await self._predict(self.live.plan)
                self.live_predicted = live.prediction if live else None
                self.next_run = live.repeated if live else None
            if self.draft.plan is not None:
                drafted = await self._predict(self.draft.plan)
                predicted = drafted.prediction if drafted else None
        except Exception:
            # A draft without its prediction is still a draft.
            log.exception("predicting failed")
        self._set(
            replace(self.draft, predicted=predicted, live_predicted=self.live_predicted, busy=False)
        )
