"""Plans that are live in an engine alone, for a server that nothing is pushed to.

Their layouts act on what passes the engine's gateway and on its own runs. They end with the engine:
`charter-engine gateway --openai URL --plan FILE` is what lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from charter_engine.api.gateway import message_layout
from charter_engine.contracts.deploy import Change, Diff, Profile, PushReport, Revision, undone
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.bls.reuse_times import ReuseTimeRules
    from charter_engine.gateway.message_layout import SwitchedLayout

IN_THIS_ENGINE = "in this engine alone: it ends with it"
LASTING = "charter-engine gateway --openai URL --plan FILE lasts"


class EngineRevisions:
    """As `Revisions` says. `profile` gives what the server can do by now; `on_live` hears of
    each revision that goes live."""

    is_busy = False

    def __init__(
        self,
        layout: "SwitchedLayout",
        address: str,
        profile: Callable[[], Profile],
        on_live: Callable[[Revision], Awaitable[None]],
    ) -> None:
        self._layout = layout
        self._address = address
        self._profile = profile
        self._on_live = on_live
        self._before = 0
        self._revisions: list[Revision] = []
        self._plans: dict[int, tuple[Plan, Sequence[Call]]] = {0: (Plan(agent=""), ())}

    def agent_opened(self, plan: Plan, calls: Sequence[Call]) -> None:
        """As long as nothing is live, what passes is told apart by the calls of the open agent, as
        written."""
        self._plans[0] = (plan, calls)
        if not self._revisions:
            self._layout.switch(message_layout(plan, calls))

    def numbered_behind(self, last: int) -> None:
        """Go on behind the revisions of earlier engines: runs are kept by these numbers."""
        self._before = last

    async def live(self) -> Revision | None:
        return self.recorded()

    def recorded(self) -> Revision | None:
        return self._revisions[-1] if self._revisions else None

    def history(self) -> Sequence[Revision]:
        return tuple(self._revisions)

    def interruption(self) -> str:
        """Nothing is cut short: a layout is switched at once."""
        return ""

    async def foreign_changes(self) -> tuple[Change, ...]:
        """Nobody else reaches it."""
        return ()

    async def push(
        self,
        plan: Plan,
        calls: Sequence[Call],
        *,
        reuse_times: "ReuseTimeRules | None" = None,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
    ) -> PushReport:
        """Have the plan's layouts apply from the next request on. Raises `InvalidInput` for what
        the server cannot do, which is all but layouts."""
        from charter_engine.triton.preflight import require_possible

        self._require_current(base_revision, force=force)
        if reuse_times is not None:
            _refuse(self._profile().reasons["retention"])
        diff = self._diff(plan)
        require_possible(diff)
        return await self._go_live(plan, calls, diff, note)

    async def rollback(
        self, number: int | None = None, *, base_revision: int | None = None
    ) -> PushReport:
        """Go back to a revision (None: the one before), under a new number."""
        self._require_current(base_revision)
        goal = undone(self._revisions, self._number) if number is None else number
        if goal is None or goal not in self._plans or not self._revisions:
            raise UsageError("there is no push left to undo", remedy=f"a push is {IN_THIS_ENGINE}")
        plan, calls = self._plans[goal]
        note = f"back to revision {goal}"
        return await self._go_live(plan, calls, self._diff(plan), note, restores=goal)

    async def set_share(self, share: float, **_: object) -> PushReport:
        """Raises `CharterError`: nobody tells the arms of a trial apart."""
        _refuse(f"a share of {share:g}: {self._profile().reasons['share']}")

    async def put_back(self) -> PushReport:
        """Raises `CharterError`: nothing drifts."""
        _refuse("nothing of Charter's lies on this server that others could change")

    async def adopt(self, _note: str = "") -> PushReport:
        """Raises `CharterError`: nothing drifts."""
        return await self.put_back()

    async def uninstall(self, **_: object) -> PushReport:
        """Have prompts go as they come again."""
        return await self.rollback(0)

    def _require_current(self, base_revision: int | None, *, force: bool = False) -> None:
        live = self._number
        if base_revision not in (None, live) and not force:
            raise CharterError(
                f"this was decided on revision {base_revision}, and revision {live} is live by now",
                remedy="look at what changed and decide again",
                kind="stale",
            )

    @property
    def _number(self) -> int:
        return self._revisions[-1].number if self._revisions else 0

    def _diff(self, plan: Plan) -> Diff:
        from charter_engine.plan.diff import diff_plans

        return diff_plans(self._plans[self._number][0], plan, self._profile(), self._number)

    async def _go_live(
        self,
        plan: Plan,
        calls: Sequence[Call],
        diff: Diff,
        note: str,
        *,
        restores: int | None = None,
    ) -> PushReport:
        started, live = time.monotonic(), self.recorded()
        number = max(self._number, self._before) + 1
        layout = await asyncio.to_thread(message_layout, plan, calls)
        revision = Revision(
            number=number,
            created_at=time.time(),
            deployment=self._address,
            agent=plan.agent,
            plan=plan,
            note=note,
            parent=self._number,
            cost=diff.cost,
            restores=restores,
        )
        if live is not None:
            self._revisions[-1] = replace(live, state="superseded")
        self._revisions.append(revision)
        self._plans[number] = (plan, calls)
        self._layout.switch(layout)
        await self._on_live(revision)
        return PushReport(
            ok=True,
            revision=number,
            diff=diff,
            elapsed_ms=(time.monotonic() - started) * 1000,
            message=f"revision {number} is live, {IN_THIS_ENGINE}",
            verified=(f"the gateway and own runs go by it; {LASTING}",),
        )


def _refuse(why: str) -> NoReturn:
    raise CharterError(why, kind="refused")
