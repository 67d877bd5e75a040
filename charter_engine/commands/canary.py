"""`charter-engine canary`: whether a deployment's reuse changes its answers."""

import argparse
from contextlib import aclosing
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, until_done
from charter_engine.commands.options import duration, positive
from charter_engine.commands.outcome import DONE, FAILED, complain, print_json, print_table
from charter_engine.commands.rollout_report import code_of
from charter_engine.commands.triton_options import add_write_option, servers_to_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.canary import (
        CanaryAlarm,
        CanaryReport,
        CanaryRequest,
        ServerCanary,
    )
    from charter_engine.contracts.connection import TritonOptions

DEFAULT_ROUNDS = 8
"""Derived: twice as many as a canary takes to say that it sees nothing."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "canary",
        help="find out whether a deployment's reuse changes its answers",
        description="Sends prompts of Charter's own, a few blocks long, greedily: first as nobody "
        "has them cached, then again, reused. Answers that differ more than the deployment's own "
        "noise are an alarm, and exit code 1; so is a canary that could not tell. Several servers "
        "are asked all at once, each for itself.",
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
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a CanaryReport; of several servers a ServerCanary each",
    )
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and tell what came of it."""
    from charter_engine.contracts.canary import CanaryRequest

    request = CanaryRequest(
        every_seconds=args.every, rounds=None if args.every is not None else args.once
    )
    servers = servers_to_change(args)
    if len(servers) > 1:
        return _run_several(request, servers, as_json=args.json)
    report = until_done(_asked(request, servers[0], quiet=args.json))
    if args.json:
        print_json(report)
    else:
        _show(report)
    return _judged(report, "")


def _run_several(
    request: "CanaryRequest", servers: "Sequence[TritonOptions]", *, as_json: bool
) -> int:
    found = until_done(_all_asked(request, servers, quiet=as_json))
    if as_json:
        print_json(found)
    codes = []
    for one in found:
        if one.kind is not None:
            complain(f"{one.server}: {one.message}", one.remedy)
            codes.append(code_of([one.kind]))
            continue
        if not as_json:
            print(f"{one.server}:")
            _show(one.report)
        codes.append(_judged(one.report, f"{one.server}: "))
    return FAILED if FAILED in codes else max(codes)


def _judged(report: "CanaryReport", server: str) -> int:
    """The exit code, behind what is wrong; `server` stands in front of it."""
    if report.alarm is not None:
        complain(f"{server}reuse changes this deployment's answers", report.alarm.remedy)
        return FAILED
    if not report.pairs or report.state == "blind":
        complain(
            f"{server}the canary could not tell: {report.reason or 'nothing was reused'}",
            "is enable_kv_cache_reuse on, and does the pool hold a few blocks for a moment?",
        )
        return FAILED
    return DONE


async def _all_asked(
    request: "CanaryRequest", servers: "Sequence[TritonOptions]", *, quiet: bool
) -> "tuple[ServerCanary, ...]":
    from charter_engine.api import canary

    found: tuple[ServerCanary, ...] = ()
    async with aclosing(canary.rounds_of_all(request, servers)) as rounds:
        async for found in rounds:
            if request.every_seconds is not None and not quiet:
                for one in found:
                    print(f"{one.server}: {one.message or _line(one.report)}", flush=True)
    return found


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
