"""Runs of the user's own programs, whose requests are measured and told apart by node."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent, open_agent, require_no_errors
from charter_engine.api.deploying import rules_of
from charter_engine.api.drafting import LivePlan, live_plan
from charter_engine.api.gateway import layout_of
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.running import agent_plan, go_on
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.running import ProgramRequest
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.executor.program_run import OpensGateway, ProgramRun


async def run_program(
    request: ProgramRequest, triton: TritonOptions, report: Report = silent
) -> RunReport:
    """Run a program on the server of OpenAI's shape that is named, on the given Triton, or on an
    embedded one started for it and stopped afterwards.

    The program's clients are pointed at a gateway by its environment. Cancelled, the program is
    ended, and what was measured until then is given. Raises `CharterError`.
    """
    from charter_engine.executor.program_run import gateway_to_openai, require_program
    from charter_engine.plan.diff import OUTPUTS_MAY_DIFFER, lays_out_traffic

    require_program(request.command)
    if request.plan is not None and triton.url is not None:
        raise UsageError(
            "--plan: a program on a given server is served as that server is set up",
            remedy="make the plan live first: charter-engine push, and run the program without it",
        )
    agent, plan = await asyncio.to_thread(_opened, request)
    if request.plan is not None and lays_out_traffic(plan):
        report(Progress(OUTPUTS_MAY_DIFFER))
    if request.openai is not None:
        run = _program_run(request, agent, LivePlan(plan))
        layout = await asyncio.to_thread(layout_of, request.plan or "", request.agent)
        return await _executed(run, gateway_to_openai(request.openai, request.openai_key, layout))
    return await _on_triton(request, agent, plan, triton, report)


async def _on_triton(
    request: ProgramRequest,
    agent: OpenedAgent,
    plan: Plan,
    triton: TritonOptions,
    report: Report,
) -> RunReport:
    from charter_engine.executor.program_run import gateway_to_triton
    from charter_engine.gateway.finding import find_model
    from charter_engine.servers.deployment import Deployment

    deployment = Deployment(triton, server=plan.server, decoupled=True)
    if deployment.is_embedded:
        report(Progress("starting the embedded Triton"))
    try:
        await deployment.start()
        await deployment.probe()
        if request.plan is not None:
            rules = rules_of(plan, Path(request.plan))
            await deployment.deployer.push(plan, agent.compiled.calls, reuse_times=rules)
        live = live_plan(await deployment.deployer.live(), plan)
        run = _program_run(request, agent, live)
        model = await find_model(deployment.client, deployment.found, None)
        report(Progress(f"running {' '.join(request.command)}"))
        result = await _executed(run, gateway_to_triton(run, deployment.client, model))
    finally:
        await deployment.close()
    return replace(result, note=deployment.notice)


async def _executed(run: "ProgramRun", opened: "OpensGateway") -> RunReport:
    """Carry a run out. Cancelled, it gives what was measured until then."""
    try:
        return await run.execute(opened)
    except asyncio.CancelledError:
        go_on()
        return run.report("cancelled")


def _opened(request: ProgramRequest) -> tuple[OpenedAgent, Plan]:
    agent = open_agent(Path(request.agent).absolute())
    require_no_errors(agent)
    return agent, agent_plan(request.plan, agent)


def _program_run(request: ProgramRequest, agent: OpenedAgent, live: LivePlan) -> "ProgramRun":
    from charter_engine.api.live_runs import new_run
    from charter_engine.executor.program_run import ProgramRun
    from charter_engine.executor.totals import NodeTotals
    from charter_engine.traffic.attribution import Attribution
    from charter_engine.triton.bls_plan import served_nodes

    return ProgramRun(
        run=new_run(),
        agent=agent.compiled.path,
        command=request.command,
        attribution=Attribution(served_nodes(live.plan, agent.compiled.calls)),
        plan=live.plan,
        revision=live.revision,
        totals=NodeTotals(call.id for call in agent.compiled.calls),
        output=request.output,
    )
