"""From a compiled agent and a workload to a plan: layouts, block size, host tier and retention,
searched together."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.agent_workload import Pace, PlacedRequest, assumed_pace, generate
from charter_engine.analysis.bound import ReuseBound, reuse_bound
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan, Policy, Reason, ServerSettings
from charter_engine.contracts.prediction import PolicyComparison, Prediction
from charter_engine.contracts.waits import EdgeWait
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import predict
from charter_engine.plan import why
from charter_engine.plan.groups import cache_groups
from charter_engine.plan.ranges import retention_record
from charter_engine.plan.search import (
    BLOCK_SIZES,
    Evaluation,
    Levers,
    Objective,
    PlanPoint,
    alternatives,
    choose,
    points,
    put_back,
)
from charter_engine.prompts.assembly import runnable
from charter_engine.prompts.tokens import Encode

if TYPE_CHECKING:
    from charter_engine.plan.on_workload import Decision

POLICIES: tuple[Policy, ...] = ("default", "static", "steps", "next-use")
Predict = Callable[[Sequence[WorkloadRequest], PoolSettings], Prediction]
Retain = Callable[[Policy, Sequence[Call], Sequence[PlacedRequest]], Mapping[str, NodePlan]]
"""What a policy adds to each node's plan (only its retention fields are looked at)."""

HOST_TIER_SHARES = (0.0, 1.0)
"""Host tiers compared, as a share of the GPU pool."""
SCARCE_SHARE = 1.0
"""Retention and a host tier are searched only where the workload does not fit the pool."""


class CurrentServer(Struct, frozen=True, kw_only=True):
    """What a plan is made for, as it is now. `pool_tokens` is what the GPU pool holds,
    `bytes_per_token` its memory for one, `reuse` whether it reuses blocks."""

    tokens_per_block: int = 32
    pool_tokens: int = 1 << 20
    bytes_per_token: int = 131_072
    reuse: bool = True


class Derivation(Struct, frozen=True, kw_only=True):
    """A plan with all that was compared to find it. `bounds` are by layout name; `policies`
    compares the retention policies at the chosen point, and `waits` are those the plan rests on, by
    edge between calls."""

    plan: Plan
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    bounds: dict[str, float]
    levers: dict[str, Evaluation]
    policies: PolicyComparison
    waits: tuple[EdgeWait, ...] = ()


