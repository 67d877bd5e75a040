"""`charter-engine run`: an agent's calls over inputs, measured, with no engine running."""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter_engine.commands.deployment import until_done
from charter_engine.commands.options import (
    add_lever_options,
    add_server_options,
    left_alone,
    positive,
    server_address,
    server_of,
)
from charter_engine.commands.outcome import DONE, FAILED, INTERRUPTED, TRITON
from charter_engine.commands.triton_options import (
    add_triton_options,
    add_write_option,
    require_writable,
    triton_options,
)
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from charter_engine.api.progress import Progress
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.live import RunReport
    from charter_engine.contracts.running import ProgramRequest, RunRequest


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "run",
        help="run an agent's calls over inputs, or its own program, and measure reuse",
        usage="%(prog)s AGENT [option …] [-- PROGRAM [argument …]]",
        description="Runs the agent's calls over inputs; with a program behind --, that program, "
        "unchanged: its OpenAI, Anthropic and Charter clients are pointed at a gateway. Without "
        "--triton an embedded Triton is started for it and stopped afterwards.",
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
    parser.add_argument(
        "--order",
        choices=("auto", "given", "waves"),
        default="auto",
        help="send items as they are given, or in waves of those that begin alike "
        "(default: in waves where that is predicted to pay)",
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    program = parser.add_argument_group("a program behind --")
    program.add_argument(
        "--openai",
        metavar="URL",
        help="have a server of OpenAI's shape answer it, and not a Triton",
    )
    program.add_argument(
        "--openai-key",
        metavar="SOURCE",
        help="sent to that server in place of the program's own keys; env:VARIABLE or @FILE",
    )
    add_lever_options(parser)
    add_server_options(parser)
    add_write_option(parser)
    add_triton_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:

    from charter_engine.commands.outcome import complain, print_json

    triton = triton_options(args)
    require_writable(args, (args.triton, args.server, args.openai))
    report = until_done(_work(args))
    number = _kept(report, replace(triton, url=args.server or triton.url))
    if args.json:
        print_json(report)
    else:
        print_report(report, number)
        _print_beside(number)
    for error in (*failures(report), *other_errors(report)):
        complain(error)
    if report.variant == "program" and not report.requests:
        complain(
            "no request came from the program",
            "one that sets the address of its client itself is not reached: let it read "
            "OPENAI_BASE_URL, ANTHROPIC_BASE_URL or CHARTER_BASE_URL from its environment",
        )
    if report.state == "cancelled":
        complain("interrupted: the figures are those of what was done until then")
    return exit_code(report)


def _work(args: argparse.Namespace) -> "Coroutine[Any, Any, RunReport]":
    """What is to be run, as `api` does it. Raises `UsageError`."""
    from charter_engine.api import program_runs, running

    if args.program is None:
        if args.openai is not None:
            raise UsageError(
                "--openai is for programs: runs of Charter's own speak to Triton",
                remedy="write the program behind --",
            )
        return running.run(_request(args), triton_options(args), _narrate)
    if args.server is not None:
        raise UsageError(
            "--server is for runs of Charter's own",
            remedy="a program reaches it through the gateway: --openai URL",
        )
    return program_runs.run_program(_program_request(args), triton_options(args), _narrate)


def _program_request(args: argparse.Namespace) -> "ProgramRequest":
    from charter_engine.api.credentials import key_of
    from charter_engine.contracts.running import ProgramRequest

    if args.openai is not None and args.triton is not None:
        raise UsageError("--openai and --triton: a program is answered by one server")
    if not args.program:
        raise UsageError("there is no program behind --")
    for option, given in (
        ("--input", args.input),
        ("--inputs", args.inputs),
        ("--baseline", args.baseline),
        ("--limit", args.limit),
        ("--no-… options", left_alone(args)),
    ):
        if given:
            raise UsageError(
                f"{option} is for runs of Charter's own: a program decides itself what it sends"
            )
    return ProgramRequest(
        agent=str(args.agent),
        command=tuple(args.program),
        plan=str(args.plan) if args.plan else None,
        openai=args.openai and server_address("--openai", args.openai),
        openai_key=key_of("--openai-key", args.openai_key),
        output="stderr" if args.json else "stdout",
    )


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
        order=args.order,
        server=server_of(args),
        tokenizer=str(args.tokenizer or ""),
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


def failures(report: "RunReport") -> "Iterator[str]":
    """The requests that failed, by node and cause, each said once."""
    causes = Counter(
        (record.node, record.error) for record in report.requests if record.error is not None
    )
    for (node, cause), count in causes.items():
        yield f"{node}: {cause}" + (f" ({count} requests)" if count > 1 else "")


def other_errors(report: "RunReport") -> "Iterator[str]":
    """What went wrong beside requests that failed: those are told by node."""
    of_requests = {record.error for record in report.requests}
    yield from (error for error in report.errors if error not in of_requests)


def exit_code(report: "RunReport") -> int:
    """0 if every request was answered; 3 where the run stopped because Triton did not answer."""
    if report.state == "done":
        return DONE
    if report.state == "cancelled":
        return INTERRUPTED
    return TRITON if any(error.startswith("stopped:") for error in report.errors) else FAILED


LABELS = {
    "measured": "all figures measured",
    "derived": "all figures measured, token hits derived from reused blocks",
    None: "the server tells no reuse",
}


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
        rate = f"{node.reused_tokens / node.told_tokens:.1%}" if node.told_tokens else "-"
        ttft = "-" if node.ttft_ms_mean is None else f"{node.ttft_ms_mean:.1f}"
        blocks = f"{node.reused_blocks}/{node.total_blocks}" if node.total_blocks else "-"
        rows.append(
            (
                node.node,
                f"{node.requests:,}",
                f"{node.failures:,}",
                f"{node.told_tokens - node.reused_tokens:,}" if node.told_tokens else "-",
                f"{node.prompt_tokens:,}",
                ttft,
                blocks,
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
    seconds = report.elapsed_ms / 1000
    if report.variant == "program":
        done = f"the program in {seconds:.1f} s"
    else:
        done = f"{report.items} items in {seconds:.1f} s, {report.variant}"
    print(f"{done}; {LABELS[report.reuse]}")
    if report.note:
        print(report.note)
