"""Runs of an agent's calls over inputs, under a plan or as written."""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.agents import (
    OpenedAgent,
    open_agent,
    require_no_errors,
    warnings_of,
)
from charter_engine.api.deploying import plan_for
from charter_engine.api.pools import pool_as_told, server_as_told
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.waves import ChosenOrder, chosen_order
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.running import RunRequest
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.live_triton import LiveTriton
    from charter_engine.contracts.server import ProfileRequest
    from charter_engine.executor.inputs import Inputs
    from charter_engine.executor.run import AgentRun, RunSettings
    from charter_engine.executor.work import Item

SETTINGS_LEFT = (
    "the plan's server settings were not applied, only layouts and retention: "
    "charter-engine push makes it live"
)
"""What a run on a given Triton leaves of a plan undone."""


async def run(request: RunRequest, triton: TritonOptions, report: Report = silent) -> RunReport:
    """Run an agent on the given Triton, or on an embedded one started for it and stopped
    afterwards. Cancelled while requests are sent, it gives what was measured until then. Raises
    `CharterError`."""
    agent, inputs = await asyncio.to_thread(opened_with_inputs, request)
    plan = agent_plan(request.plan, agent)
    if request.server is not None:
        return await _run_on(request.server, request, agent, inputs, plan, report)
    return await run_opened(request, agent, inputs, plan, triton, report)


async def _run_on(
    server: "ProfileRequest",
    request: RunRequest,
    agent: OpenedAgent,
    inputs: "Sequence[Inputs]",
    plan: Plan,
    report: Report,
) -> RunReport:
    """On a server that takes token ids. Layouts alone are applied."""
    from charter_engine.api.live_runs import AgentRun, NodeTotals
    from charter_engine.api.token_servers import NOT_BY_REQUEST, token_server
    from charter_engine.plan.levers import reduced

    plan = reduced(plan, (*request.without, *NOT_BY_REQUEST))
    items = items_to_run(agent, inputs, plan)[: request.limit]
    async with token_server(server, request.tokenizer) as given:
        chosen = await asyncio.to_thread(
            chosen_order,
            request.order,
            dataclasses.replace(agent, inputs=tuple(inputs)),
            items,
            plan,
            server_as_told(given.profile),
            at_once=request.concurrency,
            tokenizer=given.tokenizer_path,
        )
        work = AgentRun(
            compiled=agent.compiled,
            plan=plan,
            items=items,
            target=given.target(),
            totals=NodeTotals(call.id for call in agent.compiled.calls),
            settings=_settings(request, chosen),
        )
        work.on_change = lambda: report(Progress("running", work.items_done, len(items)))
        result = await measured(work)
    told = any(record.reused_tokens is not None for record in result.requests)
    return replace(result, note=chosen.words, reuse="measured" if told else None)


async def run_opened(
    request: RunRequest,
    agent: OpenedAgent,
    inputs: "Sequence[Inputs]",
    plan: Plan,
    triton: TritonOptions,
    report: Report = silent,
) -> RunReport:
    """As `run`, of what the request names and was read already."""
    from charter_engine.api.live_triton import LiveTriton
    from charter_engine.plan.levers import reduced
    from charter_engine.triton.profile import reuse_label

    plan = reduced(plan, request.without)
    items = items_to_run(agent, inputs, plan)[: request.limit]
    deployment = LiveTriton(triton, server=plan.server)
    if deployment.is_embedded:
        report(Progress("starting the embedded Triton"))
    try:
        await deployment.start()
        await deployment.probe()
        chosen = await _chosen_order(request, agent, inputs, items, plan, deployment)
        work = _work(request, agent, items, plan, deployment, chosen)
        work.on_change = lambda: report(Progress("running", work.items_done, len(items)))
        result = await measured(work)
    finally:
        await deployment.close()
    told = [note.message for note in warnings_of(agent.compiled)]
    note = "\n".join(filter(None, (*told, _note(plan, deployment), chosen.words)))
    return replace(result, note=note, reuse=reuse_label(deployment.profile))


