"""`charter-engine run`: an agent's calls over inputs, measured, with no engine running."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.plan_files import plan_of
from charter_engine.commands.options import add_lever_options, levers_of, positive
from charter_engine.commands.outcome import DONE, FAILED, INTERRUPTED, TRITON
from charter_engine.commands.triton_options import add_triton_options, triton_options
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.api.agents import OpenedAgent
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.live import RunReport
    from charter_engine.contracts.plan import Plan
    from charter_engine.executor.inputs import Inputs
    from charter_engine.executor.work import Item
    from charter_engine.servers.deployment import Deployment


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "run",
        help="run an agent's calls over inputs and measure reuse",
        description="Runs the agent's calls, not its program: what its prompts need comes from the inputs. "
        "Without --triton an embedded Triton is started for it and stopped afterwards.",
    )
    parser.add_argument("agent", type=Path, help="an agent's source: a file or a package")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input; NAME=@FILE reads it; repeatable",
    )
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help="inputs, one JSON object a line (default: AGENT.inputs.jsonl)",
    )
    parser.add_argument("--plan", type=Path, metavar="FILE", help="run under this plan")
    parser.add_argument(
        "--baseline", action="store_true", help="as written: source layout, no retention"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="the first N items only")
    parser.add_argument(
        "--concurrency",
        type=positive,
        default=4,
        metavar="N",
        help="requests in flight (default 4)",
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    add_lever_options(parser)
    add_triton_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio
    import sys

    from charter_engine.api.agents import open_agent
    from charter_engine.commands.outcome import print_json
    from charter_engine.plan.levers import left_alone, reduced

    if args.plan is not None and args.baseline:
        raise UsageError(
            "--plan and --baseline exclude each other",
        )
    without = left_alone(levers_of(args))
    if without and args.plan is None:
        raise UsageError(
            f"--no-{without[0].replace('_', '-')} leaves out a part of a plan, and there is none",
            remedy="give --plan FILE; without it everything runs as written",
        )
    agent = open_agent(Path(args.agent).absolute(), args.inputs if not args.input else None)
    inputs = agent_inputs(agent, args.input)
    plan = reduced(agent_plan(args.plan, agent), without)
    report = asyncio.run(_run(args, agent, inputs, plan))
    if args.json:
        print_json(report)
    else:
        print_report(report)
    for error in report.errors:
        print(error, file=sys.stderr)
    return exit_code(report)


def exit_code(report: "RunReport") -> int:
    """0 if every request was answered; 3 where the run stopped because Triton did not answer."""
    if report.state == "done":
        return DONE
    if report.state == "cancelled":
        return INTERRUPTED
    return TRITON if any(error.startswith("stopped:") for error in report.errors) else FAILED


def print_report(report: "RunReport") -> None:
    """Per node what was measured, for people."""
    from charter_engine.commands.outcome import print_table

    rows = []
    for node in report.nodes:
        rate = f"{node.reused_tokens / node.prompt_tokens:.1%}" if node.prompt_tokens else "-"
        ttft = "-" if node.ttft_ms_mean is None else f"{node.ttft_ms_mean:.1f}"
        blocks = f"{node.reused_blocks}/{node.total_blocks}"
        rows.append(
            (
                node.node,
                str(node.requests),
                str(node.failures),
                str(node.prompt_tokens),
                blocks,
                rate,
                ttft,
            )
        )
    print_table(
        ("node", "requests", "failed", "prompt tokens", "reused blocks", "token hits", "TTFT ms"),
        rows,
    )
    print(
        f"{report.items} items in {report.elapsed_ms / 1000:.1f} s, {report.variant}; all figures measured"
    )
    if report.note:
        print(report.note)


def agent_inputs(agent: "OpenedAgent", options: "Sequence[str]" = ()) -> "Sequence[Inputs]":
    """What to run over: the `--input` options, else the agent's own. Raises `CharterError` for
    what is wrong."""
    from charter_engine.executor.inputs import InputError, parse_inputs

    errors = [item for item in agent.diagnostics if item.severity == "error"]
    if errors:
        first = errors[0]
        place = f"{first.path}:{first.line}:{first.column}" if first.line else first.path
        raise UsageError(
            f"{place}: {first.message}",
            remedy=first.remedy,
        )
    try:
        given = parse_inputs(options, Path.cwd())
    except InputError as error:
        raise UsageError(
            f"{error.place}: {error.message}",
            remedy=error.remedy,
        ) from None
    return (given,) if given else agent.inputs or ({},)


def agent_plan(path: Path | None, agent: "OpenedAgent") -> "Plan":
    """The plan file, which must be this agent's; without one, everything as written. Raises
    `CharterError`."""
    from charter_engine.plan.edit import default_plan

    default = default_plan(agent.compiled)
    if path is None:
        return default
    plan = plan_of(path)
    unknown = plan.nodes.keys() - default.nodes.keys()
    if unknown:
        raise UsageError(
            f"{path}: the agent has no call {min(unknown)}",
            remedy="derive the plan anew: charter-engine plan",
        )
    return plan


async def _run(
    args: argparse.Namespace, agent: "OpenedAgent", inputs: "Sequence[Inputs]", plan: "Plan"
) -> "RunReport":
    import sys

    from charter_engine.executor.work import items_of
    from charter_engine.prompts.assembly import MissingInput
    from charter_engine.servers.deployment import Deployment

    try:
        items = items_of(agent.compiled.calls, inputs, plan)[: args.limit]
    except MissingInput as missing:
        raise UsageError(
            str(missing),
            remedy=missing.remedy,
        ) from None
    deployment = Deployment(triton_options(args), server=plan.server)
    if deployment.is_embedded:
        print("starting the embedded Triton", file=sys.stderr)
    try:
        await deployment.start()
        await deployment.probe()
        return await _execute(args, agent, items, plan, deployment)
    finally:
        await deployment.close()


async def _execute(
    args: argparse.Namespace,
    agent: "OpenedAgent",
    items: "Sequence[Item]",
    plan: "Plan",
    deployment: "Deployment",
) -> "RunReport":
    import asyncio
    import signal
    import time

    from msgspec.structs import replace

    from charter_engine.embedded.engine import MEANINGLESS_TEXT_NOTICE
    from charter_engine.executor.run import AgentRun, RunSettings
    from charter_engine.executor.totals import NodeTotals
    from charter_engine.executor.triton_target import TritonTarget

    name = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    variant = "baseline" if args.baseline else "plan"
    target = TritonTarget(
        deployment.client,
        deployment.profile,
        agent=agent.compiled.path,
        run=name,
        tokenizer=args.tokenizer,
    )
    work = AgentRun(
        compiled=agent.compiled,
        plan=plan,
        items=items,
        target=target,
        totals=NodeTotals(call.id for call in agent.compiled.calls),
        settings=RunSettings(run=name, variant=variant, concurrency=args.concurrency),
    )
    task = asyncio.create_task(work.execute())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    try:
        report = await task
    except asyncio.CancelledError:
        report = work.report("cancelled")
    return replace(
        report, note=MEANINGLESS_TEXT_NOTICE if deployment.is_embedded else own_settings(plan)
    )


def own_settings(plan: "Plan") -> str:
    """What a run on a given Triton leaves of the plan undone."""
    from charter_engine.contracts.plan import ServerSettings

    if plan.server == ServerSettings():
        return ""
    return "the plan's server settings were not applied, only layouts and retention: charter-engine push makes it live"
