"""From a compiled agent and a workload to a plan: layouts, block size, host tier and retention, searched together."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.agent_workload import Pace, PlacedRequest, assumed_pace, generate
from charter_engine.analysis.bound import ReuseBound, reuse_bound
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.config.groups import cache_groups
from charter_engine.config.ranges import retention_record
from charter_engine.config.search import (
    BLOCK_SIZES,
    Evaluation,
    Levers,
    Objective,
    Point,
    as_alternative,
    choose,
    pareto,
    points,
)
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan, Policy, Reason, ServerSettings
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.dag.assembly import runnable
from charter_engine.dag.tokens import Encode
from charter_engine.kvcache import PoolSettings

Predict = Callable[[Sequence[WorkloadRequest], PoolSettings], Prediction]
Retain = Callable[[Policy, Sequence[Call], Sequence[PlacedRequest]], Mapping[str, NodePlan]]
"""What a policy adds to each node's plan (only its retention fields are looked at)."""

HOST_TIER_SHARES = (0.0, 1.0)
"""Host tiers compared, as a share of the GPU pool."""
SCARCE_SHARE = 1.0
"""Retention and a host tier are searched only where the workload does not fit the pool."""


class Deployment(Struct, frozen=True, kw_only=True):
    """What a plan is made for, as it is now. `pool_tokens` is what the GPU pool holds, `bytes_per_token` its memory for
    one, `reuse` whether it reuses blocks."""

    tokens_per_block: int = 32
    pool_tokens: int = 1 << 20
    bytes_per_token: int = 131_072
    reuse: bool = True


class Derivation(Struct, frozen=True, kw_only=True):
    """A plan with all that was compared to find it. `bounds` are by layout name."""

    plan: Plan
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    bounds: dict[str, float]
    levers: dict[str, Evaluation]


class Search:
    """One agent on one workload: generates each layout's requests once and predicts points on them."""

    def __init__(
        self,
        compiled: CompiledFile,
        *,
        inputs: Sequence[Mapping[str, Any]],
        encode: Encode,
        predict: Predict,
        retain: Retain,
        deployment: Deployment,
        pace: Pace = assumed_pace,
    ) -> None:
        self._calls = runnable(compiled.calls)
        self._agent = compiled.path
        self._inputs = inputs
        self._encode = encode
        self._predict = predict
        self._retain = retain
        self.deployment = deployment
        self._pace = pace
        self._placed: dict[str, tuple[PlacedRequest, ...]] = {}
        self._bounds: dict[str, ReuseBound] = {}
        self._evaluated: dict[Point, Evaluation] = {}

    @cached_property
    def layouts(self) -> dict[str, Mapping[str, NodePlan]]:
        """Candidate layouts by name, `source` first."""
        return candidate_layouts(self._calls)

    @property
    def as_it_is(self) -> Point:
        """The agent as written on the deployment as it is."""
        return Point("source", self.deployment.tokens_per_block, 0, "default")

    def placed(self, layout: str) -> tuple[PlacedRequest, ...]:
        """The requests of a layout. Raises `MissingInput` where an input is missing."""
        if layout not in self._placed:
            plan = Plan(agent=self._agent, nodes=dict(self.layouts[layout]))
            self._placed[layout] = generate(self._calls, self._inputs, plan, self._encode, pace=self._pace)
        return self._placed[layout]

    def bound(self, layout: str) -> ReuseBound:
        """What the layout and the inputs alone allow to be reused."""
        if layout not in self._bounds:
            self._bounds[layout] = reuse_bound(item.request for item in self.placed(layout))
        return self._bounds[layout]

    def nodes(self, layout: str, policy: Policy) -> dict[str, NodePlan]:
        """The plan's nodes under a layout and a retention policy."""
        plans = dict(self.layouts[layout])
        if policy == "default":
            return plans
        retained = self._retain(policy, self._calls, self.placed(layout))
        return {
            node: replace(
                plan,
                retention=retained[node].retention,
                decode_priority=retained[node].decode_priority,
                decode_duration_ms=retained[node].decode_duration_ms,
                why={**plan.why, **retained[node].why},
            )
            if node in retained
            else plan
            for node, plan in plans.items()
        }

    def evaluate(self, point: Point) -> Evaluation:
        """Predict one point."""
        if point not in self._evaluated:
            prediction = self.prediction(point)
            self._evaluated[point] = Evaluation(
                point=point,
                token_hit_rate=prediction.token_hit_rate,
                block_hit_rate=prediction.block_hit_rate,
                bound=self.bound(point.layout).rate,
                ttft_ms=prediction.ttft_ms_mean or 0.0,
                makespan_ms=prediction.makespan_ms or 0.0,
                memory_bytes=prediction.peak_blocks * point.tokens_per_block * self.deployment.bytes_per_token,
                times_label=prediction.times_label,
            )
        return self._evaluated[point]

    def prediction(self, point: Point) -> Prediction:
        """The whole prediction of one point."""
        nodes = self.nodes(point.layout, point.policy)
        requests = [
            replace(item.request, retention=retention_record(nodes[item.request.node], item.prompt, item.spans))
            for item in self.placed(point.layout)
        ]
        settings = PoolSettings(
            gpu_blocks=max(1, math.ceil(self.deployment.pool_tokens / point.tokens_per_block)),
            tokens_per_block=point.tokens_per_block,
            host_blocks=point.host_blocks,
        )
        return self._predict(requests, settings)

    def is_scarce(self) -> bool:
        """Whether the workload's content does not fit the pool at once."""
        content = max(
            sum(item.request.input_length + item.request.output_length for item in self.placed(layout))
            - self.bound(layout).reusable_tokens
            for layout in self.layouts
        )
        return content > self.deployment.pool_tokens * SCARCE_SHARE

    def host_block_choices(self, block_size: int) -> tuple[int, ...]:
        """Host tiers worth comparing: none, and one as large as the GPU pool, where memory is scarce."""
        if not self.is_scarce():
            return (0,)
        return tuple(round(self.deployment.pool_tokens * share / block_size) for share in HOST_TIER_SHARES)


