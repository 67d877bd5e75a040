"""The engine: what it works on, and what it does with each command."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from charter_engine import __version__
from charter_engine.api.agents import OpenedAgent, opened_anyhow
from charter_engine.api.console_plans import read_plan_at, reuse_times_to_push
from charter_engine.api.deploying import plan_for
from charter_engine.api.linting import lint_agent
from charter_engine.contracts import protocol as p
from charter_engine.contracts.deploy import Profile, PushReport, Revision
from charter_engine.contracts.live import KvPool, RunReport, TritonSample
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import Prediction
from charter_engine.embedded.engine import MEANINGLESS_TEXT_NOTICE
from charter_engine.errors import CharterError, UsageError
from charter_engine.executor.target import Target
from charter_engine.executor.triton_target import TritonTarget
from charter_engine.plan.belonging import same_agent
from charter_engine.plan.edit import default_plan, edit_node, edit_server
from charter_engine.servers.deployment import Deployment
from charter_engine.service.draft_plan import DraftPlan, LivePlan
from charter_engine.service.hub import Hub, Level
from charter_engine.service.options import EngineOptions
from charter_engine.service.predicting import Predicting
from charter_engine.service.recorder import Recorder
from charter_engine.service.reuse_estimates import ReuseEstimates
from charter_engine.service.run_manager import RunManager
from charter_engine.service.sampling import Sampler
from charter_engine.service.session_store import SessionStore
from charter_engine.store.recording_writer import RecordingError
from charter_engine.triton.errors import TritonError

EDITS = (p.EditNode, p.EditServer, p.ProposePlan, p.LoadPlan, p.DiscardDraft)
WRITES = (p.StartRun, p.CancelRun, p.Push, p.Rollback, p.OpenAgent)
log = logging.getLogger(__name__)


class Engine:
    """Everything that lasts or talks. `handle` carries out commands; what happens is told to the
    hub."""

    def __init__(self, hub: Hub, options: EngineOptions, shutdown: Callable[[], None]) -> None:
        self.hub = hub
        self._options = options
        self._shutdown = shutdown
        self._agent: OpenedAgent | None = None
        self._as_written = Plan(agent="")
        self._session = p.Session(
            engine_version=__version__, read_only=options.read_only, phase="starting"
        )
        self._deployment = Deployment(options.triton, self._step)
        self._sampler = Sampler(hub, self._deployment, self._health_changed, self._look_for_pushes)
        self._running = RunManager(hub, self._run_ended)
        self._predicting = Predicting(self._deployment)
        self._expecting = ReuseEstimates(
            self._predicting, lambda compiled: self._set(compiled=compiled)
        )
        self._drafting = DraftPlan(self._predict, self._publish_draft)
        self._recorder = Recorder(hub)
        self._keeper = SessionStore(hub)
        self._writing = asyncio.Lock()
        self._starting: asyncio.Task[None] | None = None
        self._run_wanted = options.run_at_start and not options.read_only

    async def start(self) -> None:
        """Begin everything; returns at once. What takes time goes on behind and is told as
        phases."""
        self._publish()
        self.hub.publish(p.Draft())
        if self._options.record is not None:
            await self._recorder.start(self._options.record)
        self._starting = asyncio.create_task(self._start())

    async def stop(self) -> None:
        """Orderly: the run is given up, the recording closed, the embedded Triton stopped."""
        self._set(phase="shutting down")
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._running.stop()
        self._drafting.stop()
        self._expecting.stop()
        await self._sampler.stop()
        await self._recorder.stop()
        await self._deployment.close()
        await self._keeper.close()

    async def handle(self, command: p.Command) -> object:
        """Carry out one command. Raises `CharterError`."""
        try:
            if isinstance(command, EDITS):
                await self._edit(command)
                return None
            if isinstance(command, WRITES):
                async with self._writing:
                    return await self._write(command)
            return await self._ask(command)
        except RecordingError as error:
            raise UsageError(str(error)) from error

    async def _ask(self, command: p.Command) -> object:
        match command:
            case p.GetSession():
                return self._session
            case p.ListRevisions():
                return self._revisions()
            case p.Lint():
                return await asyncio.to_thread(lint_agent, self._opened())
            case p.StartRecording(path=path):
                await self._recorder.start(Path(path))
            case p.StopRecording():
                await self._recorder.stop()
            case p.Shutdown():
                self._shutdown()
            case p.SeekReplay() | p.ControlReplay():
                raise UsageError("this engine is live: there is no replay to control")
            case _:
                raise UsageError(f"{type(command).__name__} is not a command of a live engine")
        return None

    async def _edit(self, command: p.Command) -> None:
        agent = self._opened()
        if not self._writing.locked():
            await self._take_live_if_changed()
        match command:
            case p.EditNode():
                self._drafting.edit(command.base_revision, lambda plan: edit_node(plan, command))
            case p.EditServer(key=key, value=value):
                self._drafting.edit(
                    command.base_revision, lambda plan: edit_server(plan, key, value)
                )
            case p.LoadPlan(path=path):
                loaded = plan_for(agent, await asyncio.to_thread(read_plan_at, path), path)
                self._drafting.edit(command.base_revision, lambda _: loaded)
            case p.ProposePlan():
                self._drafting.require_current(command.base_revision)
                self._drafting.busy(True)
                try:
                    proposed = await self._predicting.propose(agent, command.policy, self._pool())
                finally:
                    self._drafting.busy(False)
                self._drafting.edit(command.base_revision, lambda _: proposed)
            case p.DiscardDraft():
                self._drafting.discard()
        self.hub.event("edit", self._edit_in_words())

    async def _write(self, command: p.Command) -> object:
        match command:
            case p.OpenAgent(path=path, inputs=inputs):
                await self._open(Path(path), Path(inputs) if inputs else None)
            case p.StartRun(variant=variant, limit=limit):
                self._start_run(variant, limit)
            case p.CancelRun():
                await self._running.cancel()
            case p.Push(base_revision=base, note=note):
                return await self._push(base, note)
            case p.Rollback(base_revision=base, revision=revision):
                return await self._roll_back(base, revision)
        return None

    # Starting

    async def _start(self) -> None:
        try:
            await self._start_everything()
        except Exception as error:
            log.exception("starting failed")
            self._set(phase="starting failed", notice=f"{type(error).__name__}: {error}")
            self.hub.event(
                "engine", f"starting failed: {type(error).__name__}: {error}", level="error"
            )

    async def _start_everything(self) -> None:
        opening = asyncio.create_task(self._open_first())
        if self._options.database is not None:
            deployment = self._options.triton.url or "embedded"
            await self._keeper.open(
                self._options.database, str(self._options.agent or ""), deployment
            )
        self._sampler.start()
        try:
            self._set(
                phase="starting Triton" if self._deployment.is_embedded else "connecting to Triton"
            )
            await self._deployment.start()
            await opening
            await self._sampler.sample_triton()
        except TritonError as error:
            await opening
            self._set(phase="Triton did not start", notice=str(error))
            self.hub.event("triton", str(error), level="error")

    async def _open_first(self) -> None:
        if self._options.agent is not None:
            await self._open(self._options.agent, self._options.inputs)
        else:
            self._set(notice="no agent is open")

    # The agent

    async def _open(self, path: Path, inputs: Path | None) -> None:
        if self._running.active:
            raise CharterError(
                "a run is in progress", remedy="wait for it, or cancel it", kind="failed"
            )
        self._set(phase=f"compiling {path.name}")
        agent = await asyncio.to_thread(opened_anyhow, path, inputs)
        self._agent = agent
        self._as_written = default_plan(agent.compiled)
        self._running.agent_opened(agent)
        self._set(
            agent=str(path),
            compiled=agent.compiled,
            diagnostics=agent.diagnostics,
            notice=self._notice_of(agent),
        )
        calls, errors = len(agent.compiled.calls), len(agent.diagnostics)
        self.hub.event(
            "compile",
            f"{path.name}: {calls} calls" + (f", {errors} diagnostics" if errors else ""),
            level="warning" if errors else "info",
        )
        await self._take_live()
        self._set(phase=self._phase())
        self._run_if_wanted()

    def _opened(self) -> OpenedAgent:
        if self._agent is None:
            raise UsageError("no agent is open", remedy="open one")
        return self._agent

    def _run_if_wanted(self) -> None:
        """The first run begins by itself, as soon as there is something to run and something to run
        it on."""
        ready = self._sampler.last is not None and self._sampler.last.health == "ready"
        agent = self._agent
        if self._run_wanted and ready and agent is not None and agent.usable and agent.inputs:
            self._run_wanted = False
            try:
                self._start_run("plan", None)
            except CharterError as refusal:
                self._set(notice=f"{refusal.message}; {refusal.remedy}")

    # Runs

    def _start_run(self, variant: str, limit: int | None) -> None:
        agent = self._opened()
        health = self._sampler.last.health if self._sampler.last else "starting"
        if health != "ready":
            reason = self._sampler.last.reason if self._sampler.last else "it was just started"
            raise CharterError(
                f"Triton is {health}: {reason}", remedy="wait until it is ready", kind="unreachable"
            )

        def make_target(run: str) -> Target:
            return TritonTarget(
                self._deployment.client,
                self._deployment.profile,
                agent=agent.compiled.path,
                run=run,
                tokenizer=self._options.triton.tokenizer,
            )

        self._running.start(
            agent,
            self._drafting.live.plan,
            make_target,
            variant=variant,
            revision=self._drafting.live.revision,
            limit=limit,
            concurrency=self._deployment.items_at_once,
        )
        self._set(phase=self._phase(), notice=self._notice_of(agent))

    async def _run_ended(self, report: RunReport) -> None:
        self._set(phase=self._phase())
        if await self._predicting.calibrate(report.requests):
            self._drafting.profile_changed(self._deployment.profile)
        await self._keeper.run(report)

    # Triton

    async def _health_changed(self, now: TritonSample) -> None:
        level: Level = "info" if now.health in ("ready", "starting") else "error"
        self.hub.event(
            "triton",
            f"Triton is {now.health}" + (f": {now.reason}" if now.reason else ""),
            level=level,
        )
        if now.health == "ready":
            try:
                profile = await self._deployment.probe()
            except TritonError as error:
                self.hub.event(
                    "triton", f"cannot tell what Triton offers: {error}", level="warning"
                )
                return
            self._set(profile=profile)
            await self._take_live()
        self._set(phase=self._phase())
        self._run_if_wanted()

    async def _push(self, base_revision: int, note: str) -> PushReport:
        await self._take_live_if_changed()
        self._drafting.require_current(base_revision)
        plan = self._drafting.draft.plan
        if plan is None:
            raise UsageError("there is nothing to push", remedy="edit the plan first")
        calls = self._opened().compiled.calls
        reuse_times = await asyncio.to_thread(reuse_times_to_push, plan)
        return await self._deploy(
            "push",
            lambda: self._deployment.deployer.push(
                plan, calls, reuse_times=reuse_times, base_revision=base_revision, note=note
            ),
        )

    async def _roll_back(self, base_revision: int, revision: int | None) -> PushReport:
        await self._take_live_if_changed()
        self._drafting.require_current(base_revision)
        return await self._deploy(
            "rollback",
            lambda: self._deployment.deployer.rollback(revision, base_revision=base_revision),
        )

    async def _deploy(
        self, kind: p.EventKind, work: Callable[[], Awaitable[PushReport]]
    ) -> PushReport:
        if self._running.active:
            raise CharterError(
                "a run is in progress", remedy="wait for it, or cancel it", kind="failed"
            )
        self._set(phase="pushing" if kind == "push" else "rolling back")
        try:
            report = await work()
            self._running.reset()
        except TritonError as error:
            self.hub.event(kind, str(error), level="error")
            raise
        finally:
            await self._after_deploy()
        cost = f" ({report.diff.cost})" if report.diff.cost else ""
        self.hub.event(kind, f"{report.message}{cost}, {report.elapsed_ms / 1000:.1f} s")
        return report

    async def _after_deploy(self) -> None:
        """Whatever came of it: what is live is read from the deployment, not remembered."""
        try:
            profile: Profile = await self._deployment.probe()
            self._set(profile=profile)
        except TritonError as error:
            self.hub.event("triton", str(error), level="error")
        await self._take_live()
        self._set(phase=self._phase())
        await self._keeper.revisions(self._revisions())

    def _revisions(self) -> tuple[Revision, ...]:
        return tuple(self._deployment.deployer.history()) if self._deployment.started else ()

    async def _take_live(self) -> None:
        """The plan that is live for the open agent: as pushed, or as the agent is written."""
        if self._agent is None:
            return
        self._expecting.update(self._agent, self._pool())
        if not await self._take_live_if_changed():
            self._drafting.profile_changed(self._deployment.profile)

    async def _take_live_if_changed(self) -> bool:
        """Whether the deployment has another plan live than was known; then the draft is gone."""
        if self._agent is None:
            return False
        own = self._as_written
        live = live_plan(await self._live_revision(), own)
        if (live, own.identity) == (self._drafting.live, self._drafting.identity):
            return False
        self._drafting.reset(live, own.identity, self._deployment.profile)
        self._set(plan=live.plan, revision=live.revision, predicted=None)
        return True

    async def _look_for_pushes(self) -> None:
        """What others pushed is shown within a sample."""
        if self._writing.locked() or not await self._take_live_if_changed():
            return
        revision = self._drafting.live.revision
        self.hub.event("push", f"revision {revision} was made live from elsewhere")
        await self._after_deploy()

    async def _live_revision(self) -> Revision | None:
        """Read from the deployment; while it does not answer, as it is on record here."""
        if not self._deployment.started:
            return None
        deployer = self._deployment.deployer
        try:
            return await deployer.live()
        except TritonError:
            return deployer.recorded()

    # What is shown

    async def _predict(self, plan: Plan) -> Prediction | None:
        if self._agent is None:
            return None
        return await self._predicting.predict(self._agent, plan, self._pool())

    def _pool(self) -> KvPool | None:
        return self._sampler.last.kv_pool if self._sampler.last else None

    def _publish_draft(self, draft: p.Draft) -> None:
        self.hub.publish(draft)
        if draft.live_predicted is not None and draft.live_predicted != self._session.predicted:
            self._set(predicted=draft.live_predicted)

    def _edit_in_words(self) -> str:
        diff = self._drafting.draft.diff
        count = len(diff.changes) if diff else 0
        changes = "1 change" if count == 1 else f"{count} changes"
        return f"the draft has {changes}" + (f", cost: {diff.cost}" if diff and diff.cost else "")

    def _notice_of(self, agent: OpenedAgent) -> str:
        """What the operator must know about the agent, or else about where it runs."""
        errors = [item for item in agent.diagnostics if item.severity == "error"]
        if errors:
            return f"{errors[0].path}: {errors[0].message}"
        if not agent.inputs:
            return f"no inputs: write {agent.path.stem}.inputs.jsonl beside the agent to run it"
        return MEANINGLESS_TEXT_NOTICE if self._deployment.is_embedded else ""

    def _phase(self) -> str:
        sample = self._sampler.last
        if self._running.active:
            return "running"
        if sample is None or sample.health == "starting":
            return "starting Triton" if self._deployment.is_embedded else "connecting to Triton"
        if sample.health != "ready":
            return f"Triton is {sample.health}"
        return "ready"

    def _step(self, text: str) -> None:
        self._set(phase=text)
        self.hub.event("engine", text)

    def _set(self, **changes: object) -> None:
        self._session = replace(self._session, **changes)
        self._publish()

    def _publish(self) -> None:
        self.hub.publish(self._session)


def live_plan(revision: Revision | None, own: Plan) -> LivePlan:
    """What is live, as it concerns the agent whose plan as written is `own`.

    Of the agent's own plan, calls it does not know are planned as written and gone ones left out.
    Where another agent's is live, or none, everything is as written.
    """
    if revision is None:
        return LivePlan(own, own)
    served = revision.plan
    if not same_agent(served, own):
        return LivePlan(own, served, revision.number)
    nodes = {node: served.nodes.get(node, as_written) for node, as_written in own.nodes.items()}
    plan = replace(served, agent=own.agent, nodes=nodes)
    return LivePlan(plan, served, revision.number)
