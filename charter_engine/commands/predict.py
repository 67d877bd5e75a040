"""`charter-engine predict WORKLOAD`: what settings would do on it."""

import argparse
import dataclasses
import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from charter_engine.api.workload_files import load
from charter_engine.commands.options import add_moment_option
from charter_engine.commands.outcome import (
    DONE,
    complain,
    print_json,
    print_table,
)
from charter_engine.contracts.plan import Policy
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.sweep import SweepPoint
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.prediction import Curve, Prediction, PredictReport
    from charter_engine.kvcache.predict.latency import LatencyModel
    from charter_engine.kvcache.predict.predictor import Predictor, Retain
    from charter_engine.kvcache.workload.columns import Workload

DEFAULT_TOKENS_PER_BLOCK = 32
DEFAULT_GPU_TOKENS = 427_000
"""What an H100 holds beside an 8B model in bf16: *assumed* where nobody says otherwise."""

SLOW_TIMED_TOKENS = 20_000_000
"""From about here on a timed prediction takes long enough to say so."""

POLICIES = get_args(Policy)

_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")
_NUMBERS = (
    "tokens_per_block",
    "gpu_blocks",
    "host_blocks",
    "gpu_tokens",
    "host_tokens",
    "offload_min_priority",
)
_SWITCHES = ("reuse", "partial_reuse", "copy_on_partial_reuse")
_WORDS = {
    "eviction": ("leaf", "flat", "v2", "vllm", "sglang"),
    "scheduler_policy": ("guaranteed_no_evict", "max_utilization"),
}

