"""Runs of the open agent, one at a time: started, cancelled, shown and kept."""

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.drafting import default_plan
from charter_engine.api.live_runs import (
    AgentRun,
    Item,
    NodeTotals,
    RunSettings,
    agent_run,
    new_run,
)
from charter_engine.api.live_server import LiveServer
from charter_engine.api.running import items_to_run
from charter_engine.api.waves import ChosenOrder
from charter_engine.contracts.gauges import Nodes
from charter_engine.contracts.gauges import Run as RunGauge
from charter_engine.contracts.live import NodeStats, RequestRecord, RunProgress, RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Hub, Level

SHOW_SECONDS = 0.1
"""Between two publications while requests come and go."""
SHOWN_ERRORS = 5
"""Assumed: more of them have the same cause; all are kept with the run."""
log = logging.getLogger(__name__)

MOST_CACHED = 2
"""Plans whose runs are taken to be in the cache: what more of them left there is seldom used."""
OnBegin = Callable[[str], Awaitable[int]]
"""Gives a run that begins its number."""
OnEnd = Callable[[RunReport], Awaitable[None]]
ChooseOrder = Callable[[Plan], Awaitable[ChosenOrder]]
"""Whether the items of a run under a plan are sent in waves."""


class RunManager:
    """The run in progress, or the last one; the totals of the agent's nodes in it, and in what
    others sent."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._task: asyncio.Task[None] | None = None
        self._showing: asyncio.TimerHandle | None = None
        self._run: AgentRun | None = None
        self._names: set[str] = set()
        self._calls: tuple[str, ...] = ()
        self.totals = NodeTotals(())
        self.traffic = NodeTotals(())
        self.progress = RunProgress()
        self._earlier: int | None = None
        self.cached: tuple[Plan, ...] = ()
        """The plans of the open agent's whole runs that the cache may still hold, the latest
        last."""

    @property
    def active(self) -> bool:
        return self.progress.state == "running"

    def agent_opened(self, agent: OpenedAgent) -> None:
        """Another agent (or the same, anew): its nodes begin at nothing."""
        self._calls = tuple(call.id for call in agent.compiled.calls)
        self.totals = NodeTotals(self._calls)
        self.traffic = NodeTotals(self._calls)
        self.progress = RunProgress()
        self._run = None
        self.cached = ()
        self._show()

    def reset(self) -> None:
        """The counters begin anew, as they do after a push."""
        self.totals.reset()
        self.traffic.reset()
        self._show()

    def cache_emptied(self) -> None:
        """The server's cache holds nothing: what the next run reuses, it put there itself."""
        self._earlier = 0
        self.cached = ()

    def start(
        self,
        agent: OpenedAgent,
        plan: Plan,
        deployment: LiveServer,
        *,
        variant: str,
        revision: int,
        limit: int | None,
        on_begin: OnBegin,
        choose_order: ChooseOrder,
        on_end: OnEnd,
    ) -> None:
        """Begin a run. Raises `CharterError` where it cannot begin."""
        if self.active:
            raise CharterError("a run is in progress", remedy="wait for it, or cancel it")
        items = _items(agent, plan)[:limit]
        run = new_run()
        self._names.add(run)
        self.totals = NodeTotals(self._calls)
        self._run = agent_run(
            agent,
            default_plan(agent.compiled) if variant == "baseline" else plan,
            items,
            deployment,
            RunSettings(
                run=run,
                variant=variant,
                concurrency=deployment.items_at_once,
                revision=revision,
                earlier=self._earlier,
            ),
            totals=self.totals,
            on_change=self._changed,
            on_request=self._request_ended,
        )
        self.progress = RunProgress(
            run=run,
            state="running",
            items_total=len(items),
            started_at=self._hub.now(),
            revision=revision,
            variant=variant,
        )
        if self._earlier is not None:
            self._earlier += 1
        self._show()
        executing = self._execute(self._run, on_begin, choose_order, on_end, whole=limit is None)
        self._task = asyncio.create_task(executing)

    def sent(self, run: str) -> bool:
        """Whether a run of this name was started here."""
        return run in self._names

    def passed(self, records: Iterable[RequestRecord]) -> None:
        """Count requests that others sent."""
        for record in records:
            self.traffic.passed(record)
            self._earlier = None
            self._changed()

    def read_on_page(self, page: Iterable[NodeStats]) -> None:
        """Show these totals, which Triton's metrics page tells, in place of those counted here."""
        self.traffic.read_on_page(page)
        self._changed()

    async def cancel(self) -> None:
        """Give up the run in progress. Raises `CharterError` if there is none."""
        if not self.active:
            raise CharterError("no run is in progress")
        await self.stop()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _execute(
        self,
        run: AgentRun,
        on_begin: OnBegin,
        choose_order: ChooseOrder,
        on_end: OnEnd,
        *,
        whole: bool,
    ) -> None:
        try:
            await self._begin(run.settings.run, on_begin)
            chosen = await choose_order(run.plan)
            if chosen.words:
                self._hub.event("run", f"run {self._name}: {chosen.words}")
            run.settings = dataclasses.replace(run.settings, in_waves=chosen.in_waves)
            report = await run.execute()
            if whole and report.state == "done":
                self._cache_holds(run.plan)
        except asyncio.CancelledError:
            report = run.report("cancelled")
        except Exception as error:
            log.exception("run %s failed", run.settings.run)
            run.errors.append(f"{type(error).__name__}: {error}")
            report = run.report("failed")
        self._refresh_progress(report.state)
        self._show()
        level: Level = "info" if report.state == "done" else "warning"
        self._hub.event("run", f"run {self._name} {report.state}: {summary(report)}", level=level)
        for reason in report.errors[:SHOWN_ERRORS]:
            self._hub.event("failure", reason, level="error")
        await asyncio.shield(on_end(report))

    async def _begin(self, run: str, on_begin: OnBegin) -> None:
        """Give it its number, and tell that it began."""
        self.progress = begun = replace(self.progress, number=await on_begin(run))
        count = "1 item" if begun.items_total == 1 else f"{begun.items_total} items"
        under = in_words(begun.variant, begun.revision)
        self._hub.event("run", f"run {self._name} began: {count}, {under}")
        self._show()

    @property
    def _name(self) -> str:
        """What the run in progress, or the last one, is called: its number, once it has one."""
        return str(self.progress.number or self.progress.run)

    def _cache_holds(self, plan: Plan) -> None:
        """Note what a whole run left behind it."""
        others = tuple(one for one in self.cached if one.nodes != plan.nodes)
        self.cached = (*others, plan)[-MOST_CACHED:]

    def _request_ended(self, record: RequestRecord) -> None:
        self._hub.request(record)
        if record.error is not None:
            self._hub.event("failure", record.error, level="error", node=record.node)
        else:
            self._hub.event("request", described(record), node=record.node)

    def _changed(self) -> None:
        """Show it soon: many changes within `SHOW_SECONDS` make one publication."""
        if self._showing is None:
            self._showing = asyncio.get_running_loop().call_later(SHOW_SECONDS, self._show)

    def _show(self) -> None:
        if self._showing is not None:
            self._showing.cancel()
            self._showing = None
        if self._run is not None and self.progress.state == "running":
            self._refresh_progress("running")
        self._hub.publish(Nodes(self.totals.stats(), self.traffic.stats()))
        self._hub.publish(RunGauge(self.progress))

    def _refresh_progress(self, state: str) -> None:
        assert self._run is not None
        elapsed = (self._hub.now() - self.progress.started_at) * 1000
        self.progress = replace(
            self.progress,
            state=state,
            items_done=self._run.items_done,
            elapsed_ms=round(elapsed, 1),
        )


