"""An agent in a notebook or a script: planned for, predicted and run, with what it needs in
memory."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from charter_engine.api.agent_runs import expected_reuse, predict_runs
from charter_engine.api.agents import OpenedAgent, open_agent, require_no_errors
from charter_engine.api.compile_options import compile_options
from charter_engine.api.deploying import ToPush, plan_for, rules_of
from charter_engine.api.forms import asynchronous, synchronous
from charter_engine.api.given import (
    GivenInputs,
    GivenLatency,
    GivenProfile,
    PathLike,
    Sweep,
    checked,
    combinations,
    inputs_of,
    latency_from,
    profile_from,
    text_of,
)
from charter_engine.api.linting import lint
from charter_engine.api.plan_sources import current_server
from charter_engine.api.planning import plan as find_plan
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.results import Result
from charter_engine.api.running import agent_inputs, agent_plan, run_opened
from charter_engine.api.times import latency_of
from charter_engine.bls.retention import DecideAt
from charter_engine.contracts.benching import BenchReport, BenchRequest
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK, Opportunities
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.lint import LintReport, LintRequest
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Lever, Plan, Policy
from charter_engine.contracts.planning import Derivation, Objective, PlanRequest, PlanResult
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.running import RunRequest
from charter_engine.errors import UsageError
from charter_engine.executor.inputs import Inputs
from charter_engine.plan.edit import default_plan, edit_server
from charter_engine.plan.levers import levers_but
from charter_engine.plan.settings import InvalidSetting


class Agent(Result[CompiledFile]):
    """An agent's calls, its inputs, and what can be done with them. Made by `charter.compile`.

    Every method that computes or waits has an asynchronous form whose name ends in `_async`.
    `report` hears of progress; what it raises ends the work. What an agent cannot be asked raises
    `CharterError`, which says what to do.
    """

    def __init__(self, opened: OpenedAgent, tokenizer: PathLike | None = None) -> None:
        super().__init__(opened.compiled)
        self._opened = opened
        self._tokenizer = Path(tokenizer) if tokenizer is not None else None

    @property
    def path(self) -> Path:
        """Where its source is."""
        return self._opened.path

    @property
    def calls(self) -> tuple[Call, ...]:
        """Its LLM calls in source order."""
        return self.record.calls

    @property
    def inputs(self) -> tuple[Inputs, ...]:
        """What it is run over where nothing else is given: values by name, a mapping an item."""
        return self._opened.inputs

    @property
    def as_written(self) -> Plan:
        """The plan that changes nothing."""
        return default_plan(self.record)

    def over(self, inputs: GivenInputs | None) -> OpenedAgent:
        """The agent as the functions of `charter_engine.api` take it, over these inputs (None: its
        own). Raises `UsageError` for a file that holds none."""
        if inputs is None:
            return self._opened
        return dataclasses.replace(self._opened, inputs=inputs_of(inputs))

    def opportunities(
        self,
        *,
        inputs: GivenInputs | None = None,
        tokens_per_block: int = TOKENS_PER_BLOCK,
        report: Report = silent,
    ) -> Result[Opportunities]:
        """Where KV blocks could be reused, with the *predicted* hit rate of each: a share of prompt
        tokens, 0 to 1, in blocks of `tokens_per_block` tokens, on the inputs."""
        report(Progress("predicting opportunities"))
        found = expected_reuse(self.over(inputs), tokens_per_block, self._tokenizer)
        return Result(
            Opportunities(
                path=found.path,
                tokens_per_block=tokens_per_block,
                opportunities=found.opportunities,
            )
        )

    def lint(
        self, *, off: Iterable[str] = (), config: PathLike | None = None, report: Report = silent
    ) -> Result[LintReport]:
        """The places where its prompts waste the cache. For the parameters see `charter.lint`."""
        request = LintRequest(
            paths=(str(self.path),),
            off=tuple(off),
            config=text_of(config) or None,
            tokenizer=text_of(self._tokenizer) or None,
        )
        return Result(lint(checked(request), report))

    def plan(
        self,
        *,
        inputs: GivenInputs | None = None,
        workload: PathLike | None = None,
        reuse_times: PathLike | None = None,
        decide_at: DecideAt = "sent",
        objective: Objective | None = None,
        preset: str = "",
        policy: Policy | None = None,
        without: Iterable[Lever] = (),
        profile: GivenProfile | None = None,
        tokens_per_block: int | None = None,
        pool_tokens: int | None = None,
        host_tokens: int | None = None,
        model: str = "llama-3.1-8b",
        device: str = "h100",
        latency: GivenLatency | None = None,
        output: PathLike | None = None,
        jobs: int = 1,
        report: Report = silent,
    ) -> "AgentPlan":
        """Find the best plan on the inputs, or on a workload that tells what is really sent.

        The deployment as it is: `tokens_per_block`, `pool_tokens` and `host_tokens` (the sizes of
        the GPU pool and the host tier in tokens), else what its `profile` tells, else *assumed*.
        Levers in `without` stay as they are. Times are `latency`, else those of `model` on
        `device`, *assumed*. `output` is the plan file to write; hand edits in it are kept. The
        other parameters are those of `contracts.planning.PlanRequest`.

        With `jobs` above 1 settings on a workload are predicted in processes of their own; a script
        then needs the guard `if __name__ == "__main__"`. Raises `CharterError`; then nothing was
        written.
        """
        request = PlanRequest(
            agent=str(self.path),
            tokenizer=text_of(self._tokenizer),
            workload=text_of(workload),
            reuse_times=text_of(reuse_times),
            decide_at=decide_at,
            objective=objective,
            preset=preset,
            policy=policy,
            levers=levers_but(without),
            profile=profile_from(profile),
            tokens_per_block=tokens_per_block,
            pool_tokens=pool_tokens,
            host_tokens=host_tokens,
            model=model,
            device=device,
            latency=latency_from(latency, model, device),
            output=text_of(output),
            jobs=jobs,
        )
        return AgentPlan(self, find_plan(checked(request), self.over(inputs), report), output)

    def predict(
        self,
        plan: "GivenPlan" = None,
        *,
        inputs: GivenInputs | None = None,
        sweep: Sweep | None = None,
        profile: GivenProfile | None = None,
        tokens_per_block: int | None = None,
        pool_tokens: int | None = None,
        host_tokens: int | None = None,
        concurrency: int = 4,
        model: str = "llama-3.1-8b",
        device: str = "h100",
        latency: GivenLatency | None = None,
        report: Report = silent,
    ) -> Result[PredictResult]:
        """What a run over the inputs would do under a plan (None: as written), `concurrency` items
        side by side.

        `sweep` gives server settings by TensorRT-LLM's names, each with the values to compare; all
        combinations are predicted: `{"tokens_per_block": [16, 32, 64]}`. The deployment and times
        are as for `plan`. Raises `UsageError`.
        """
        request = PlanRequest(
            tokens_per_block=tokens_per_block,
            pool_tokens=pool_tokens,
            host_tokens=host_tokens,
            model=model,
        )
        opened = self.over(inputs)
        found = predict_runs(
            dataclasses.replace(opened, inputs=tuple(agent_inputs(opened))),
            _swept(self.plan_of(plan), sweep),
            current_server(checked(request), profile_from(profile)),
            at_once=concurrency,
            tokenizer=self._tokenizer,
            latency=latency_from(latency, model, device) or latency_of(model, device),
            report=report,
        )
        return Result(PredictResult(report=found))

    async def execute_async(
        self,
        inputs: GivenInputs | None = None,
        *,
        plan: "GivenPlan" = None,
        without: Iterable[Lever] = (),
        limit: int | None = None,
        concurrency: int = 4,
        triton: TritonOptions | None = None,
        report: Report = silent,
    ) -> Result[RunReport]:
        """Run its calls over the inputs under a plan (None: as written) and measure, on an embedded
        Triton that is started for it and stopped afterwards; on `triton` where it is given.

        `limit` takes the first items only; `concurrency` bounds the requests in flight. Cancelled
        while requests are sent, it gives what was measured until then. Raises `CharterError`.
        """
        request = RunRequest(
            agent=str(self.path),
            baseline=plan is None,
            without=tuple(without),
            limit=limit,
            concurrency=concurrency,
        )
        opened = self.over(inputs)
        found = await run_opened(
            checked(request),
            opened,
            agent_inputs(opened),
            self.plan_of(plan),
            triton or TritonOptions(),
            report,
        )
        return Result(found)

    async def bench_async(
        self,
        inputs: GivenInputs | None = None,
        *,
        plan: "GivenPlan" = None,
        without: Iterable[Lever] = (),
        iterations: int | None = None,
        passes: int | None = None,
        unseen: bool | None = None,
        max_tokens: int | None = None,
        quick: bool = False,
        triton: TritonOptions | None = None,
        report: Report = silent,
    ) -> Result[BenchReport]:
        """Measure it without reuse, as written, and under a plan (None: one is found), turn by
        turn: on an embedded Triton for each, started for it, or on `triton` where it is given.

        For the parameters see `contracts.benching.BenchRequest`. Cancelled, it gives the figures so
        far. Raises `CharterError`.
        """
        from charter_engine.api.benching import benchmark_of

        request = BenchRequest(
            agent=str(self.path),
            without=tuple(without),
            iterations=iterations,
            passes=passes,
            unseen=unseen,
            max_tokens=max_tokens,
            quick=quick,
        )
        opened = self.over(inputs)
        benchmark = benchmark_of(
            checked(request),
            opened,
            tuple(agent_inputs(opened)),
            None if plan is None else self.plan_of(plan),
            triton or TritonOptions(),
            report,
        )
        return Result(await benchmark.run())

    def plan_of(self, plan: "GivenPlan") -> Plan:
        """A plan in whatever form, for this agent. Raises `UsageError` for another agent's."""
        if plan is None:
            return self.as_written
        if isinstance(plan, AgentPlan):
            return plan_for(self._opened, plan.plan, "")
        if isinstance(plan, Plan):
            return plan_for(self._opened, plan, "")
        return agent_plan(str(plan), self._opened)

    opportunities_async = asynchronous(opportunities)
    lint_async = asynchronous(lint)
    plan_async = asynchronous(plan)
    predict_async = asynchronous(predict)
    execute = synchronous(execute_async)
    bench = synchronous(bench_async)