Values = dict[str, int | bool | str]


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "predict",
        help="tell what settings would do on a workload",
        description="Predicts hit rates, evictions and times on a workload. Beside each figure stand default-priority "
        "LRU and the offline optimum on the same pool.",
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
        + ", ".join((*_NUMBERS, *_SWITCHES, *_WORDS, "max_batch_size"))
        + "; gpu_tokens and host_tokens give a pool's size whatever the block size",
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--plan", metavar="FILE", help="retention by node of the workload, or by the plan's waits"
    )
    asked.add_argument(
        "--policy",
        metavar="NAME[,NAME…]",
        help=f"retention policies to compare: {', '.join(POLICIES)}, or all; next-use without --waits or --learn-from "
        "learns from one half of the sessions for the other",
    )
    learnt = parser.add_mutually_exclusive_group()
    learnt.add_argument(
        "--waits", metavar="FILE", help="waits written by `charter-engine learn`, for --policy"
    )
    learnt.add_argument(
        "--learn-from", metavar="FILE", help="other sessions to learn the waits from, for --policy"
    )
    add_moment_option(parser)
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
    parser.add_argument("--jobs", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--strict", action="store_true", help="refuse a file with a bad line")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Predict every combination of the settings."""
    if args.jobs is not None and args.jobs < 1:
        raise UsageError(
            f"--jobs {args.jobs}: give a number from 1",
        )
    settings = combinations(args.set)
    _warn_of_block_sizes(settings)
    policies = _policies(args)
    latency, kv_bytes = latency_of(args)
    workload = load(args.workload, strict=args.strict)
    import msgspec

    from charter_engine.api.sweep import sweep, told
    from charter_engine.commands.compare_policies import compared, retention_by_policy
    from charter_engine.contracts.prediction import PredictReport
    from charter_engine.kvcache.predict.predictor import Predictor
    from charter_engine.kvcache.predict.simulation import code_is_kept

    args.instant = args.instant or _too_large_to_time(workload, args)
    retention, unmatched = _retention(args.plan, workload)
    points = [_point(values, args, latency, retention, kv_bytes) for values in settings]
    estimates, asked = retention_by_policy(workload, policies, args)
    if policies:
        points = [
            msgspec.structs.replace(point, retention=asked[policy])
            for point in points
            for policy in policies
        ]
    predictor = Predictor(workload)
    if (
        args.instant
        and any(predictor.prefers_compiled(point.settings) for point in points)
        and not code_is_kept()
    ):
        print("compiling the predictor; this is done once", file=sys.stderr)
    predictions: tuple[Prediction, ...]
    try:
        predictions = tuple(told(sweep(predictor, points, args.jobs), len(points)))
    except ValueError as error:
        raise UsageError(
            f"{args.workload}: {error}",
        ) from error
    predictions, choices = compared(predictions, policies, estimates)
    report = PredictReport(
        workload=args.workload,
        requests=len(workload),
        prompt_tokens=workload.prompt_tokens,
        timing="instant" if args.instant else "timed",
        predictions=predictions,
        curves=_curves(predictor, points) if args.curve else (),
        choices=choices,
        unmatched_nodes=unmatched,
    )
    if args.json:
        print_json(report)
    else:
        _print(report, _varied(settings))
    return DONE


def _policies(args: argparse.Namespace) -> tuple[Policy, ...]:
    """The policies to compare, `default` first: what the others are held against."""
    if args.policy is None:
        if args.waits or args.learn_from:
            option = "--waits" if args.waits else "--learn-from"
            raise UsageError(
                f"{option} is for --policy",
                remedy="add --policy default,next-use",
            )
        return ()
    given = (
        list(POLICIES)
        if args.policy == "all"
        else [name.strip() for name in args.policy.split(",")]
    )
    for name in given:
        if name not in POLICIES:
            raise UsageError(
                f"--policy {name!r}: no such policy",
                remedy=f"one of {', '.join(POLICIES)}",
            )
    return tuple(policy for policy in POLICIES if policy in ("default", *given))


def _warn_of_block_sizes(settings: list[Values]) -> None:
    for size in {values.get("tokens_per_block") for values in settings}:
        if isinstance(size, int) and size & (size - 1):
            print(
                f"tokens_per_block {size} is no power of two: no engine is built with it",
                file=sys.stderr,
            )


def _too_large_to_time(workload: "Workload", args: argparse.Namespace) -> bool:
    """Whether simulated time would take minutes and nobody asked for it."""
    if args.timed or workload.prompt_tokens <= SLOW_TIMED_TOKENS:
        return False
    if not args.instant:
        print(
            "a large workload: each request starts and ends at once; --timed takes minutes",
            file=sys.stderr,
        )
    return True


def combinations(given: list[str]) -> list[Values]:
    """Every combination of what `--set` names. Raises CharterError for a key or value that is
    none."""
    choices: dict[str, list[int | bool | str]] = {}
    for assignment in given:
        key, _, values = assignment.partition("=")
        key = key.strip()
        if not values:
            raise UsageError(
                f"--set {assignment}: no value",
                remedy="write --set key=value[,value…]",
            )
        choices[key] = [_value(key, value.strip()) for value in values.split(",")]
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


def _value(key: str, text: str) -> int | bool | str:
    if key in (*_NUMBERS, "max_batch_size"):
        try:
            return int(text.replace("_", ""))
        except ValueError:
            raise UsageError(
                f"--set {key}: {text!r} is no whole number",
            ) from None
    if key in _SWITCHES and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if key in _WORDS and text.lower() in _WORDS[key]:
        return text.lower()
    if key in _SWITCHES or key in _WORDS:
        words = _WORDS.get(key, ("true", "false"))
        raise UsageError(
            f"--set {key}: {text!r} is not one of {', '.join(words)}",
        )
    known = (*_NUMBERS, *_SWITCHES, *_WORDS, "max_batch_size")
    raise UsageError(
        f"--set {key}: no such setting",
        remedy=f"known are {', '.join(known)}",
    )


def _point(
    given: Values,
    args: argparse.Namespace,
    latency: "LatencyModel",
    retention: "Retain | None",
    kv_bytes: int,
) -> "SweepPoint":
    import msgspec

    from charter_engine.api.sweep import SweepPoint
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.kvcache.predict.timeline import Timing

    values = {"tokens_per_block": DEFAULT_TOKENS_PER_BLOCK, **given}
    size = int(values["tokens_per_block"])
    schedule = {
        key: values.pop(key) for key in ("scheduler_policy", "max_batch_size") if key in values
    }
    gpu_tokens = int(values.pop("gpu_tokens", DEFAULT_GPU_TOKENS))
    host_tokens = int(values.pop("host_tokens", 0))
    values.setdefault("gpu_blocks", -(-gpu_tokens // max(1, size)))
    values.setdefault("host_blocks", host_tokens // max(1, size))
    try:
        settings = msgspec.convert(values, PoolSettings)
        timing = None if args.instant else msgspec.convert(schedule, Timing)
    except ValueError as error:
        raise UsageError(
            f"--set: {error}",
        ) from error
    return SweepPoint(
        settings=settings,
        timing=timing,
        latency=latency,
        retention=retention,
        bracket=not args.no_bracket,
        kv_bytes_per_token=kv_bytes,
    )


def latency_of(args: argparse.Namespace) -> "tuple[LatencyModel, int]":
    """What `--model`, `--device` and `--latency` say of times, and the bytes of a token. Raises
    CharterError."""
    import msgspec

    from charter_engine.commands.options import check_names
    from charter_engine.kvcache.predict.latency import MODELS, from_first_principles
    from charter_engine.kvcache.predict.latency_fit import Calibration

    check_names(args.model, args.device)
    kv_bytes = MODELS[args.model].kv_bytes_per_token
    if args.latency is None:
        return from_first_principles(args.model, args.device), kv_bytes
    try:
        return msgspec.json.decode(
            Path(args.latency).read_bytes(), type=Calibration
        ).model, kv_bytes
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{args.latency}: {error}",
            remedy="give what `charter-engine calibrate --json` printed",
        ) from error


def _retention(name: str | None, workload: "Workload") -> "tuple[Retain | None, tuple[str, ...]]":
    """What a plan asks for, and those of its nodes that the workload does not have."""
    if name is None:
        return None, ()
    from charter_engine.api.plan_files import plan_of
    from charter_engine.api.waits_files import waits_of_plan
    from charter_engine.kvcache.predict.predictor import plan_retention, resolve_retention
    from charter_engine.plan.retention.streams import learnt_elsewhere

    plan = plan_of(Path(name))
    try:
        waits = waits_of_plan(plan, Path(name))
        if waits is not None:
            asked = learnt_elsewhere(workload, waits.model).asked(workload, "next-use", waits.price)
            return resolve_retention(dataclasses.replace(workload, retention=asked), None), ()
        unmatched = tuple(node for node in plan.nodes if node not in workload.nodes)
        if unmatched:
            found = f"{len(unmatched)} of its {len(plan.nodes)} nodes are in no request: {', '.join(unmatched)}"
            complain(
                f"{name}: {found}",
                f"the workload's nodes are {', '.join(map(repr, workload.nodes))}",
            )
        return plan_retention(plan), unmatched
    except ValueError as error:
        raise UsageError(
            f"{name}: {error}",
            remedy="use `charter-engine plan` to predict an agent's own workload",
        ) from error


def _curves(predictor: "Predictor", points: "list[SweepPoint]") -> "tuple[Curve, ...]":
    from charter_engine.contracts.prediction import Curve, CurvePoint
    from charter_engine.kvcache.predict.curve import hit_curve

    curves = []
    for size in dict.fromkeys(point.settings.tokens_per_block for point in points):
        capacities, rates = hit_curve(
            predictor.paths, predictor.workload.input_length, size
        ).sampled()
        pairs = zip(capacities.tolist(), rates.tolist(), strict=True)
        curves.append(
            Curve(tokens_per_block=size, points=tuple(CurvePoint(*pair) for pair in pairs))
        )
    return tuple(curves)


def _varied(settings: list[Values]) -> list[str]:
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
        f"{report.requests:,} requests, {report.prompt_tokens:,} prompt tokens; rates are predicted, of prompt tokens"
    )
    first = report.predictions[0]
    policy = ("policy", "closed") if first.policy else ()
    header = (
        *keys,
        *policy,
        "tokens",
        "blocks",
        "LRU",
        "optimum",
        f"TTFT ms ({first.times_label})",
        "p95",
        "evicted",
    )
    print_table(header, [_row(one, keys) for one in report.predictions])
    for choice in report.choices:
        print(
            f"{choice.settings['gpu_blocks']:,} blocks: {choice.policy}; {choice.reason.text} ({choice.reason.label})"
        )
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
        print_table(
            ("gpu_blocks", "blocks"),
            [(f"{p.gpu_blocks:,}", f"{p.block_hit_rate:.2%}") for p in curve.points],
        )


def _row(one: "Prediction", keys: list[str]) -> tuple[str, ...]:
    bracket = one.bracket
    return (
        *(str(one.settings[key]) for key in keys),
        *((one.policy, "" if one.closed is None else f"{one.closed:.0%}") if one.policy else ()),
        f"{one.token_hit_rate:.2%}",
        f"{one.block_hit_rate:.2%}",
        f"{bracket.default_lru:.2%}" if bracket else "",
        f"{bracket.optimum:.2%}" if bracket else "",
        "" if one.ttft_ms_mean is None else f"{one.ttft_ms_mean:.1f}",
        "" if one.ttft_ms_p95 is None else f"{one.ttft_ms_p95:.1f}",
        f"{sum(one.evictions_by_priority.values()):,}",
    )