def derive_plan(
    search: Search,
    agent: str,
    *,
    objective: Objective = "ttft",
    levers: Levers | None = None,
    policies: Sequence[Policy] = ("default", "static", "steps", "next-use"),
    block_sizes: Sequence[int] = BLOCK_SIZES,
    server: ServerSettings | None = None,
    workload: str = "",
) -> Derivation:
    """Search all lever settings and write down the best as a plan, with the reasons and the alternatives.

    `server` holds settings that are given and not searched.
    """
    levers = levers or Levers()
    as_it_is = search.as_it_is
    candidates = points(
        list(search.layouts),
        block_size=as_it_is.tokens_per_block,
        host_blocks=search.host_block_choices(as_it_is.tokens_per_block),
        policies=list(dict.fromkeys(["default", *policies])) if search.is_scarce() else ["default"],
        levers=levers,
        block_sizes=block_sizes,
    )
    evaluations = tuple(search.evaluate(point) for point in candidates)
    chosen = choose(evaluations, objective, as_it_is)
    baseline = search.evaluate(as_it_is)
    plan = _plan(
        search,
        agent,
        chosen=chosen,
        baseline=baseline,
        evaluations=evaluations,
        levers=levers,
        given=server or ServerSettings(),
        workload=workload,
    )
    return Derivation(
        plan=plan,
        chosen=chosen,
        as_it_is=baseline,
        evaluations=evaluations,
        bounds={layout: search.bound(layout).rate for layout in search.layouts},
        levers=lever_shares(search, chosen.point, as_it_is),
    )


def lever_shares(search: Search, chosen: Point, as_it_is: Point) -> dict[str, Evaluation]:
    """The chosen point with one lever put back at a time: what each is worth beside the others."""
    without = {
        "layout": Point(as_it_is.layout, chosen.tokens_per_block, chosen.host_blocks, chosen.policy),
        "block_size": Point(chosen.layout, as_it_is.tokens_per_block, chosen.host_blocks, chosen.policy),
        "host_tier": Point(chosen.layout, chosen.tokens_per_block, 0, chosen.policy),
        "retention": Point(chosen.layout, chosen.tokens_per_block, chosen.host_blocks, "default"),
    }
    return {lever: search.evaluate(point) for lever, point in without.items() if point != chosen}


