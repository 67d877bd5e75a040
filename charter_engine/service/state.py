"""All that the engine holds: the open agent, the deployment, the draft, the run and the work."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.contents import DeploymentContents
from charter_engine.api.gateway import unobserved
from charter_engine.api.live_server import live_server
from charter_engine.api.runs import prediction_verdict
from charter_engine.api.tracing import tracing
from charter_engine.api.waves import PredictedOrder
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.gauges import Draft
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import Plan
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.canary import CanaryWatch
from charter_engine.service.deploy_progress import DeployProgress
from charter_engine.service.draft_plan import DraftPlan
from charter_engine.service.drifting import DriftWatch
from charter_engine.service.fleet import FleetWatch
from charter_engine.service.gateway import EngineGateway
from charter_engine.service.hub import Hub
from charter_engine.service.marks import Marks
from charter_engine.service.measuring import Measuring
from charter_engine.service.options import EngineOptions
from charter_engine.service.passed import Passed
from charter_engine.service.predicting import Predicting
from charter_engine.service.push_watch import PushWatcher
from charter_engine.service.recorder import Recorder
from charter_engine.service.reuse_estimates import ReuseEstimates
from charter_engine.service.run_history import RunHistory
from charter_engine.service.run_manager import RunManager
from charter_engine.service.sampling import Sampler
from charter_engine.service.series import Series
from charter_engine.service.session import SessionGauge
from charter_engine.service.session_store import SessionStore
from charter_engine.service.source_watch import SourceWatch
from charter_engine.service.tapping import Tapping
from charter_engine.service.trying import Trying
from charter_engine.service.work_manager import WorkManager
from charter_engine.service.workers import WorkerPool

WAIT_OR_CANCEL = "wait for it, or cancel it"


class EngineState:
    """The parts, put together. `writing` is held by whoever changes the agent, the run or the
    deployment."""

    def __init__(self, hub: Hub, options: EngineOptions, shutdown: Callable[[], None]) -> None:
        self.hub = hub
        self.options = options
        self.shutdown = shutdown
        self.session = SessionGauge(
            hub,
            read_only=options.read_only,
            keeps_text=options.keeps_text,
            started_with=options.started_with,
        )
        self.deploying = DeployProgress(hub)
        self.push_watch = PushWatcher(hub)
        self.agent: OpenedAgent | None = None
        self.compiling = ""
        """The file that is being compiled; empty where none is."""
        self.as_written = Plan(agent="")
        self.deployment = live_server(
            options.triton,
            options.server,
            self._step,
            has_gateway=options.gateway is not None,
            keeps_text=options.keeps_text,
            watched_only=options.read_only,
        )
        self.drift = DriftWatch(hub, self.session, self.deployment, keeps_text=options.keeps_text)
        self.tracing = tracing(options.otlp, keeps_text=options.keeps_text)
        self.gateway = EngineGateway(
            hub,
            self.deployment,
            options.gateway,
            self.tracing.exchange if self.tracing else unobserved,
        )
        self.measuring = Measuring(lambda: self.deployment.event_source, options.kv_events)
        self.sampler = Sampler(hub, self.deployment, self.measuring.blocks_on_gpu)
        self.fleet = FleetWatch(
            hub, self.deployment, options.servers, lambda: self.sampler.last, self._step
        )
        self.runs = RunManager(hub)
        self.work = WorkManager(hub)
        self.workers = WorkerPool()
        self.predicting = Predicting(self.deployment, self.workers)
        self.reuse_estimates = ReuseEstimates(
            self.predicting, lambda compiled: self.session.set(compiled=compiled)
        )
        self.draft = DraftPlan(self._predict, self._publish_draft)
        self.canary = CanaryWatch(hub, lambda: self.fleet.deployments)
        self.store = SessionStore(hub, keeps_text=options.keeps_text)
        self.history = RunHistory(
            hub, self.store, self.deployment.address, lambda: self.draft.live.revision
        )
        self.passed = Passed(self.store)
        self.contents = DeploymentContents()
        self.tapping = Tapping(
            hub,
            self.deployment.tap(),
            self.runs,
            lambda: self.draft.live.revision,
            self.passed,
            lambda: self.pool,
        )
        if self.tracing is not None:
            self.tapping.telling.append(self.tracing.requests)
        self.series = Series(hub, self.store)
        self.marks = Marks(hub, self.store, keeps_text=options.keeps_text)
        self.recorder = Recorder(hub, keeps_text=options.keeps_text, limits=options.recording)
        self.source = SourceWatch(self._source_changed)
        self.writing = asyncio.Lock()
        self.trying = Trying(
            lambda: self.fleet.deployments,
            self.writing,
            lambda: self.draft.live.served,
            read_only=options.read_only,
        )

    @property
    def pool(self) -> KvPool | None:
        """The KV pool as it was last sampled."""
        return self.sampler.last.kv_pool if self.sampler.last else None

    @property
    def is_busy(self) -> bool:
        """Whether the engine's end would cut something short: a run, work, a change of the
        deployment or the look after one, or what programs send through the gateway."""
        return (
            self.runs.active
            or self.work.active
            or self.writing.locked()
            or self.push_watch.active
            or self.trying.active
            or self.gateway.in_use
        )

    @property
    def phase(self) -> str:
        """One plain line for the operator."""
        sample = self.sampler.last
        if self.compiling:
            return f"compiling {self.compiling}"
        if self.runs.active:
            return "running"
        if sample is None or sample.health == "starting":
            begun = "starting" if self.deployment.is_embedded else "connecting to"
            return f"{begun} {self.deployment.called}"
        if sample.health != "ready":
            return f"{sample.called} is {sample.health}"
        return "ready"

    def opened(self) -> OpenedAgent:
        """The open agent. Raises `UsageError` if there is none."""
        if self.agent is None:
            raise UsageError("no agent is open", remedy="open one")
        return self.agent

    def require_no_run(self) -> None:
        """Raises `CharterError` while a run is in progress."""
        if self.runs.active:
            raise CharterError("a run is in progress", remedy=WAIT_OR_CANCEL)

    def require_no_benchmark(self) -> None:
        """Raises `CharterError` while a benchmark is in progress, whose figures would be
        spoiled."""
        if self.work.measuring:
            raise CharterError("a benchmark is in progress", remedy=WAIT_OR_CANCEL)

    def notice_of(self, agent: OpenedAgent) -> str:
        """What the operator must know about the agent, or else about where it runs."""
        errors = [item for item in agent.diagnostics if item.severity == "error"]
        if errors:
            return f"{errors[0].path}: {errors[0].message}"
        if not agent.inputs:
            return f"no inputs: write {agent.path.stem}.inputs.jsonl beside the agent to run it"
        return self.deployment.notice

    def _step(self, text: str) -> None:
        """Something of the deployment is being done."""
        self.session.step(text)
        self.deploying.step(text)

    def _source_changed(self, agent: OpenedAgent) -> None:
        self.session.set(source_changed=True)
        self.workers.prepare()  # it will be compiled again
        told = f"{agent.path.name} changed on disk: what is shown is what was read before"
        self.hub.event("compile", told, level="warning")

    async def _predict(self, plan: Plan) -> PredictedOrder | None:
        if self.agent is None:
            return None
        earlier = self.runs.cached if plan == self.draft.live.plan else ()
        return await self.predicting.predict(self.agent, plan, self.pool, earlier)

    def _publish_draft(self, draft: Draft) -> None:
        items = len(self.agent.inputs) if self.agent is not None else 0
        said = Verdict()
        if draft.predicted is not None and draft.live_predicted is not None:
            said = prediction_verdict(draft.live_predicted, draft.predicted, items)
        at_once = self.deployment.items_at_once
        self.hub.publish(replace(draft, verdict=said, items=items, at_once=at_once))
        known = self.session.value.predicted, self.session.value.next_run
        if draft.live_predicted is not None and known != (
            draft.live_predicted,
            self.draft.next_run,
        ):
            self.session.set(predicted=draft.live_predicted, next_run=self.draft.next_run)
