"""`charter-engine predict WORKLOAD`: what settings would do on it."""

import argparse
import sys
from typing import TYPE_CHECKING, get_args

from charter_engine.commands.cost_report import UNTOLD, number, seconds
from charter_engine.commands.options import (
    add_dask_option,
    add_decide_at_option,
    add_reading_options,
    read_as,
)
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.contracts.plan import Policy, ReleaseWhen
from charter_engine.contracts.predicting import OTHER_POOLS, SWEPT_SETTINGS
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.pool import OtherPool
    from charter_engine.contracts.predicting import PredictRequest, SettingValues
    from charter_engine.contracts.prediction import CurvePoint, Prediction, PredictReport

POLICIES = get_args(Policy)
CURVE_HEADER = ("gpu_blocks", "computed", "whole s", "TTFT ms", "p95", "blocks")


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "predict",
        help="tell what settings would do on a workload",
        description="Predicts hit rates, evictions and times on a workload. Beside each figure "
        "stand default-priority LRU and the offline optimum on the same pool.",
    )
    parser.add_argument(
        "workload", metavar="WORKLOAD", help="workload lines, agent sessions, or an .npz"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=V[,V…]",
        help="a setting, or several to compare: "
        + ", ".join(SWEPT_SETTINGS)
        + "; gpu_tokens and host_tokens give a pool's size whatever the block size",
    )
    parser.add_argument(
        "--like",
        metavar="URL|HOST:PORT",
        help="predict this server's own pool: its size, its block size, and the rules by which it "
        "evicts, found by asking it; --set goes before",
    )
    parser.add_argument(
        "--like-key",
        metavar="SOURCE",
        help="its API key; env:VARIABLE, @FILE or keyring:SERVICE/USER",
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--plan",
        metavar="FILE",
        help="retention by node of the workload, or by the plan's reuse times",
    )
    asked.add_argument(
        "--policy",
        metavar="NAME[,NAME…]",
        help=f"retention policies to compare: {', '.join(POLICIES)}; pools of other managers to "
        f"compare with: {', '.join(OTHER_POOLS)}; or all; next-use without --waits or --learn-from "
        "learns from three quarters of the sessions for the fourth",
    )
    parser.add_argument(
        "--release",
        choices=get_args(ReleaseWhen),
        help="what the server is told to forget: nothing, what a session's newer prompts "
        "supersede, or that and what was a session's alone when it ends (default: as --plan says, "
        "else never)",
    )
    learnt = parser.add_mutually_exclusive_group()
    learnt.add_argument(
        "--reuse-times",
        "--waits",
        metavar="FILE",
        help="reuse times written by `charter-engine learn`, for --policy",
    )
    learnt.add_argument(
        "--learn-from",
        metavar="FILE",
        help="other sessions to learn the reuse times from, for --policy",
    )
    add_decide_at_option(parser)
    add_reading_options(parser)
    timing = parser.add_mutually_exclusive_group()
    timing.add_argument(
        "--instant",
        action="store_true",
        help="each request starts and ends at once, as hit rates are published",
    )
    timing.add_argument(
        "--timed",
        action="store_true",
        help="requests wait, run and hold blocks over simulated time (default for small workloads)",
    )
    parser.add_argument(
        "--curve", action="store_true", help="LRU hit rates for every pool size, too"
    )
    parser.add_argument(
        "--no-bracket", action="store_true", help="leave default LRU and the optimum out"
    )
    parser.add_argument(
        "--model", default="llama-3.1-8b", metavar="NAME", help="model shape for times and memory"
    )
    parser.add_argument(
        "--device", default="h100", metavar="NAME", help="GPU for times from first principles"
    )
    parser.add_argument(
        "--latency", metavar="FILE", help="times calibrated by `charter-engine calibrate --json`"
    )
    add_dask_option(parser)
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--strict", action="store_true", help="refuse a file with a bad line")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict every combination of the settings."""
    from charter_engine.api.predicting import predict
    from charter_engine.commands.narration import SettingsCounter, print_notes

    if args.jobs is not None and args.jobs < 1:
        raise UsageError(f"--jobs {args.jobs}: give a number from 1")
    if args.jobs is not None and args.dask:
        raise UsageError("--jobs is for processes of this machine, --dask for another's")
    like = _like(args)
    settings = tuple(like | one for one in _combinations(args.set))
    _warn_of_block_sizes(settings)
    result = predict(_request(args, settings), SettingsCounter())
    print_notes(result.notes)
    if args.json:
        print_json(result.report)
    else:
        _print(result.report, _varied(settings))
    return DONE


