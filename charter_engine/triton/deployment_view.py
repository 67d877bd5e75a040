"""A deployment looked at: what is live, what was pushed, and what others did. Changes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from charter_engine.bls.reuse_times import ReuseTimeRules, reuse_times_section
from charter_engine.contracts.deploy import Change, Diff, Profile, Revision
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.server import ProofOutcome
from charter_engine.plan.belonging import agent_in_words, same_agent
from charter_engine.plan.diff import diff_plans
from charter_engine.triton import drift
from charter_engine.triton.bls_plan import reuse_times_in_words, reuse_times_of
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.journal import TAKES_IT_BACK
from charter_engine.triton.live_state import Live, LiveState
from charter_engine.triton.place import Place
from charter_engine.triton.profile import probe
from charter_engine.triton.proofs import EMBEDDED_PROOF, Proofs, note_on_retention
from charter_engine.triton.releases import Releases
from charter_engine.triton.target import DeployTarget


@dataclass
class DeploymentView:
    """Looks at one deployment. `on_step` hears of every step as it is done."""

    target: DeployTarget
    on_step: Callable[[str], None] = lambda _: None
    clock: Callable[[], float] = time.time
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.target.client
        self.journal = self.target.journal
        self.place = self.target.place()
        self.proofs = Proofs(self.journal.directory)
        self.state = LiveState(self.target, self.place, self.clock)
        self.releases = Releases(self.state, self.on_step)

    async def live(self) -> Revision | None:
        """The revision that is live, read from the deployment; None where no plan was ever pushed.

        One that is not on record here was pushed from elsewhere: its plan is what the deployment
        itself tells of it, and before the first push from here it counts as revision 0. Raises
        `Unreachable`.
        """
        return (await self.state.read()).revision

    def recorded(self) -> Revision | None:
        """The revision that was last pushed from here, whatever became of it; works while Triton
        is down."""
        record = self.journal.current()
        return record.revision if record else None

    async def profile(self) -> Profile:
        """What the deployment can do, found by asking it."""
        return await probe(
            self.client, repository=self.target.repository, metrics_url=self.target.metrics_url
        )

    def history(self) -> list[Revision]:
        """All revisions on record, oldest first; what is damaged or was cut short says so."""
        return self.journal.history()

    async def diff(
        self, plan: Plan, reuse_times: ReuseTimeRules | None = None, *, force: bool = False
    ) -> Diff:
        """What pushing this plan, with the reuse times it names, would change of what is live.
        Raises `TritonRefused` where another agent's plan is live, unless `force`."""
        live = await self.state.read()
        if not force:
            require_same_agent(live, plan)
        return self.diff_from(
            live, plan, await self.profile(), reuse_times and reuse_times_section(reuse_times)
        )

    async def foreign_changes(self) -> tuple[Change, ...]:
        """How the deployment differs from what was last pushed: somebody else's doing. Nothing
        while a push is cut short, whose own doing it may be."""
        record = self.journal.current()
        if record is None or self.interruption():
            return ()
        return await drift.changes(self.client, self.place, record)

    def original_parameters(self, profile: Profile) -> dict[str, str]:
        """The settings the deployment had before the first push; empty if there was none."""
        return self.releases.original_parameters(profile)

    @property
    def is_busy(self) -> bool:
        """Whether somebody is pushing at this moment."""
        return self.journal.is_held

    def interruption(self) -> str:
        """What is to be said of a push that was cut short and that nobody repaired yet; "" where
        there is none."""
        pending = None if self.journal.is_held else self.journal.interrupted()
        if pending is None:
            return ""
        return (
            f"the push of revision {pending.number} was cut short, and is not taken back yet: "
            f"{TAKES_IT_BACK}"
        )

    def diff_from(self, live: Live, plan: Plan, profile: Profile, reuse_times: Any) -> Diff:
        """What a plan would change of a live state that was read; `reuse_times` are those of the
        plan, as `plan.json` holds them."""
        base = live.revision.plan if live.revision else Plan(agent=plan.agent)
        # A push brings charter_bls: its cost classes hold, whether or not it is there yet.
        expected = replace(
            profile,
            charter_bls=profile.path == "engine",
            original=self.original_parameters(profile),
        )
        number = live.revision.number if live.revision else 0
        in_words = (
            reuse_times_in_words(reuse_times_of(live.plan_text)),
            reuse_times_in_words(reuse_times),
        )
        diff = diff_plans(base, plan, expected, number, in_words)
        told = note_on_retention(plan, expected, self._proof_of_retention())
        return replace(diff, notes=(*diff.notes, told)) if told else diff

    def _proof_of_retention(self) -> ProofOutcome | None:
        """The embedded engine's is in Charter's own tests."""
        return EMBEDDED_PROOF if self.target.is_embedded else self.proofs.newest("retention")


def require_same_agent(live: Live, plan: Plan) -> None:
    """Raises `TritonRefused` where another agent's plan is live."""
    if live.revision is not None and not same_agent(live.revision.plan, plan):
        raise TritonRefused(
            f"revision {live.revision.number} is live for agent "
            f"{agent_in_words(live.revision.plan)}; this plan is for {agent_in_words(plan)}",
            remedy="charter-engine rollback 0 takes it back first; --force replaces it",
        )
