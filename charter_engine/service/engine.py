"""A live engine: starts and stops everything, and hands each command to what carries it out."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from charter_engine.api import recordings
from charter_engine.api.plan_files import save_plan
from charter_engine.contracts import commands, gauges
from charter_engine.errors import UsageError
from charter_engine.service import heavy_work
from charter_engine.service.contents import pool_report
from charter_engine.service.deploying import (
    DeployCommand,
    deploy,
    diagnosis,
    opened_revision,
    preview_layouts,
    revisions,
)
from charter_engine.service.editing import Edit, check, edit
from charter_engine.service.hub import Hub
from charter_engine.service.memory import give_back_regularly
from charter_engine.service.options import EngineOptions
from charter_engine.service.passed import AboutTraffic
from charter_engine.service.running import AgentRunner
from charter_engine.service.starting import start_everything
from charter_engine.service.state import EngineState
from charter_engine.service.tracing import traced
from charter_engine.service.working import WorkCommand, work
from charter_engine.store.recording_writer import RecordingError

Write = commands.StartRun | commands.CancelRun | commands.OpenAgent
LookAtDeployment = (
    commands.ListRevisions
    | commands.ShowRevision
    | commands.PreviewLayouts
    | commands.ShowTrial
    | commands.Diagnose
    | commands.ShowServer
)
LookAtKept = commands.CompareRuns | commands.CompareRecorded | commands.ListRecordings
Look = (
    commands.GetSession
    | commands.ShowRun
    | LookAtKept
    | commands.Lint
    | commands.ShowCache
    | commands.SweepSetting
)
LookBack = commands.ListTicks | commands.ListMarks


class Engine:
    """Everything that lasts or talks. `handle` carries out commands; what happens is told to the
    hub."""

    def __init__(self, hub: Hub, options: EngineOptions, shutdown: Callable[[], None]) -> None:
        self._state = EngineState(hub, options, shutdown)
        self._runner = AgentRunner(self._state)
        self._starting: asyncio.Task[None] | None = None
        self._giving_back: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        return self._state.is_busy

    async def start(self) -> None:
        """Begin everything; returns at once. What takes time goes on behind and is told as
        phases."""
        state = self._state
        state.session.publish()
        state.hub.publish(gauges.Draft())
        state.work.show()
        if state.options.agent is not None:
            state.workers.prepare()
        if state.options.record is not None:
            await state.recorder.start(state.options.record)
        self._starting = asyncio.create_task(start_everything(state, self._runner))
        self._giving_back = asyncio.create_task(give_back_regularly())

    async def stop(self) -> None:
        """Orderly: the run and the work are given up, the recording closed, the embedded Triton
        stopped."""
        state = self._state
        state.session.set(phase="shutting down")
        for task in (self._starting, self._giving_back):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await state.runs.stop()
        await state.work.stop()
        state.draft.stop()
        state.reuse_estimates.stop()
        await state.gateway.close()
        await state.canary.stop()
        await state.push_watch.stop()
        await state.tapping.stop()
        await state.measuring.stop()
        await state.trying.stop()
        await state.source.stop()
        await state.series.stop()
        await state.fleet.stop()
        await state.marks.stop()
        await state.sampler.stop()
        await state.recorder.stop()
        await state.deployment.close()
        await state.store.close()
        await state.workers.stop()
        if state.tracing is not None:
            await state.tracing.close()

    async def handle(self, command: commands.Command) -> object:
        """Carry out one command. Raises `CharterError`."""
        return await traced(self._state.tracing, command, self._carry_out(command))

    async def _carry_out(self, command: commands.Command) -> object:
        state = self._state
        try:
            if isinstance(command, Write):
                async with state.writing:
                    await self._write(command)
            elif isinstance(command, DeployCommand):
                async with state.writing:
                    return await deploy(state, command)
            elif isinstance(command, Edit):
                await edit(state, command)
            elif isinstance(command, WorkCommand):
                await work(state, command)
            elif isinstance(command, LookAtDeployment):
                return await self._look_at_deployment(command)
            elif isinstance(command, Look):
                return await self._look(command)
            elif isinstance(command, LookBack):
                return await self._look_back(command)
            elif isinstance(command, AboutTraffic):
                calls = state.agent.compiled.calls if state.agent is not None else ()
                return await state.passed.answer(command, state.pool, state.tapping.tap, calls)
            else:
                await self._ask(command)
        except RecordingError as error:
            raise UsageError(str(error)) from error
        return None

    async def _write(self, command: Write) -> None:
        state = self._state
        match command:
            case commands.OpenAgent(path=path, inputs=inputs):
                await self._runner.open(Path(path), Path(inputs) if inputs else None)
            case commands.StartRun(variant=variant, limit=limit, repeat=repeat):
                self._runner.start(variant, limit, repeat)
            case commands.CancelRun():
                await state.runs.cancel()

    async def _look_at_deployment(self, command: LookAtDeployment) -> object:
        state = self._state
        match command:
            case commands.ListRevisions():
                return revisions(state)
            case commands.ShowRevision(number=number):
                return await asyncio.to_thread(opened_revision, state, number)
            case commands.PreviewLayouts():
                return await preview_layouts(state)
            case commands.ShowTrial():
                return await state.trying.report()
            case commands.Diagnose():
                return await diagnosis(state)
            case commands.ShowServer(server=server):
                return await state.fleet.show(server)

    async def _look_back(self, command: LookBack) -> object:
        state = self._state
        part = state.series if isinstance(command, commands.ListTicks) else state.marks
        return await part.before(command.until, command.seconds, command.most)

    async def _look(self, command: Look) -> object:
        state = self._state
        match command:
            case commands.GetSession():
                return state.session.value
            case commands.ShowRun(number=number):
                return await state.history.detail(number)
            case commands.CompareRuns() | commands.CompareRecorded() | commands.ListRecordings():
                return await self._look_at_kept(command)
            case commands.ShowCache():
                return await pool_report(state)
            case commands.SweepSetting(key=key):
                plan = state.draft.draft.plan or state.draft.live.plan
                return await state.predicting.sweep(state.opened(), plan, key, state.pool)
            case commands.Lint():
                linting = partial(heavy_work.linted, state.opened())
                return await state.workers.carry_out(linting)

    async def _look_at_kept(self, command: LookAtKept) -> object:
        match command:
            case commands.CompareRuns(before=before, after=after):
                return await self._state.history.compare(before, after)
            case commands.CompareRecorded(request=request):
                return await asyncio.to_thread(recordings.compare, request)
            case commands.ListRecordings(folder=folder):
                return await asyncio.to_thread(recordings.listed, folder)

    async def _ask(self, command: commands.Command) -> None:
        state = self._state
        match command:
            case commands.StartRecording(path=path):
                await state.recorder.start(Path(path))
            case commands.StopRecording():
                await state.recorder.stop()
            case commands.SavePlan(path=path):
                state.opened()
                plan = state.draft.draft.plan or state.draft.live.plan
                await asyncio.to_thread(save_plan, plan, Path(path))
            case commands.CheckSetting():
                check(state, command)
            case commands.AddNote(text=text, node=node):
                state.marks.note(text, node)
            case commands.StartCanary(every_seconds=every):
                await state.canary.start(every)
            case commands.StopCanary():
                await state.canary.stop()
            case commands.EndWatch():
                await state.push_watch.end()
            case commands.ResetBreaker():
                state.deployment.ask_again()
            case commands.Shutdown():
                state.shutdown()
            case commands.SeekReplay() | commands.ControlReplay() | commands.CutReplay():
                raise UsageError("this engine is live: there is no replay to control")
            case _:
                raise UsageError(f"{type(command).__name__} is not a command of a live engine")