def _items(agent: OpenedAgent, plan: Plan) -> tuple[Item, ...]:
    if not agent.usable:
        raise UsageError(
            f"{agent.path} has no calls to run", remedy="see the diagnostics of the agent"
        )
    try:
        return items_to_run(agent, agent.inputs or ({},), plan)
    except UsageError as missing:
        beside = f"{agent.path.stem}.inputs.jsonl"
        raise UsageError(
            missing.message, remedy=f"write {beside} beside the agent, one JSON object a line"
        ) from None


def in_words(variant: str, revision: int) -> str:
    """What a run is made under."""
    match variant:
        case "baseline":
            return "as written"
        case "plan":
            return f"under the plan of revision {revision}"
        case _:
            return "under the plan of an earlier run"


def described(record: RequestRecord) -> str:
    """A finished request in one line; only what the server told."""
    return ", ".join((f"item {record.item}", *told(record)))


def told(record: RequestRecord | TrafficRecord) -> Iterator[str]:
    """What the server told of a request, in words."""
    if record.computed_tokens is not None:
        yield f"{record.computed_tokens:,} of {record.prompt_tokens:,} prompt tokens computed"
    if record.ttft_ms is not None:
        seconds = record.ttft_ms / 1000
        after = f"{seconds:.2f} s" if seconds >= 1 else f"{record.ttft_ms:.0f} ms"
        yield f"TTFT {after}"


def summary(report: RunReport) -> str:
    """A run in one line."""
    count = "1 item" if report.items == 1 else f"{report.items} items"
    words = [f"{count} in {report.elapsed_ms / 1000:.1f} s"]
    cost = report.cost
    if cost is not None and cost.computed_tokens is not None:
        words.append(f"{cost.computed_tokens:,} of {cost.prompt_tokens:,} prompt tokens computed")
    return ", ".join(words)
