"""Whether a plan changes what a model answers, on the very inputs of an agent."""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.answer_checks import JSON, AnswerToCheck, checked
from charter_engine.api.benching import (
    EMBEDDED_NOTICE,
    Benchmark,
    benchmark_of,
    opened_benchmark,
)
from charter_engine.api.progress import Report, silent
from charter_engine.api.running import agent_inputs, go_on
from charter_engine.contracts.answers import AnswerPair, AnswersReport, AnswersRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.plan import Plan
from charter_engine.executor.bench.answers import Arm, GivenAnswers, ask, by_node, pairs_of, verdict
from charter_engine.executor.bench.measure import MeasuredServer, ServerLost
from charter_engine.executor.bench.variants import PLAN, SOURCE, Variant
from charter_engine.executor.bench.work import QUICK_CHAIN_ITERATIONS
from charter_engine.executor.work import Item, items_of

REPEATED_ITEMS = 2
"""Items that are asked as written once more, for the server's own noise."""


def arms_of(plan: Plan) -> tuple[Variant, ...]:
    """As written, and as planned."""
    as_written = Plan(agent=plan.agent)
    return (
        Variant(SOURCE, "as written, default settings", as_written),
        Variant(PLAN, "the plan", plan),
    )


async def compare_answers(
    request: AnswersRequest,
    triton: TritonOptions,
    report: Report = silent,
    *,
    use_cache: bool = True,
) -> AnswersReport:
    """Ask everything as written and as planned, on servers started for it or on the given one, and
    compare. Cancelled, or when a server is lost, it compares what there is. Raises
    `CharterError`."""
    asked = replace(request, unseen=False)
    benchmark = await asyncio.to_thread(
        opened_benchmark, asked, triton, report, use_cache=use_cache
    )
    return await _Comparison(request, benchmark).run()


async def compare_answers_read(
    request: AnswersRequest,
    agent: OpenedAgent,
    plan: Plan,
    triton: TritonOptions,
    report: Report = silent,
) -> AnswersReport:
    """As `compare_answers`, of what the request names and was read already."""
    asked, inputs = replace(request, unseen=False), tuple(agent_inputs(agent))
    benchmark = benchmark_of(asked, agent, inputs, plan, triton, report)
    return await _Comparison(request, benchmark).run()


class _Comparison:
    def __init__(self, request: AnswersRequest, benchmark: Benchmark) -> None:
        self._request = request
        self._benchmark = benchmark
        benchmark.variants = arms_of
        limit = request.iterations or (QUICK_CHAIN_ITERATIONS if request.quick else None)
        self._inputs = benchmark.inputs[:limit]
        self._arms: dict[Arm, GivenAnswers] = {
            "written": GivenAnswers(),
            "planned": GivenAnswers(),
        }
        self._again = GivenAnswers()
        self._is_complete, self._lost = True, ""

    async def run(self) -> AnswersReport:
        plan = None
        try:
            async with self._benchmark.servers() as (plan, (written, planned)):
                await self._asked(written, planned)
        except asyncio.CancelledError:
            if plan is None:
                raise
            go_on()  # what was answered outlives an interrupt while its servers stop
        return await self._report(plan)

    async def _asked(self, written: MeasuredServer, planned: MeasuredServer) -> None:
        """Item by item, so that what was cut short holds pairs all the same."""
        try:
            mine, theirs = self._items(written), self._items(planned)
            for number, (one, other) in enumerate(zip(mine, theirs, strict=True)):
                self._benchmark.step(f"item {number + 1} of {len(mine)}")
                await self._ask(written, one, self._arms["written"])
                await self._ask(planned, other, self._arms["planned"])
                if number < REPEATED_ITEMS:
                    await self._ask(written, one, self._again)
        except ServerLost as lost:
            self._is_complete, self._lost = False, str(lost)
        except asyncio.CancelledError:
            self._is_complete = False
            go_on()

    def _items(self, server: MeasuredServer) -> tuple[Item, ...]:
        return items_of(self._benchmark.compiled.calls, self._inputs, server.variant.plan)

    async def _ask(self, server: MeasuredServer, item: Item, into: GivenAnswers) -> None:
        # Without what keeps variants apart on a server that they share: it would be read, too.
        target, variant = server.recorder.inner, server.variant
        await ask(target, self._benchmark.compiled, [item], variant.plan, variant.name, into)

    def _inputs_in_words(self) -> str:
        limit = self._benchmark.max_tokens
        words = f"{len(self._inputs)} sets as given"
        return words if limit is None else f"{words}; at most {limit} tokens generated a call"

    async def _report(self, plan: Plan) -> AnswersReport:
        written, planned = self._arms["written"], self._arms["planned"]
        pairs = pairs_of(written.found, planned.found)
        repeated = pairs_of(self._again.found, written.found)
        check = self._request.check
        errors = tuple(dict.fromkeys((*written.errors, *planned.errors, *self._again.errors)))
        return AnswersReport(
            agent=self._request.agent,
            target=self._benchmark.target_in_words,
            inputs=self._inputs_in_words(),
            check=check,
            verdict=verdict(pairs),
            nodes=by_node(
                pairs,
                await _verdicts(JSON, pairs),
                await _verdicts(check, pairs) if check else None,
            ),
            pairs=pairs,
            repeated=len(repeated),
            repeated_equal=sum(pair.is_equal for pair in repeated),
            plan=plan,
            failures=len(written.errors) + len(planned.errors),
            errors=errors,
            notes=tuple(note for note in self._benchmark.notes if note == EMBEDDED_NOTICE),
            complete=self._is_complete,
            lost=self._lost,
        )


async def _verdicts(check: str, pairs: Sequence[AnswerPair]) -> dict[Arm, list[bool]]:
    """What a check says of each answer, arm by arm. Raises `CharterError`."""
    arms: tuple[Arm, ...] = ("written", "planned")
    return {
        arm: await checked(
            check,
            [
                AnswerToCheck(
                    request=number,
                    arm=arm,
                    session=f"input {pair.item + 1}",
                    node=pair.node,
                    answer=getattr(pair, arm),
                )
                for number, pair in enumerate(pairs)
            ],
        )
        for arm in arms
    }