class Search:
    """One agent on one workload: generates each layout's requests once and predicts points on
    them."""

    def __init__(
        self,
        compiled: CompiledFile,
        *,
        inputs: Sequence[Mapping[str, Any]],
        encode: Encode,
        predict: Predict,
        retain: Retain,
        deployment: CurrentServer,
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
        self._evaluated: dict[PlanPoint, Evaluation] = {}

    @cached_property
    def layouts(self) -> dict[str, Mapping[str, NodePlan]]:
        """Candidate layouts by name, `source` first."""
        return candidate_layouts(self._calls)

    @property
    def as_it_is(self) -> PlanPoint:
        """The agent as written on the deployment as it is."""
        return PlanPoint("source", self.deployment.tokens_per_block, 0, "default")

    def placed(self, layout: str) -> tuple[PlacedRequest, ...]:
        """The requests of a layout. Raises `MissingInput` where an input is missing."""
        if layout not in self._placed:
            plan = Plan(agent=self._agent, nodes=dict(self.layouts[layout]))
            self._placed[layout] = generate(
                self._calls, self._inputs, plan, self._encode, pace=self._pace
            )
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

    def evaluate(self, point: PlanPoint) -> Evaluation:
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
                memory_bytes=prediction.peak_blocks
                * point.tokens_per_block
                * self.deployment.bytes_per_token,
                times_label=prediction.times_label,
            )
        return self._evaluated[point]

    def prediction(self, point: PlanPoint) -> Prediction:
        """The whole prediction of one point."""
        nodes = self.nodes(point.layout, point.policy)
        requests = [
            replace(
                item.request,
                retention=retention_record(nodes[item.request.node], item.prompt, item.spans),
            )
            for item in self.placed(point.layout)
        ]
        return self._predict(requests, self.settings(point))

    def settings(self, point: PlanPoint) -> PoolSettings:
        """The pool of a point: as large as the deployment's, in blocks of the point's size."""
        return PoolSettings(
            gpu_blocks=max(1, math.ceil(self.deployment.pool_tokens / point.tokens_per_block)),
            tokens_per_block=point.tokens_per_block,
            host_blocks=point.host_blocks,
        )

    def compare(self, point: PlanPoint, workload: str) -> PolicyComparison:
        """The retention policies at one point, and the optimum on that pool."""
        settings = self.settings(point)
        bracket = predict([item.request for item in self.placed(point.layout)], settings).bracket
        return PolicyComparison(
            workload=workload,
            tokens_per_block=settings.tokens_per_block,
            gpu_blocks=settings.gpu_blocks,
            host_blocks=settings.host_blocks,
            hit_rates={
                policy: self.evaluate(replace(point, policy=policy)).token_hit_rate
                for policy in POLICIES
            },
            optimum=bracket.optimum if bracket else 0.0,
            ample=not self.is_scarce(),
        )

    def is_scarce(self) -> bool:
        """Whether the workload's content does not fit the pool at once."""
        content = max(
            sum(
                item.request.input_length + item.request.output_length
                for item in self.placed(layout)
            )
            - self.bound(layout).reusable_tokens
            for layout in self.layouts
        )
        return content > self.deployment.pool_tokens * SCARCE_SHARE

    def host_tiers(self) -> tuple[int, ...]:
        """Host tiers worth comparing, in tokens: none, and one as large as the GPU pool, where
        memory is scarce."""
        shares = HOST_TIER_SHARES if self.is_scarce() else HOST_TIER_SHARES[:1]
        return tuple(round(self.deployment.pool_tokens * share) for share in shares)


class Asked(Struct, frozen=True, kw_only=True):
    """How a plan is to be searched. `server` holds settings that are given and not searched,
    `given_because` why.

    A `policy` that is given is taken, whatever is predicted of it. `left_out` says of what must
    stay as deployed why it must, by the name of the plan's value, `policy_note` which policies were
    not compared and why. `decided` is what a recorded workload decides: all but the layout.
    """

    objective: Objective = "ttft"
    levers: Levers = Levers()
    policies: tuple[Policy, ...] = POLICIES
    policy: Policy | None = None
    block_sizes: tuple[int, ...] = BLOCK_SIZES
    server: ServerSettings = ServerSettings()
    given_because: str = "a preset's"
    left_out: Mapping[str, Reason] = {}
    policy_note: str = ""
    decided: "Decision | None" = None


def derive_plan(
    search: Search, agent: str, asked: Asked | None = None, *, workload: str = ""
) -> Derivation:
    """Search all lever settings and write down the best as a plan, with the reasons and the
    alternatives."""
    asked = asked or Asked()
    as_it_is = search.as_it_is
    evaluations = tuple(search.evaluate(point) for point in _candidates(search, asked))
    chosen = choose(evaluations, asked.objective, as_it_is)
    decided = asked.decided
    compared = (
        decided.comparison
        if decided
        else search.compare(chosen.point, workload or "the agent's inputs")
    )
    return Derivation(
        plan=_plan(search, agent, chosen, asked, evaluations, compared, workload),
        chosen=chosen,
        as_it_is=search.evaluate(as_it_is),
        evaluations=evaluations,
        bounds={layout: search.bound(layout).rate for layout in search.layouts},
        levers=lever_shares(search, chosen.point, as_it_is),
        policies=compared,
    )


