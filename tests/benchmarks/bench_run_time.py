"""How long runs are predicted to take, and how long they take: a desk of 60 calls and both example
agents, as written and under Charter's plan, on the embedded Triton.

Bar: within 15 % from the second run on, and verdicts in words that agree with what is measured. The
first run of each is what times are fitted to. Beside the prediction before a run stands the one
with times fitted to that very run, which no other load of the machine has spoilt. A repeat is
predicted from what the runs before it left in the cache.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from charter_engine.api.agents import open_agent
from charter_engine.api.calibrating import fitted
from charter_engine.contracts.commands import ProposePlan, Push, ShowRun, StartRun
from charter_engine.contracts.gauges import Run, Runs, Triton
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.runs import RunDetail
from charter_engine.service.heavy_work import AsDeployed, predicted_order
from charter_engine.service.run_manager import MOST_CACHED
from tests.benchmarks.desk import write_desk
from tests.integration.service.engines import (
    Watch,
    draft,
    serving,
    session,
    watching,
)

BAR = 0.15
RUNS = 3
PATIENCE_SECONDS = 900.0
EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "agents"


def is_running(watch: Watch) -> bool:
    payload = watch.latest.get("run")
    return isinstance(payload, Run) and payload.progress.state == "running"


def is_fitted(watch: Watch) -> bool:
    """Whether times were fitted to a run here."""
    predicted = session(watch).predicted
    return predicted is not None and predicted.times_label == "predicted"


def shown_runs(watch: Watch) -> Runs:
    payload = watch.latest.get("runs")
    assert isinstance(payload, Runs)
    return payload


class MeasuredRuns:
    """Runs of one agent on one engine, each with what was predicted of it before."""

    def __init__(self, watch: Watch, agent: Path) -> None:
        self._watch = watch
        self._agent = open_agent(agent)
        self._cached: tuple[Plan, ...] = ()
        self.apart: list[float] = []
        self.apart_alone: list[float] = []

    async def run(self, words: str, variant: str, plan: Plan, *, told: bool) -> None:
        """Run once; `told`: what was predicted before counts."""
        watch = self._watch
        await watch.until(
            lambda w: not draft(w).busy and session(w).predicted is not None, PATIENCE_SECONDS
        )
        empty = session(watch).predicted
        before = session(watch).next_run or empty
        known = shown_runs(watch).runs
        await watch.client.request(StartRun(variant="plan" if variant == "plan" else "baseline"))
        await watch.until(lambda w: len(shown_runs(w).runs) > len(known), PATIENCE_SECONDS)
        # What the run tells of times is what the next is predicted by.
        await watch.until(
            lambda w: is_fitted(w) and session(w).predicted != empty, PATIENCE_SECONDS
        )
        number = shown_runs(watch).runs[0].number
        detail = await watch.client.request(ShowRun(number=number))
        assert isinstance(detail, RunDetail)
        cost = detail.summary.cost
        whole = cost.whole_ms or 0.0
        if not detail.summary.earlier:
            self._cached = ()
        alone = self._fitted(detail, plan) / whole - 1
        others = tuple(one for one in self._cached if one.nodes != plan.nodes)
        self._cached = (*others, plan)[-MOST_CACHED:]
        predicted = (before.makespan_ms or 0.0) if before is not None else 0.0
        apart = predicted / whole - 1
        if told:
            self.apart.append(apart)
            self.apart_alone.append(alone)
        print(
            f"  {words:<18} took {whole / 1e3:6.2f} s, computed {cost.computed_tokens}"
            f" of {cost.prompt_tokens}; predicted before {predicted / 1e3:6.2f} s"
            f" ({apart:+.0%}), by its own times {alone:+.0%}",
            flush=True,
        )

    def _fitted(self, detail: RunDetail, plan: Plan) -> float:
        calibration = fitted(detail.requests)
        triton, profile = self._watch.latest.get("triton"), session(self._watch).profile
        assert calibration is not None and isinstance(triton, Triton) and profile is not None
        deployment = AsDeployed(
            triton.sample.kv_pool,
            profile,
            None,
            draft(self._watch).at_once,
            calibration.model,
        )
        order = predicted_order(self._agent, plan, deployment, self._cached, lambda _: None)
        assert order is not None
        return (order.repeated or order.prediction).makespan_ms or 0.0


async def measure(agent: Path, directory: Path, runs: int) -> MeasuredRuns:
    async with watching(directory) as watch:
        await watch.until(lambda w: session(w).phase == "ready", PATIENCE_SECONDS)
        measuring = MeasuredRuns(watch, agent)
        as_written = session(watch).plan
        assert as_written is not None
        for number in range(runs):
            words = f"as written, run {number + 1}"
            await measuring.run(words, "plan", as_written, told=number > 0)
        request = PlanRequest(objective="memory")
        await watch.client.request(
            ProposePlan(base_revision=session(watch).revision, request=request),
            within=PATIENCE_SECONDS,
        )
        await watch.until(lambda w: not draft(w).busy, PATIENCE_SECONDS)
        plan = draft(watch).plan
        if plan is None:
            print("  nothing else is proposed")
            return measuring
        print(f"  predicted: {draft(watch).verdict.words}")
        await watch.client.request(
            Push(base_revision=session(watch).revision), within=PATIENCE_SECONDS
        )
        await watch.until(lambda w: session(w).phase == "ready", PATIENCE_SECONDS)
        for number in range(runs):
            await measuring.run(f"planned, run {number + 1}", "plan", plan, told=True)
        print(f"  measured:  {shown_runs(watch).verdict.words}")
        return measuring


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", type=Path, action="append")
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        desk = write_desk(Path(folder), 5, 9, 3)
        examples = (EXAMPLES / "document_processor.py", EXAMPLES / "delta_processor.py")
        for agent in given.agent or (desk, *examples):
            directory = Path(tempfile.mkdtemp(dir=folder))
            print(agent.stem, flush=True)
            with serving(directory, "--agent", str(agent), "--no-run"):
                found = asyncio.run(measure(agent, directory, given.runs))
            worst = max(worst, *(abs(one) for one in found.apart))
            alone = max(abs(one) for one in found.apart_alone)
            print(f"  at most {worst:.0%} apart, by a run's own times {alone:.0%}")
    print(f"predicted and measured run time at most {worst:.0%} apart (bar {BAR:.0%})")
    return 0 if worst <= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