def _plan(
    search: Search,
    agent: str,
    *,
    chosen: Evaluation,
    baseline: Evaluation,
    evaluations: Sequence[Evaluation],
    levers: Levers,
    given: ServerSettings,
    workload: str,
) -> Plan:
    point = chosen.point
    nodes = search.nodes(point.layout, point.policy)
    if levers.groups:
        groups = cache_groups(search.placed(point.layout))
        nodes = {node: replace(plan, cache_group=groups.get(node)) for node, plan in nodes.items()}
    deployed = search.as_it_is
    server = given if search.deployment.reuse else replace(given, enable_kv_cache_reuse=True)
    if point.tokens_per_block != deployed.tokens_per_block:
        server = replace(server, tokens_per_block=point.tokens_per_block)
    if point.host_blocks:
        server = replace(server, kv_cache_host_memory_bytes=_host_bytes(search, point))
    front = {id(evaluation) for evaluation in pareto(evaluations)}
    return Plan(
        agent=agent,
        policy=point.policy,
        server=server,
        nodes={node: replace(plan, why={**plan.why, **_node_why(plan, chosen)}) for node, plan in nodes.items()},
        why=_why(search, chosen, baseline),
        alternatives=tuple(
            as_alternative(evaluation, chosen=evaluation is chosen)
            for evaluation in evaluations
            if id(evaluation) in front or evaluation is chosen
        ),
        workload=workload,
    )


def _host_bytes(search: Search, point: Point) -> int:
    return point.host_blocks * point.tokens_per_block * search.deployment.bytes_per_token


def _node_why(plan: NodePlan, chosen: Evaluation) -> dict[str, Reason]:
    if plan.layout == "source":
        return {}
    if plan.layout == "append-only":
        text = f"continues {plan.extends}, whose prompt and answer are already in the cache"
    else:
        text = "shared segments stand first, in the order they stand in the other prompts"
    return {"layout": Reason(f"{text}; {_rates(chosen)}", "predicted")}


def _why(search: Search, chosen: Evaluation, baseline: Evaluation) -> dict[str, Reason]:
    reasons = {
        "layout": Reason(
            f"{chosen.point.layout}: {_rates(chosen)}; as written {_rates(baseline)}",
            "predicted",
        ),
    }
    if not search.deployment.reuse:
        reasons["enable_kv_cache_reuse"] = Reason("nothing is reused without it", "assumed")
    for lever, evaluation in lever_shares(search, chosen.point, search.as_it_is).items():
        if lever != "layout":
            reasons[_setting_of(lever)] = Reason(
                f"with {_value_of(lever, chosen.point)}: {_rates(chosen)}; "
                f"with {_value_of(lever, evaluation.point)}: {_rates(evaluation)}",
                "predicted",
            )
    if chosen.point.policy == "default":
        words = "the workload fits the pool" if not search.is_scarce() else "no policy is predicted to do better"
        reasons["policy"] = Reason(f"default priorities: {words}", "predicted")
    return reasons


def _setting_of(lever: str) -> str:
    return {"block_size": "tokens_per_block", "host_tier": "kv_cache_host_memory_bytes", "retention": "policy"}[lever]


def _value_of(lever: str, point: Point) -> str:
    if lever == "block_size":
        return f"{point.tokens_per_block} tokens a block"
    return f"{point.host_blocks} host blocks" if lever == "host_tier" else f"policy {point.policy}"


def _rates(evaluation: Evaluation) -> str:
    return (
        f"token hit rate {evaluation.token_hit_rate:.1%} of at most {evaluation.bound:.1%}, "
        f"TTFT {evaluation.ttft_ms:.1f} ms ({evaluation.times_label} times)"
    )
