"""What plans gain for the example agents on embedded Triton.

This is a quick form of `charter-engine bench`.

Whole figures come from `charter-engine bench AGENT`: 100 documents, or 20 passes over ten rows.
`--full` runs those.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from charter_engine.api import benching
from charter_engine.contracts.benching import BenchReport, BenchRequest, VariantReport
from charter_engine.contracts.connection import TritonOptions

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
DOCUMENTS = str(EXAMPLES / "document_processor.py")
ROWS = str(EXAMPLES / "delta_processor.py")


def bench(request: BenchRequest) -> BenchReport:
    """One benchmark without its narration."""
    return asyncio.run(benching.bench(request, TritonOptions()))


def show(title: str, report: BenchReport, bar: str) -> None:
    plan, baseline = report.variant("plan"), report.variant("baseline")
    print(
        f"{title}: token hit rate {plan.token_hit_rate or 0:.1%}, "
        f"{plan.share_of_bound or 0:.1%} of its bound ({bar})"
    )
    if plan.ttft_ms and baseline.ttft_ms:
        lower = 1 - plan.ttft_ms.mean / baseline.ttft_ms.mean
        print(
            f"  TTFT {lower:.0%} lower than without reuse, on average over {plan.requests} "
            "requests (bar: 40 %)"
        )
    apart = max(abs(difference(one)) for one in report.variants)
    print(f"  predicted block hit rate at most {apart:.2%} from the measured one (bar: 1 point)")


def difference(one: VariantReport) -> float:
    """Predicted less measured block hit rate; nothing is predicted for a variant without reuse."""
    return (one.predicted_block_hit_rate or 0.0) - (one.block_hit_rate or 0.0)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--full", action="store_true", help="as many iterations as charter-engine bench does"
    )
    full = parser.parse_args(arguments).full
    documents = bench(
        BenchRequest(agent=DOCUMENTS)
        if full
        else BenchRequest(agent=DOCUMENTS, iterations=2, without=("retention",))
    )
    show("documents never seen before", documents, "bar: 95 %, and a hit rate above 70 %")
    rows = bench(
        BenchRequest(agent=ROWS) if full else BenchRequest(agent=ROWS, passes=2, max_tokens=16)
    )
    show(f"ten rows, {rows.iterations} passes", rows, "bar at 20 passes: a hit rate above 85 %")
    if rows.batch is not None:
        batch = rows.batch
        print(
            f"  a batch {batch.gain:.1f} times as fast as row by row without reuse (bar: 2); "
            f"concurrency alone {batch.concurrency_gain:.1f}, reuse alone {batch.reuse_gain:.1f}"
        )
        if batch.prefill_gain and batch.prefill_limit:
            print(f"  prefill reaches {batch.prefill_gain / batch.prefill_limit:.0%} of 1/(1-r)")
    unseen = bench(BenchRequest(agent=ROWS, unseen=True, max_tokens=16, passes=None if full else 1))
    show("rows never seen before", unseen, "bar: 95 %")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
