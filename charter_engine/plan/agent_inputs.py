"""An agent's own inputs as a source of requests: each layout's requests generated once, points
predicted on them over simulated time."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import PlacedRequest, generate, sending_of
from charter_engine.analysis.bound import ReuseBound, reuse_bound
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.plan import NodePlan, Plan, Policy, ReleaseWhen
from charter_engine.contracts.planning import Evaluation, PlanPoint
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.reuse_times import EdgeReuseTime
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.plan.decide import POLICIES, Advice
from charter_engine.plan.groups import cache_groups
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.ranges import retention_record
from charter_engine.plan.releases import RELEASES
from charter_engine.plan.retention.agents import edge_reuse_times, retain
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.prompts.assembly import runnable
from charter_engine.prompts.tokens import Encode

Tell = Callable[[int, int], None]
"""Hears how many points were predicted so far, and of about how many. What it raises ends the
search."""


def unheard(_: int, __: int) -> None:
    """Progress that nobody watches."""


class AgentInputs:
    """The requests a run of the agent over its inputs makes, each as soon as those it needs have
    ended.

    `model` is what was learnt of when prompts come back; it replaces the assumed reuse times. For
    `at_once` and `head_start_ms` see `generate`; calls are `grouped` where that orders what runs
    side by side.
    """

    policies: Sequence[Policy] = POLICIES
    releases: Sequence[ReleaseWhen] = RELEASES[:1]
    advice: Advice | None = None
    missing = ""

    def __init__(
        self,
        compiled: CompiledFile,
        inputs: Sequence[Mapping[str, Any]],
        encode: Encode,
        deployment: CurrentServer,
        latency: LatencyModel,
        *,
        name: str = "the agent's inputs",
        model: ReuseTimeModel | None = None,
        at_once: int | None = None,
        head_start_ms: float = 0.0,
        grouped: bool = True,
        tell: Tell = unheard,
    ) -> None:
        self.name = name
        self.deployment = deployment
        self._calls = runnable(compiled.calls)
        self._agent = compiled.path
        self._inputs = inputs
        self._encode = encode
        self._latency = latency
        self._model = model
        self._at_once = at_once
        self._head_start_ms = head_start_ms
        self._grouped = grouped
        self._groups: dict[str, dict[str, str]] = {}
        self._tell = tell
        self._placed: dict[str, tuple[PlacedRequest, ...]] = {}
        self._predictors: dict[str, Predictor] = {}
        self._bounds: dict[str, ReuseBound] = {}
        self._nodes: dict[tuple[str, Policy], dict[str, NodePlan]] = {}
        self._evaluated: dict[PlanPoint, Evaluation] = {}
        self._expected = 0

    @cached_property
    def candidates(self) -> dict[str, Mapping[str, NodePlan]]:
        """Candidate layouts by name, `source` first."""
        return candidate_layouts(self._calls)

    @property
    def layouts(self) -> Sequence[str]:
        """The names of the candidate layouts."""
        return list(self.candidates)

    @cached_property
    def is_scarce(self) -> bool:
        """Whether the content of some layout does not fit the pool at once."""
        content = max(self._content(layout) for layout in self.layouts)
        return content > self.deployment.pool_tokens

    def placed(self, layout: str) -> tuple[PlacedRequest, ...]:
        """The requests of a layout. Raises `MissingInput` where an input is missing."""
        if layout not in self._placed:
            self._placed[layout] = self._generated(self.candidates[layout])
            if self._at_once is not None and (groups := self.groups(layout)):
                nodes = {
                    node: replace(plan, cache_group=groups.get(node))
                    for node, plan in self.candidates[layout].items()
                }
                self._placed[layout] = self._generated(nodes)
        return self._placed[layout]

    def groups(self, layout: str) -> dict[str, str]:
        """The cache group of each call that has one. Raises `MissingInput`."""
        if layout not in self._groups:
            self._groups[layout] = cache_groups(self.placed(layout)) if self._grouped else {}
        return self._groups[layout]

    def _generated(self, nodes: Mapping[str, NodePlan]) -> tuple[PlacedRequest, ...]:
        return generate(
            self._calls,
            self._inputs,
            Plan(agent=self._agent, nodes=dict(nodes)),
            self._encode,
            pace=partial(time_among, self._latency, self._at_once or 1),
            at_once=self._at_once,
            head_start_ms=self._head_start_ms,
        )

    def bound(self, layout: str) -> ReuseBound:
        """What the layout and the inputs alone allow to be reused."""
        if layout not in self._bounds:
            self._bounds[layout] = reuse_bound(item.request for item in self.placed(layout))
        return self._bounds[layout]

    def nodes(self, layout: str, policy: Policy) -> dict[str, NodePlan]:
        """The plan's nodes under a layout and a retention policy."""
        if (layout, policy) not in self._nodes:
            retained = retain(policy, self._calls, self.placed(layout), self._model)
            self._nodes[layout, policy] = {
                node: _with_retention(plan, retained.get(node))
                for node, plan in self.candidates[layout].items()
            }
        return self._nodes[layout, policy]

    def reuse_times(self, layout: str) -> tuple[EdgeReuseTime, ...]:
        """When the prompts of a layout come back, by edge between calls."""
        return edge_reuse_times(self._calls, self.placed(layout), self._model)

    def expect(self, points: int) -> None:
        """The search will ask for about so many points."""
        self._expected = points

    def evaluate(self, wanted: Sequence[PlanPoint]) -> list[Evaluation]:
        """Predict points. Raises `MissingInput`."""
        new = [point for point in dict.fromkeys(wanted) if point not in self._evaluated]
        self._expected = max(self._expected, len(self._evaluated) + len(new))
        for point in new:
            self._evaluated[point] = self._evaluation(point)
            self._tell(len(self._evaluated), self._expected)
        return [self._evaluated[point] for point in wanted]

    def prompt_tokens(self, point: PlanPoint) -> int:
        """What rates at a point are of."""
        return self._predictor(point.layout).workload.prompt_tokens

    def optimum(self, point: PlanPoint) -> float:
        """The token hit rate of the offline optimum on a point's pool."""
        bracket = self._predictor(point.layout).predict(self.deployment.pool_at(point)).bracket
        return bracket.optimum if bracket else 0.0

    def _evaluation(self, point: PlanPoint) -> Evaluation:
        prediction = self._prediction(point)
        return Evaluation(
            point=point,
            computed_tokens=prediction.computed_tokens,
            token_hit_rate=prediction.token_hit_rate,
            block_hit_rate=prediction.block_hit_rate,
            bound=self.bound(point.layout).rate,
            ttft_ms=prediction.ttft_ms_mean or 0.0,
            makespan_ms=prediction.makespan_ms or 0.0,
            memory_bytes=prediction.peak_blocks
            * point.tokens_per_block
            * self.deployment.bytes_per_token,
            times_label=prediction.times_label,
            ttft_p95_ms=prediction.ttft_ms_p95,
            requests_per_s=prediction.requests_per_s,
            times_source=prediction.times_source,
        )

    def _prediction(self, point: PlanPoint) -> Prediction:
        placed = self.placed(point.layout)
        nodes = self.nodes(point.layout, point.policy)
        records = [
            retention_record(nodes[item.request.node], item.prompt, item.spans) for item in placed
        ]
        return self._predictor(point.layout).predict(
            self.deployment.pool_at(point),
            timing=self._timing(placed),
            latency=self._latency,
            retention=records,
            bracket=False,
        )

    def _timing(self, placed: Sequence[PlacedRequest]) -> Timing:
        chunk = self.deployment.chunk_tokens
        if self._at_once is None:
            return Timing(after=tuple(item.after for item in placed), chunk_tokens=chunk)
        return Timing(sending=sending_of(placed, self._at_once), chunk_tokens=chunk)

    def _predictor(self, layout: str) -> Predictor:
        if layout not in self._predictors:
            self._predictors[layout] = Predictor([item.request for item in self.placed(layout)])
        return self._predictors[layout]

    def _content(self, layout: str) -> int:
        """Distinct tokens of prompts and answers."""
        tokens = sum(
            item.request.input_length + item.request.output_length for item in self.placed(layout)
        )
        return tokens - self.bound(layout).reusable_tokens


def _with_retention(plan: NodePlan, retained: NodePlan | None) -> NodePlan:
    if retained is None:
        return plan
    return replace(
        plan,
        retention=retained.retention,
        decode_priority=retained.decode_priority,
        decode_duration_ms=retained.decode_duration_ms,
        why={**plan.why, **retained.why},
    )


def time_among(
    latency: LatencyModel, at_once: int, prompt_tokens: int, output_tokens: int
) -> float:
    """How long a request takes in milliseconds that reuses nothing, where `at_once` like it run:
    the prompt of each of the others is computed once meanwhile."""
    prefill = at_once * latency.prefill_ms(prompt_tokens, 0)
    first = at_once * latency.starting_ms(0) + latency.iteration_ms(prefill)
    return first + output_tokens * latency.step_ms(at_once * (prompt_tokens + output_tokens))
