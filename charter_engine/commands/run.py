"""`charter-engine run`: an agent's calls over inputs, measured, with no engine running."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.options import add_lever_options, left_alone, positive
from charter_engine.commands.outcome import DONE, FAILED, INTERRUPTED, TRITON
from charter_engine.commands.triton_options import add_triton_options, triton_options
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.progress import Progress
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.live import RunReport
    from charter_engine.contracts.running import RunRequest


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "run",
        help="run an agent's calls over inputs and measure reuse",
        description="Runs the agent's calls, not its program: what its prompts need comes from the "
        "inputs. Without --triton an embedded Triton is started for it and stopped afterwards.",
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

    from charter_engine.api import running
    from charter_engine.commands.outcome import complain, print_json

    request = _request(args)
    triton = triton_options(args)
    report = asyncio.run(running.run(request, triton, _narrate))
    number = _kept(report, triton)
    if args.json:
        print_json(report)
    else:
        print_report(report, number)
        _print_beside(number)
    for error in report.errors:
        print(error, file=sys.stderr)
    if report.state == "cancelled":
        complain("interrupted: the figures are those of what was done until then")
    return exit_code(report)


def _request(args: argparse.Namespace) -> "RunRequest":
    from charter_engine.contracts.running import RunRequest

    if args.plan is not None and args.baseline:
        raise UsageError("--plan and --baseline exclude each other")
    without = left_alone(args)
    if without and args.plan is None:
        raise UsageError(
            f"--no-{without[0].replace('_', '-')} leaves out a part of a plan, and there is none",
            remedy="give --plan FILE; without it everything runs as written",
        )
    return RunRequest(
        agent=str(args.agent),
        given=tuple(args.input),
        inputs=str(args.inputs) if args.inputs else None,
        plan=str(args.plan) if args.plan else None,
        baseline=args.baseline,
        without=without,
        limit=args.limit,
        concurrency=args.concurrency,
    )


def _kept(report: "RunReport", triton: "TritonOptions") -> int | None:
    """Keep the run on record; its number. That it can't be kept is said, and spoils nothing."""
    import asyncio

    from charter_engine.api import runs
    from charter_engine.commands.outcome import complain
    from charter_engine.errors import CharterError

    try:
        return asyncio.run(runs.keep(report, triton))
    except CharterError as error:
        complain(error.message)
        return None


def _print_beside(number: int | None) -> None:
    """The verdict on a run against the last one as written, where there is one."""
    import asyncio

    from charter_engine.api import runs

    found = asyncio.run(runs.beside(number)) if number is not None else None
    if found is not None and found.verdict.words:
        print(f"against run {found.before.number}, as written: {found.verdict.words}")
        for note in found.notes:
            print(f"! {note}")


def _narrate(progress: "Progress") -> None:
    """A step that begins, on standard error; how far the requests are is not told."""
    import sys

    if progress.total is None:
        print(progress.stage, file=sys.stderr)


def exit_code(report: "RunReport") -> int:
    """0 if every request was answered; 3 where the run stopped because Triton did not answer."""
    if report.state == "done":
        return DONE
    if report.state == "cancelled":
        return INTERRUPTED
    return TRITON if any(error.startswith("stopped:") for error in report.errors) else FAILED


def print_report(report: "RunReport", number: int | None = None) -> None:
    """What was measured, for people: what the run cost, then node by node."""
    from charter_engine.commands.cost_report import cost_cells, cost_header
    from charter_engine.commands.outcome import print_table

    if report.cost is not None:
        print_table(
            ("run", "items", *cost_header()),
            [(str(number or report.run), str(report.items), *cost_cells(report.cost))],
        )
        print()

    rows = []
    for node in report.nodes:
        rate = f"{node.reused_tokens / node.prompt_tokens:.1%}" if node.prompt_tokens else "-"
        ttft = "-" if node.ttft_ms_mean is None else f"{node.ttft_ms_mean:.1f}"
        rows.append(
            (
                node.node,
                f"{node.requests:,}",
                f"{node.failures:,}",
                f"{node.prompt_tokens - node.reused_tokens:,}",
                f"{node.prompt_tokens:,}",
                ttft,
                f"{node.reused_blocks}/{node.total_blocks}",
                rate,
            )
        )
    print_table(
        (
            "node",
            "requests",
            "failed",
            "computed",
            "prompt tokens",
            "TTFT ms",
            "reused blocks",
            "token hits",
        ),
        rows,
    )
    print(
        f"{report.items} items in {report.elapsed_ms / 1000:.1f} s, {report.variant}; "
        "all figures measured"
    )
    if report.note:
        print(report.note)