def _like(args: argparse.Namespace) -> "SettingValues":
    """The settings of the server that is named; none where there is none. Raises `CharterError`."""
    if args.like is None:
        return {}
    from charter_engine.api import pools, server_profiles
    from charter_engine.api.credentials import key_of
    from charter_engine.commands.deployment import until_done
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.server import ProfileRequest

    request = ProfileRequest(address=args.like, key=key_of("--like-key", args.like_key))
    report = until_done(server_profiles.profile(request, TritonOptions()))
    return pools.settings_like(report.profile)


def _combinations(given: list[str]) -> "tuple[SettingValues, ...]":
    from charter_engine.api.swept_settings import combinations

    try:
        return combinations(given)
    except UsageError as error:
        raise UsageError(f"--set {error.message}", remedy=error.remedy) from None


def _request(args: argparse.Namespace, settings: "tuple[SettingValues, ...]") -> "PredictRequest":
    from charter_engine.contracts.predicting import PredictRequest

    policies, pools = _policies(args)
    return PredictRequest(
        workload=args.workload,
        strict=args.strict,
        read_as=read_as(args),
        settings=settings,
        plan=args.plan or "",
        release=args.release,
        policies=policies,
        pools=pools,
        reuse_times=args.reuse_times or "",
        learn_from=args.learn_from or "",
        decide_at=args.decide_at,
        timing="instant" if args.instant else "timed" if args.timed else None,
        curve=args.curve,
        bracket=not args.no_bracket,
        model=args.model,
        device=args.device,
        latency=args.latency or "",
        jobs=args.jobs,
        dask=args.dask or "",
    )


def _policies(args: argparse.Namespace) -> tuple[tuple[Policy, ...], "tuple[OtherPool, ...]"]:
    """The policies to compare, `default` first, which the others are held against; and the pools of
    other managers."""
    if args.policy is None:
        if args.reuse_times or args.learn_from:
            option = "--reuse-times" if args.reuse_times else "--learn-from"
            raise UsageError(
                f"{option} is for --policy",
                remedy="add --policy default,next-use",
            )
        return (), ()
    given = (
        [*POLICIES, *OTHER_POOLS]
        if args.policy == "all"
        else [name.strip() for name in args.policy.split(",")]
    )
    for name in given:
        if name not in (*POLICIES, *OTHER_POOLS):
            raise UsageError(
                f"--policy {name!r}: no such policy",
                remedy=f"one of {', '.join((*POLICIES, *OTHER_POOLS))}",
            )
    return (
        tuple(policy for policy in POLICIES if policy in ("default", *given)),
        tuple(pool for pool in OTHER_POOLS if pool in given),
    )


def _warn_of_block_sizes(settings: "tuple[SettingValues, ...]") -> None:
    for size in {values.get("tokens_per_block") for values in settings}:
        if isinstance(size, int) and size & (size - 1):
            print(
                f"tokens_per_block {size} is no power of two: no engine is built with it",
                file=sys.stderr,
            )


def _varied(settings: "tuple[SettingValues, ...]") -> list[str]:
    """The settings to tell predictions apart by; the block size is always one."""
    varied = [key for key in settings[0] if len({values[key] for values in settings}) > 1]
    shown = [
        {"gpu_tokens": "gpu_blocks", "host_tokens": "host_blocks"}.get(key, key)
        for key in varied
        if key not in ("max_batch_size", "scheduler_policy")
    ]
    return list(dict.fromkeys(("tokens_per_block", "gpu_blocks", "host_blocks", *shown)))


