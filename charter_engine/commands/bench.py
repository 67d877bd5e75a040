"""`charter-engine bench AGENT`: what a plan is worth, measured beside a baseline."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter_engine.commands.deployment import narrate
from charter_engine.commands.options import (
    add_lever_options,
    add_server_options,
    left_alone,
    positive,
    server_of,
)
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    INTERRUPTED,
    TRITON,
    complain,
    print_json,
    print_table,
)
from charter_engine.commands.triton_options import (
    add_triton_options,
    add_write_option,
    require_writable,
    triton_options,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.answers import AnswersReport
    from charter_engine.contracts.benching import BenchReport


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "bench",
        help="measure what a plan is worth",
        description="Runs the agent without reuse, as written, and under a plan, turn by turn, "
        "each on a server of its own, and reports times, hit rates beside their bounds, and each "
        "lever's share; with --answers, whether the plan changes what is answered. "
        "Without --triton the servers are embedded ones, started for it and stopped "
        "afterwards.",
    )
    parser.add_argument(
        "agent", type=Path, metavar="AGENT", help="an agent's source: a file or a package"
    )
    parser.add_argument(
        "--inputs", type=Path, metavar="FILE", help="JSON Lines (default: AGENT.inputs.jsonl)"
    )
    parser.add_argument(
        "--iterations", type=positive, metavar="N", help="for agents without a loop (default 100)"
    )
    parser.add_argument(
        "--passes", type=positive, metavar="N", help="for agents that loop over rows (default 20)"
    )
    parser.add_argument(
        "--unseen",
        action=argparse.BooleanOptionalAction,
        help="inputs never seen before in each iteration "
        "(default: yes without a loop, no over rows)",
    )
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="the plan to try (default: one derived for this)"
    )
    add_lever_options(parser)
    parser.add_argument(
        "--max-tokens", type=positive, metavar="N", help="let no call generate more than N tokens"
    )
    parser.add_argument(
        "--tokens-per-block",
        type=positive,
        metavar="N",
        help="without the plan (embedded; default: the engine's, 32)",
    )
    parser.add_argument(
        "--pool-tokens", type=positive, metavar="N", help="size of the KV cache pool (embedded)"
    )
    parser.add_argument(
        "--engine",
        type=Path,
        metavar="DIR",
        help="what embedded servers serve: an engine of charter-engine triton build "
        "(default: random weights)",
    )
    parser.add_argument(
        "--answers",
        action="store_true",
        help="compare what is answered as written and under the plan, in place of times: every "
        "input once, greedily, one request after another",
    )
    parser.add_argument(
        "--check",
        default="",
        metavar="json|COMMAND",
        help="with --answers: judge each answer; the command reads JSON lines with the answer, and "
        "writes true or false for each",
    )
    parser.add_argument(
        "--quick", action="store_true", help="few iterations, 32 tokens a call: a look, no figures"
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="also write the report as a page with plots"
    )
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    add_server_options(parser)
    add_write_option(parser)
    add_triton_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and print; 1 if a request failed. With the figures so far: 3 if a server was lost,
    130 if interrupted."""
    require_writable(args, (args.triton, args.server))
    if args.answers:
        return _compare_answers(args)
    if args.check:
        raise UsageError("--check judges answers", remedy="add --answers")
    return _measure(args)


def _measure(args: argparse.Namespace) -> int:
    import asyncio

    from charter_engine.api import benching
    from charter_engine.contracts.benching import BenchRequest

    if args.html is not None:
        _check_html(args.html)
    request = BenchRequest(**_asked_for(args))
    report = asyncio.run(benching.bench(request, triton_options(args), narrate))
    _show(report, args)
    return _ended(report, failed=any(one.failures for one in report.variants))


def _compare_answers(args: argparse.Namespace) -> int:
    import asyncio

    from charter_engine.api.answers import compare_answers
    from charter_engine.commands.answers_report import print_answers
    from charter_engine.contracts.answers import AnswersRequest

    if args.html is not None or args.unseen:
        raise UsageError(
            "--answers compares inputs as they are, and writes no page",
            remedy="leave --html and --unseen out",
        )
    request = AnswersRequest(**_asked_for(args), check=args.check)
    report = asyncio.run(compare_answers(request, triton_options(args), narrate))
    if args.json:
        print_json(report)
    else:
        print_answers(report)
    return _ended(report, failed=bool(report.errors))


def _ended(report: "BenchReport | AnswersReport", *, failed: bool) -> int:
    if report.lost:
        complain(report.lost, "charter-engine triton status")
        return TRITON
    if not report.complete:
        return INTERRUPTED
    return FAILED if failed else DONE


def _asked_for(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of a `BenchRequest`."""
    return {
        "agent": str(args.agent),
        "inputs": str(args.inputs) if args.inputs else None,
        "iterations": args.iterations,
        "passes": args.passes,
        "unseen": args.unseen,
        "plan": str(args.plan) if args.plan else None,
        "without": left_alone(args),
        "max_tokens": args.max_tokens,
        "tokens_per_block": args.tokens_per_block,
        "pool_tokens": args.pool_tokens,
        "engine": str(args.engine or ""),
        "quick": args.quick,
        "server": server_of(args),
        "tokenizer": str(args.tokenizer or ""),
    }


def _show(report: "BenchReport", args: argparse.Namespace) -> None:
    from charter_engine.commands.bench_report import HEADER, sentences, variant_rows
    from charter_engine.commands.recording_report import DIFFERENCE_HEADER, difference_rows

    if args.html is not None:
        from charter_engine.api.output_files import write_output
        from charter_engine.commands.pages.bench import page_of

        try:
            write_output(args.html, page_of(report))
        except CharterError as error:
            complain(f"--html {error.message}", "the figures follow all the same")
    if args.json:
        print_json(report)
        return
    print_table(HEADER, variant_rows(report))
    whole = [one for one in report.differences if not one.node]
    if whole:
        print("\na request as written (A) and under the plan (B)")
        print_table(DIFFERENCE_HEADER, difference_rows(whole))
    for line in sentences(report):
        print(line)


def _check_html(path: Path) -> None:
    """Say at once what would otherwise be said after an hour of measuring."""
    if not path.parent.is_dir():
        raise UsageError(
            f"--html {path}: there is no directory {path.parent}",
        )