def _candidates(search: Search, asked: Asked) -> tuple[PlanPoint, ...]:
    if asked.decided is not None:
        fixed = asked.decided.chosen.point
        layouts = list(search.layouts) if asked.levers.layout else ["source"]
        return tuple(replace(fixed, layout=layout) for layout in layouts)
    policies: list[Policy] = (
        list(dict.fromkeys(["default", *asked.policies])) if search.is_scarce() else ["default"]
    )
    return points(
        list(search.layouts),
        block_size=search.as_it_is.tokens_per_block,
        host_tokens=search.host_tiers(),
        policies=[asked.policy] if asked.policy else policies,
        levers=asked.levers,
        block_sizes=asked.block_sizes,
    )


def lever_shares(search: Search, chosen: PlanPoint, as_it_is: PlanPoint) -> dict[str, Evaluation]:
    """The chosen point with one lever put back at a time: what each is worth beside the others."""
    return {lever: search.evaluate(point) for lever, point in put_back(chosen, as_it_is).items()}


def _plan(
    search: Search,
    agent: str,
    chosen: Evaluation,
    asked: Asked,
    evaluations: Sequence[Evaluation],
    compared: PolicyComparison,
    workload: str,
) -> Plan:
    point, decided = chosen.point, asked.decided
    nodes = search.nodes(point.layout, point.policy)
    if asked.levers.groups:
        groups = cache_groups(search.placed(point.layout))
        nodes = {node: replace(plan, cache_group=groups.get(node)) for node, plan in nodes.items()}
    return Plan(
        agent=agent,
        policy=point.policy,
        server=server_settings(point, search.deployment, asked),
        nodes={node: replace(plan, why=why.of_node(plan, chosen)) for node, plan in nodes.items()},
        why=_why(search, chosen, asked, compared),
        alternatives=(
            alternatives(decided.evaluations, decided.chosen, decided.as_it_is.point)
            if decided
            else alternatives(evaluations, chosen, search.as_it_is)
        ),
        workload=workload,
    )


def server_settings(point: PlanPoint, deployment: CurrentServer, asked: Asked) -> ServerSettings:
    """What a point asks of the server beside what is given; nothing where the server takes no
    settings."""
    if "server" in asked.left_out:
        return ServerSettings()
    server = asked.server if deployment.reuse else replace(asked.server, enable_kv_cache_reuse=True)
    if point.tokens_per_block != deployment.tokens_per_block:
        server = replace(server, tokens_per_block=point.tokens_per_block)
    if point.host_blocks:
        size = point.host_blocks * point.tokens_per_block * deployment.bytes_per_token
        server = replace(server, kv_cache_host_memory_bytes=size)
    return server


def server_why(deployment: CurrentServer, asked: Asked) -> dict[str, Reason]:
    """Why settings that were not searched are as they are; what was left out wins."""
    reasons = why.of_given(asked.server, asked.given_because)
    if not deployment.reuse:
        reasons["enable_kv_cache_reuse"] = Reason("nothing is reused without it", "assumed")
    return reasons | dict(asked.left_out)


def _why(
    search: Search, chosen: Evaluation, asked: Asked, compared: PolicyComparison
) -> dict[str, Reason]:
    decided = asked.decided
    reasons = {"layout": why.of_layout(chosen, search.evaluate(search.as_it_is))}
    if decided is not None:
        reasons |= decided.why
    else:
        reasons |= why.of_levers(chosen, lever_shares(search, chosen.point, search.as_it_is))
        reasons["policy"] = _policy_reason(search, chosen, asked, compared)
    return reasons | server_why(search.deployment, asked)


def _policy_reason(
    search: Search, chosen: Evaluation, asked: Asked, compared: PolicyComparison
) -> Reason:
    words = f"{asked.policy_note}{why.policies_in_words(compared)}"
    if asked.policy is not None:
        text = f"{asked.policy}, as was asked for"
    elif not asked.levers.retention:
        text = "default priorities: retention was left alone"
    elif not search.is_scarce():
        text = "default priorities: the workload fits the pool"
    elif chosen.point.policy == "default":
        text = "default priorities: no policy is predicted to do better"
    else:
        text = f"{chosen.point.policy} is predicted to do best"
    return Reason(f"{text}; {words}", "predicted")