def _print(report: "PredictReport", keys: list[str]) -> None:
    print(
        f"{report.requests:,} requests, {report.prompt_tokens:,} prompt tokens; "
        "rates are predicted, of prompt tokens"
    )
    first = report.predictions[0]
    for note in first.notes:
        print(note)
    policy = ("policy", "closed") if first.policy else ()
    header = (
        *keys,
        *policy,
        "computed",
        f"whole s ({first.times_label})",
        "TTFT ms",
        "p95",
        "req/s",
        "tokens",
        "blocks",
        "LRU",
        "computed",
        "optimum",
        "computed",
        "evicted",
    )
    told = report.has_content
    rows = [_row(one, keys, one.policy or "", told=told) for one in report.predictions]
    for pool, predictions in report.others.items():
        rows += [_row(one, keys, pool, told=told) for one in predictions]
    print_table(header, rows)
    if first.times_source:
        print(f"times, waiting included, are those of {first.times_source} ({first.times_label})")
    for choice in report.choices:
        reason = f"{choice.reason.text} ({choice.reason.label})"
        print(f"{choice.settings['gpu_blocks']:,} blocks: {choice.policy}; {reason}")
    for size, rejected in dict.fromkeys(
        (one.settings["gpu_blocks"], one.rejected) for one in report.predictions
    ):
        if rejected:
            print(
                f"{rejected:,} requests do not fit into {size:,} blocks and count as misses",
                file=sys.stderr,
            )
    for curve in report.curves:
        print(f"\nLRU, {curve.tokens_per_block} tokens per block (predicted)")
        print_table(CURVE_HEADER, [_point(point) for point in curve.points])


def _point(point: "CurvePoint") -> tuple[str, ...]:
    return (
        f"{point.gpu_blocks:,}",
        number(point.computed_tokens),
        seconds(point.makespan_ms),
        UNTOLD if point.ttft_ms_mean is None else f"{point.ttft_ms_mean:.1f}",
        UNTOLD if point.ttft_ms_p95 is None else f"{point.ttft_ms_p95:.1f}",
        f"{point.block_hit_rate:.2%}",
    )


def _closed(one: "Prediction") -> str:
    """The share of the gap between default priorities and the optimum, or why there is none."""
    if one.closed is not None:
        return f"{one.closed:.0%}"
    return "no gap" if one.bracket and one.policy else "-"


def _row(one: "Prediction", keys: list[str], policy: str, *, told: bool) -> tuple[str, ...]:
    return (
        *(str(one.settings[key]) for key in keys),
        *((policy, _closed(one)) if policy else ()),
        f"{one.computed_tokens:,}" if told else UNTOLD,
        seconds(one.makespan_ms),
        UNTOLD if one.ttft_ms_mean is None else f"{one.ttft_ms_mean:.1f}",
        UNTOLD if one.ttft_ms_p95 is None else f"{one.ttft_ms_p95:.1f}",
        UNTOLD if one.requests_per_s is None else f"{one.requests_per_s:.3g}",
        *(f"{rate:.2%}" if told else UNTOLD for rate in (one.token_hit_rate, one.block_hit_rate)),
        *_ends(one, told=told),
        f"{sum(one.evictions_by_priority.values()):,}",
    )


def _ends(one: "Prediction", *, told: bool) -> tuple[str, ...]:
    """The ends of the bracket, each with the prompt tokens it computes. Times are of no policy that
    could be switched on."""
    ends = one.bracket
    if ends is None or not told:
        return (UNTOLD,) * 4
    return tuple(
        text
        for rate in (ends.default_lru, ends.optimum)
        for text in (f"{rate:.2%}", f"{one.computed_at(rate):,}")
    )
