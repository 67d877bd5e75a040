"""What `plan` tells beside the plan: each lever, the retention policies, and the reuse times it
rests on."""

import sys
from typing import TYPE_CHECKING, TextIO

from msgspec import UNSET

from charter_engine.commands.cost_report import UNTOLD, number, seconds
from charter_engine.commands.outcome import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from charter_engine.contracts.plan import Plan
    from charter_engine.contracts.planning import Derivation, Evaluation, WaitsWritten
    from charter_engine.contracts.prediction import PolicyComparison, ServingTimes
    from charter_engine.contracts.reuse_times import EdgeReuseTime, ReuseTime

COSTS = ("computed", "whole s", "TTFT ms", "hit rate")
"""What is paid comes first."""
TIMES = ("TTFT p95", "req/s")


def print_report(found: "Derivation") -> None:
    """The chosen point beside the deployment as it is and each lever put back, then policies and
    reuse times."""
    from charter_engine.api.runs import plan_verdict

    if found.recorded is not UNSET:
        print_compared(found.recorded.as_it_is, found.recorded.chosen, found.recorded.levers)
        print(f"on {found.recorded.workload}\n")
    print_compared(found.as_it_is, found.chosen, {} if found.levers is UNSET else found.levers)
    if found.recorded is not UNSET:
        print(f"on {found.plan.workload.rpartition('; ')[2]}")
    said = plan_verdict(found)
    if said.words:
        print(f"\nthe plan, against the deployment as it is: {said.words}")
    print("\nwhat nothing else beats in hit rate, whole time, TTFT and memory")
    header = ("block", "host", "policy", "layout", *COSTS, *TIMES, "memory MiB")
    print_table(header, _front(found.plan))
    print()
    print_policies(found.policies)
    if found.reuse_times is not UNSET and found.reuse_times:
        print()
        _print_reuse_times(found.reuse_times)
    times = f"those of {found.chosen.times_source} " if found.chosen.times_source else ""
    label = found.chosen.times_label
    print(
        f"hit rates are predicted; times, waiting included, are {times}({label})", file=sys.stderr
    )


def print_compared(
    as_it_is: "Evaluation", chosen: "Evaluation", levers: "Mapping[str, Evaluation]"
) -> None:
    """The deployment as it is, the chosen point, and that with each lever put back."""
    header = (
        "layout", "block", "host", "policy", *COSTS, "bound", *TIMES, "memory MiB",
    )  # fmt: skip
    rows = [_row(item, item is chosen) for item in (as_it_is, chosen, *levers.values())]
    print_table(header, list(dict.fromkeys(rows)))


def _front(plan: "Plan") -> list[tuple[str, ...]]:
    return [
        (
            "* " * row.chosen + str(row.settings["tokens_per_block"]),
            str(row.settings["host_blocks"]),
            str(row.settings["policy"]),
            str(row.settings["layout"]),
            number(row.computed_tokens),
            seconds(row.makespan_ms),
            f"{row.ttft_ms:.2f}",
            f"{row.token_hit_rate:.1%}",
            *_times(row.ttft_p95_ms, row.requests_per_s),
            f"{row.memory_bytes / 2**20:.0f}",
        )
        for row in plan.alternatives
    ]


def print_policies(compared: "PolicyComparison", file: TextIO | None = None) -> None:
    """The retention policies on one pool, between default priorities and the optimum."""
    rows = [
        (
            policy,
            number(compared.computed_tokens(rate)),
            *_all_times(compared.times.get(policy)),
            f"{rate:.1%}",
            "" if compared.closed(policy) is None else f"{compared.closed(policy):.0%}",
        )
        for policy, rate in compared.hit_rates.items()
    ]
    computed = number(compared.computed_tokens(compared.optimum))
    optimum = ("optimum", computed, *_all_times(None), f"{compared.optimum:.1%}", "")
    print_table(
        ("policy", "computed", "whole s", "TTFT ms", *TIMES, "hit rate", "gap closed"),
        [*rows, optimum],
        file,
    )
    pool = f"{compared.gpu_blocks:,} blocks of {compared.tokens_per_block} tokens"
    host = f" and {compared.host_blocks:,} on the host" if compared.host_blocks else ""
    ample = "; memory is ample, no policy has anything to decide" if compared.ample else ""
    print(f"predicted on {compared.workload}, {pool}{host}{ample}", file=file)
    if compared.note:
        print(compared.note, file=file)


def _print_reuse_times(reuse_times: "tuple[EdgeReuseTime, ...]") -> None:
    print_table(
        ("reuse from", "to", "kind", "median", "spread", "uses", "label"),
        [
            (
                one.source,
                one.target or "another run",
                one.kind,
                median_text(one.reuse_time),
                f"{one.reuse_time.spread:.2f}",
                f"{one.reuse_time.requests:,}",
                one.reuse_time.label,
            )
            for one in reuse_times
        ],
    )


def _row(item: "Evaluation", chosen: bool) -> tuple[str, ...]:
    return (
        "* " * chosen + item.point.layout,
        str(item.point.tokens_per_block),
        str(item.point.host_blocks),
        item.point.policy,
        number(item.computed_tokens),
        seconds(item.makespan_ms),
        f"{item.ttft_ms:.2f}",
        f"{item.token_hit_rate:.1%}",
        f"{item.bound:.1%}",
        *_times(item.ttft_p95_ms, item.requests_per_s),
        f"{item.memory_bytes / 2**20:.0f}",
    )


def _all_times(found: "ServingTimes | None") -> tuple[str, ...]:
    if found is None:
        return (UNTOLD, UNTOLD, UNTOLD, UNTOLD)
    mean = UNTOLD if found.ttft_ms is None else f"{found.ttft_ms:.2f}"
    return (seconds(found.makespan_ms), mean, *_times(found.ttft_p95_ms, found.requests_per_s))


def _times(ttft_p95_ms: float | None, requests_per_s: float | None) -> tuple[str, str]:
    return (
        "" if ttft_p95_ms is None else f"{ttft_p95_ms:.2f}",
        "" if requests_per_s is None else f"{requests_per_s:.3g}",
    )


def median_text(reuse_time: "ReuseTime") -> str:
    """The median reuse time as it is printed."""
    return "never" if reuse_time.median_s is None else f"{reuse_time.median_s:.3g} s"


def tell_reuse_times_written(written: "WaitsWritten | None") -> None:
    """Where reuse times were written, on standard error."""
    if written is not None:
        print(
            f"{written.path}: reuse times of {written.requests:,} requests in {written.sessions:,} "
            "sessions",
            file=sys.stderr,
        )
