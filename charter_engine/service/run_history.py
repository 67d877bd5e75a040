"""The runs of the open agent, as objects: what each cost, and which of them answer for what is
live."""

from collections.abc import Callable, Sequence

from charter_engine.api.runs import compared, cost_verdict, summary_of, summary_of_kept
from charter_engine.api.texts import lacks_text
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.gauges import Runs
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.runs import RunComparison, RunDetail, RunSummary
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.session_store import SessionStore

UNLIKE_CACHES = "they did not begin with as much in the cache"
SHOWN_RUNS = 50
"""The latest of them; the database has them all."""


class RunHistory:
    """Publishes the runs of one agent on one deployment, the latest first.

    They are read from the database; where none is kept, those of this engine are held in memory.
    `live` gives the number of the live revision.
    """

    def __init__(
        self, hub: Hub, store: SessionStore, deployment: str, live: Callable[[], int]
    ) -> None:
        self._hub = hub
        self._store = store
        self._deployment = deployment
        self._live = live
        self._fingerprint = ""
        self._known: dict[int, RunSummary] = {}
        self._plans: dict[int, Plan] = {}
        self._details: dict[int, RunDetail] = {}
        self._begun: dict[str, int] = {}

    async def agent_opened(self, identity: AgentIdentity | None) -> None:
        """Another agent, or the same with other calls: its runs are shown, and no others."""
        self._fingerprint = identity.fingerprint if identity else ""
        for kept in await self._store.kept_runs():
            self._known[kept.number] = summary_of_kept(kept)
            if kept.report.plan is not None:
                self._plans[kept.number] = kept.report.plan
        self.show()

    async def begun(self, run: str) -> int:
        """A run began: the number that names it."""
        number = await self._store.begin_run(run)
        if number is None:
            number = max((*self._known, *self._begun.values()), default=0) + 1
        self._begun[run] = number
        return number

    async def ended(self, report: RunReport) -> None:
        """A run ended: keep it."""
        begun = self._begun.pop(report.run, 0)
        number = await self._store.run(report)
        if number is None:
            number = begun or max(self._known, default=0) + 1
            self._details[number] = RunDetail(
                summary=summary_of(report, number, self._deployment),
                requests=report.requests,
                errors=report.errors,
            )
        self._known[number] = summary_of(report, number, self._deployment)
        if report.plan is not None:
            self._plans[number] = report.plan
        self.show()

    async def detail(self, number: int) -> RunDetail:
        """A run with its requests. Raises `CharterError`."""
        return self._details.get(number) or await self._store.run_detail(number)

    async def compare(self, before: int, after: int) -> RunComparison:
        """How the second run differs from the first. Raises `CharterError`."""
        return compared(await self.detail(before), await self.detail(after))

    def plan_of(self, number: int) -> tuple[RunSummary, Plan]:
        """A run of the open agent and what it was made under, to repeat it. Raises `UsageError`."""
        summary, plan = self._known.get(number), self._plans.get(number)
        if summary is None or plan is None or summary not in self.shown:
            raise UsageError(
                f"run {number} is none of the open agent's", remedy="open its agent, and try again"
            )
        if lacks_text(plan):
            raise UsageError(
                f"run {number} can't be made again: the wording of its plan was not kept",
                remedy="push the plan it was made under, and run",
            )
        return summary, plan

    @property
    def shown(self) -> tuple[RunSummary, ...]:
        """The runs of the open agent on this deployment, the latest first."""
        own = [
            one
            for _, one in sorted(self._known.items(), reverse=True)
            if (one.fingerprint, one.deployment) == (self._fingerprint, self._deployment)
        ]
        return tuple(own[:SHOWN_RUNS])

    def last_of(self, revision: int) -> RunSummary | None:
        """The last whole run under a revision's plan."""
        return next((one for one in self.shown if answers_for(one, revision)), None)

    def show(self) -> None:
        """Publish the runs, and which of them answer for the agent as written and for what is
        live."""
        shown = self.shown
        live = self.last_of(self._live())
        as_written = _beside(live, shown)
        said = Verdict()
        if live is not None and as_written is not None and live is not as_written:
            said = cost_verdict(as_written.cost, live.cost)
            if live.earlier != as_written.earlier:
                said = Verdict(f"{said.words}; {UNLIKE_CACHES}", said.worth)
        self._hub.publish(
            Runs(
                shown,
                as_written=as_written.number if as_written else None,
                live=live.number if live else None,
                verdict=said,
            )
        )


def answers_for(run: RunSummary, revision: int) -> bool:
    """Whether a run shows what a revision does: whole, and under its plan."""
    return run.state == "done" and run.variant == "plan" and run.revision == revision


def _beside(live: RunSummary | None, runs: Sequence[RunSummary]) -> RunSummary | None:
    """The whole run as written to set beside the live one: the last that began with as much in the
    cache, else the last."""
    whole = [run for run in runs if run.state == "done" and run.as_written]
    alike = [run for run in whole if live is not None and run.earlier == live.earlier]
    return next(iter((*alike, *whole)), None)