class AgentPlan(Result[PlanResult]):
    """A plan found for an agent, and what was compared to find it."""

    def __init__(self, agent: Agent, record: PlanResult, output: PathLike | None = None) -> None:
        super().__init__(record)
        self.agent = agent
        self._output = Path(output or "")

    @property
    def plan(self) -> Plan:
        """The plan itself: server settings, and layout and retention of each call."""
        return self.record.derivation.plan

    @property
    def text(self) -> str:
        """The plan file, YAML."""
        return self.record.text

    def compared(self) -> Result[Derivation]:
        """The chosen point beside the deployment as it is, and with each lever put back: computed
        tokens, times in milliseconds, rates of 0 to 1; predicted."""
        return Result(self.record.derivation)

    def to_push(self) -> ToPush:
        """The plan as a push takes it. Raises `UsageError` where its reuse times are gone."""
        rules = rules_of(self.plan, self._output)
        return ToPush(self.agent.plan_of(self), self.agent.calls, rules, self.agent.inputs)


GivenPlan = AgentPlan | Plan | PathLike | None
"""A plan: as it was found, by itself, or in a file; None: as written."""


def compile_agent(
    path: PathLike,
    *,
    inputs: GivenInputs | None = None,
    config: PathLike | None = None,
    tokenizer: PathLike | None = None,
    report: Report = silent,
) -> Agent:
    """Find an agent's LLM calls in its source, a file or a folder; the source is never executed.

    `inputs` is what it will be run over (None: the `NAME.inputs.jsonl` beside it). `config` is a
    TOML file whose `[recognizers]` add to the catalogue of calls; `tokenizer` is a `tokenizer.json`
    or the folder that holds one (None: the embedded engine's). Raises `UsageError` naming the place
    of the first error, or where no calls are found.
    """
    report(Progress("compiling"))
    options = compile_options(text_of(config) or None, text_of(tokenizer) or None)
    opened = open_agent(Path(path), options=options)
    require_no_errors(opened)
    agent = Agent(opened, tokenizer)
    return agent if inputs is None else Agent(agent.over(inputs), tokenizer)


compile_agent_async = asynchronous(compile_agent)


def _swept(plan: Plan, sweep: Sweep | None) -> tuple[Plan, ...]:
    """The plan under every combination of server settings. Raises `UsageError`."""
    plans = []
    for values in combinations(sweep):
        changed = plan
        for key, value in values.items():
            try:
                changed = edit_server(changed, key, str(value))
            except InvalidSetting as error:
                raise UsageError(str(error), remedy=error.remedy) from None
        plans.append(changed)
    return tuple(plans)