def opened_with_inputs(request: RunRequest) -> "tuple[OpenedAgent, Sequence[Inputs]]":
    """The agent and what it is run over. Blocks. Raises `UsageError`."""
    inputs = Path(request.inputs) if request.inputs and not request.given else None
    agent = open_agent(Path(request.agent).absolute(), inputs)
    return agent, agent_inputs(agent, request.given)


def agent_inputs(agent: OpenedAgent, given: Sequence[str] = ()) -> "Sequence[Inputs]":
    """What to run over: the inputs given as typed, else the agent's own. Raises `UsageError` for
    what is wrong with either."""
    from charter_engine.executor.inputs import InputError, parse_inputs

    require_no_errors(agent)
    try:
        typed = parse_inputs(given, Path.cwd())
    except InputError as error:
        raise UsageError(f"{error.place}: {error.message}", remedy=error.remedy) from None
    return (typed,) if typed else agent.inputs or ({},)


def agent_plan(path: str | None, agent: OpenedAgent) -> Plan:
    """The plan file, which must be this agent's; without one, everything as written. Raises
    `UsageError`."""
    from charter_engine.api.plan_files import plan_of
    from charter_engine.plan.edit import default_plan

    if path is None:
        return default_plan(agent.compiled)
    return plan_for(agent, plan_of(Path(path)), path)


def items_to_run(agent: OpenedAgent, inputs: "Sequence[Inputs]", plan: Plan) -> "tuple[Item, ...]":
    """All the work of a run. Raises `UsageError` where the inputs do not fill the prompts."""
    from charter_engine.executor.work import items_of
    from charter_engine.prompts.assembly import MissingInput

    try:
        return items_of(agent.compiled.calls, inputs, plan)
    except MissingInput as missing:
        raise UsageError(str(missing), remedy=missing.remedy) from None


async def measured(work: "AgentRun") -> RunReport:
    """Carry a run out. Cancelled, it gives what was measured until then."""
    try:
        return await work.execute()
    except asyncio.CancelledError:
        go_on()
        return work.report("cancelled")


def go_on() -> None:
    """Take the cancellation of this task as dealt with."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()


def _work(
    request: RunRequest,
    agent: OpenedAgent,
    items: "Sequence[Item]",
    plan: Plan,
    deployment: "LiveTriton",
    chosen: ChosenOrder,
) -> "AgentRun":
    from charter_engine.api.live_runs import agent_run

    return agent_run(agent, plan, items, deployment, _settings(request, chosen))


async def _chosen_order(
    request: RunRequest,
    agent: OpenedAgent,
    inputs: "Sequence[Inputs]",
    items: "Sequence[Item]",
    plan: Plan,
    deployment: "LiveTriton",
) -> ChosenOrder:
    from charter_engine.api.live_planning import tokenizer_of

    pool = (await deployment.sample()).kv_pool
    return await asyncio.to_thread(
        chosen_order,
        request.order,
        dataclasses.replace(agent, inputs=tuple(inputs)),
        items,
        plan,
        None if pool is None else pool_as_told(pool, deployment.profile),
        at_once=request.concurrency,
        tokenizer=deployment.options.tokenizer or tokenizer_of(deployment.profile),
    )


def _settings(request: RunRequest, chosen: ChosenOrder) -> "RunSettings":
    from charter_engine.api.live_runs import RunSettings, new_run

    return RunSettings(
        run=new_run(),
        variant="baseline" if request.baseline else "plan",
        concurrency=request.concurrency,
        in_waves=chosen.in_waves,
    )


def _note(plan: Plan, deployment: "LiveTriton") -> str:
    from charter_engine.plan.diff import settings_not_live

    if deployment.is_embedded:
        return deployment.notice
    reasons = deployment.profile.reasons
    left = settings_not_live(plan.server, deployment.profile)
    notes = (
        reasons.get("kv_stats", reasons.get("token_counts", "")),
        f"{SETTINGS_LEFT} ({', '.join(left)} differ)" if left else "",
    )
    return "\n".join(note for note in notes if note)
