"""`charter-engine canary`: whether a deployment's reuse changes its answers."""

import argparse
from contextlib import aclosing
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, until_done
from charter_engine.commands.options import duration, positive
from charter_engine.commands.outcome import DONE, FAILED, complain, print_json, print_table
from charter_engine.commands.triton_options import triton_options

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.canary import CanaryAlarm, CanaryReport, CanaryRequest
    from charter_engine.contracts.connection import TritonOptions

DEFAULT_ROUNDS = 8


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "canary",
        help="find out whether a deployment's reuse changes its answers",
        description="Sends prompts of Charter's own, a few blocks long, greedily: first as nobody "
        "has them cached, then again, reused. Answers that differ more than the deployment's own "
        "noise are an alarm, and exit code 1; so is a canary that could not tell.",
    )
    often = parser.add_mutually_exclusive_group()
    often.add_argument(
        "--every",
        type=duration,
        metavar="DURATION",
        help="go on until Ctrl-C, with a round in every 60s, 5m, …",
    )
    often.add_argument(
        "--once",
        type=positive,
        metavar="N",
        default=DEFAULT_ROUNDS,
        help="make N rounds one after the other (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print a CanaryReport")
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and tell what came of it."""
    from charter_engine.contracts.canary import CanaryRequest

    request = CanaryRequest(
        every_seconds=args.every, rounds=None if args.every is not None else args.once
    )
    report = until_done(_asked(request, triton_options(args), quiet=args.json))
    if args.json:
        print_json(report)
    else:
        _show(report)
    if report.alarm is not None:
        complain("reuse changes this deployment's answers", report.alarm.remedy)
        return FAILED
    if not report.pairs or report.state == "blind":
        complain(
            f"the canary could not tell: {report.reason or 'nothing was reused'}",
            "is enable_kv_cache_reuse on, and does the pool hold a few blocks for a moment?",
        )
        return FAILED
    return DONE


async def _asked(
    request: "CanaryRequest", triton: "TritonOptions", *, quiet: bool
) -> "CanaryReport":
    from charter_engine.api import canary

    async with aclosing(canary.rounds(request, triton)) as reports:
        async for report in reports:
            if request.every_seconds is not None and not quiet:
                print(_line(report), flush=True)
    return report


def _line(report: "CanaryReport") -> str:
    told = f"round {report.rounds}: {report.differing} of {report.pairs} pairs differ"
    return f"{told}, {report.state}"


def _show(report: "CanaryReport") -> None:
    print_table(
        ("pairs", "compared", "differ"),
        (
            ("with and without reuse", f"{report.pairs:,}", f"{report.differing:,}"),
            ("both without reuse", f"{report.noise_pairs:,}", f"{report.noise_differing:,}"),
        ),
    )
    print(
        f"{report.requests:,} requests: {report.computed_tokens:,} prompt tokens computed, "
        f"{report.generated_tokens:,} generated; log probabilities may differ by "
        f"{report.tolerance:.2g}"
    )
    if report.alarm is not None:
        _show_alarm(report.alarm)


def _show_alarm(alarm: "CanaryAlarm") -> None:
    print(f"alarm: {alarm.reason}, of a prompt of {alarm.pair.answer.prompt_tokens} tokens")
    for name, answer in (("without reuse", alarm.pair.reference), ("reused", alarm.pair.answer)):
        content = " ".join(map(str, answer.token_ids)) or answer.text
        blocks = f"{answer.reused_blocks or 0} blocks reused"
        print(f"  {name} ({blocks}): {content}")
