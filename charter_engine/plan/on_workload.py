"""Block size, host tier and retention searched on a recorded workload, as the agent's requests
really came."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from msgspec import Struct

from charter_engine.bls.reuse_times import DecideAt
from charter_engine.contracts.plan import Policy, Reason
from charter_engine.contracts.prediction import PolicyComparison, Prediction
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, Retain, resolve_retention
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan import why
from charter_engine.plan.derive import HOST_TIER_SHARES, POLICIES, CurrentServer
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.scale import PRICE
from charter_engine.plan.retention.streams import (
    Estimates,
    annotate,
    judge,
    learnt_crosswise,
    learnt_elsewhere,
)
from charter_engine.plan.search import (
    BLOCK_SIZES,
    Evaluation,
    Levers,
    Objective,
    PlanPoint,
    choose,
    points,
    put_back,
)

AS_RECORDED = "as recorded"


class Trial(Struct, frozen=True):
    """A setting to predict, and what the requests ask for."""

    settings: PoolSettings
    retention: Retain


Run = Callable[[Predictor, Sequence[Trial]], Sequence[Prediction]]
"""Predicts trials in their order, each request starting and ending at its arrival."""


class Decision(Struct, frozen=True, kw_only=True):
    """What a workload decides for a plan: all but the layout. `model` holds the waits learnt from
    it, or given; None if it names no two sessions. `learnt_here`: the plan is decided by waits that
    are in no file yet."""

    workload: str
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    comparison: PolicyComparison
    why: dict[str, Reason]
    model: ReuseTimeModel | None = None
    price: float = PRICE
    learnt_here: bool = False


class WorkloadSearch:
    """One recorded workload on one deployment. `given` are waits learnt elsewhere, with the price
    of memory; without them they are learnt from the workload, for deciding at `moment`."""

    def __init__(
        self,
        workload: Workload,
        name: str,
        deployment: CurrentServer,
        *,
        run: Run,
        given: tuple[ReuseTimeModel, float] | None = None,
        moment: DecideAt = "sent",
    ) -> None:
        self.workload = replace(workload, retention={})
        self.name = name
        self.deployment = deployment
        self._run = run
        self._given = given
        self._moment = moment
        self._predictor = Predictor(self.workload)
        self._evaluated: dict[PlanPoint, Evaluation] = {}
        self._asked: dict[Policy, Retain] = {}
        paths = self._predictor.paths
        distinct = int((paths.end - paths.start).sum()) + len(workload)
        self._content = distinct + int(workload.output_length.sum())
        self._reusable = 1 - distinct / workload.prompt_tokens if workload.prompt_tokens else 0.0
        self._estimates, self._no_estimates = self._learnt()
        self.price = given[1] if given else PRICE

    @property
    def as_it_is(self) -> PlanPoint:
        """The deployment as it is."""
        return PlanPoint(AS_RECORDED, self.deployment.tokens_per_block, 0, "default")

    @property
    def scarce(self) -> bool:
        """Whether the workload's content does not fit the pool at once."""
        return self._content > self.deployment.pool_tokens

    def decide(
        self,
        *,
        objective: Objective = "ttft",
        levers: Levers | None = None,
        policies: Sequence[Policy] = POLICIES,
        policy: Policy | None = None,
        block_sizes: Sequence[int] = BLOCK_SIZES,
    ) -> Decision:
        """The best setting for the objective. A `policy` that is given is taken, whatever is
        predicted of it.

        Raises ValueError for `next-use` where there is nothing to learn from.
        """
        levers = levers or Levers()
        if policy == "next-use" and self._estimates is None:
            raise ValueError(self._no_estimates)
        verdict, guardrail = self._judged()
        useful = [one for one in policies if one != "next-use" or verdict == "next-use"]
        candidates = points(
            [AS_RECORDED],
            block_size=self.deployment.tokens_per_block,
            host_tokens=self._host_tiers(),
            policies=[policy]
            if policy
            else list(dict.fromkeys(["default", *(useful if self.scarce else ())])),
            levers=levers,
            block_sizes=block_sizes,
        )
        evaluations = self._evaluate([*candidates, self.as_it_is])
        chosen = choose(evaluations[:-1], objective, self.as_it_is)
        comparison = self._compare(chosen.point)
        reasons = why.of_levers(chosen, self._without(chosen.point), on=self.name)
        reasons["policy"] = self._policy_reason(
            chosen.point.policy, policy, (verdict, guardrail), comparison
        )
        uses = chosen.point.policy == "next-use"
        return Decision(
            workload=self.name,
            chosen=chosen,
            as_it_is=evaluations[-1],
            evaluations=tuple(evaluations[:-1]),
            comparison=comparison,
            why=reasons,
            model=None if self._estimates is None else self._model(),
            price=self.price,
            learnt_here=uses and self._given is None,
        )

    def _learnt(self) -> tuple[Estimates | None, str]:
        if self._given is not None:
            return learnt_elsewhere(self.workload, self._given[0]), ""
        try:
            return learnt_crosswise(self.workload, self._moment), ""
        except ValueError as error:
            return None, f"{self.name}: {error}"

    def _model(self) -> ReuseTimeModel:
        return self._given[0] if self._given is not None else learn(self.workload, self._moment)

    def _judged(self) -> tuple[Policy, Reason]:
        """What the guardrail says of `next-use` on the deployment as it is; the price it found best
        is kept."""
        if self._estimates is None:
            return "default", Reason(self._no_estimates, "measured")
        if not self.scarce:
            return "default", Reason("the workload fits the pool", "predicted")
        verdict, reason, price = judge(
            self.workload, self._settings(self.as_it_is), self._estimates
        )
        if self._given is None:
            self.price = price
        return verdict, reason

    def _host_tiers(self) -> tuple[int, ...]:
        shares = HOST_TIER_SHARES if self.scarce else HOST_TIER_SHARES[:1]
        return tuple(round(self.deployment.pool_tokens * share) for share in shares)

    def _settings(self, point: PlanPoint) -> PoolSettings:
        size = point.tokens_per_block
        return PoolSettings(
            gpu_blocks=max(1, math.ceil(self.deployment.pool_tokens / size)),
            tokens_per_block=size,
            host_blocks=point.host_blocks,
        )

    def _retention(self, policy: Policy) -> Retain:
        if policy not in self._asked:
            records = (
                self._estimates.asked(self.workload, policy, self.price)
                if self._estimates is not None
                else annotate(self.workload, policy).retention
            )
            self._asked[policy] = (
                resolve_retention(replace(self.workload, retention=records), None) or {}
            )
        return self._asked[policy]

    def _evaluate(self, wanted: Sequence[PlanPoint]) -> list[Evaluation]:
        new = [point for point in dict.fromkeys(wanted) if point not in self._evaluated]
        trials = [Trial(self._settings(point), self._retention(point.policy)) for point in new]
        for point, prediction in zip(
            new, self._run(self._predictor, trials) if trials else (), strict=True
        ):
            ttft = prediction.ttft_ms_mean or 0.0
            self._evaluated[point] = Evaluation(
                point=point,
                token_hit_rate=prediction.token_hit_rate,
                block_hit_rate=prediction.block_hit_rate,
                bound=self._reusable,
                ttft_ms=ttft,
                makespan_ms=prediction.makespan_ms or ttft,
                memory_bytes=min(self._content, self.deployment.pool_tokens)
                * self.deployment.bytes_per_token,
                times_label=prediction.times_label,
            )
        return [self._evaluated[point] for point in wanted]

    def _without(self, chosen: PlanPoint) -> Mapping[str, Evaluation]:
        """The chosen point with one lever put back at a time."""
        moved = put_back(chosen, self.as_it_is)
        return dict(zip(moved, self._evaluate(list(moved.values())), strict=True))

    def _compare(self, chosen: PlanPoint) -> PolicyComparison:
        known = [
            policy for policy in POLICIES if policy != "next-use" or self._estimates is not None
        ]
        found = self._evaluate(
            [
                PlanPoint(AS_RECORDED, chosen.tokens_per_block, chosen.host_blocks, policy)
                for policy in known
            ]
        )
        settings = self._settings(chosen)
        bracket = self._predictor.predict(settings, bracket=True).bracket
        return PolicyComparison(
            workload=self.name,
            tokens_per_block=settings.tokens_per_block,
            gpu_blocks=settings.gpu_blocks,
            host_blocks=settings.host_blocks,
            hit_rates={
                policy: one.token_hit_rate for policy, one in zip(known, found, strict=True)
            },
            optimum=bracket.optimum if bracket else 0.0,
            ample=not self.scarce,
            note=f"next-use: {self._no_estimates}" if self._no_estimates else "",
        )

    def _policy_reason(
        self,
        chosen: Policy,
        asked_for: Policy | None,
        guardrail: tuple[Policy, Reason],
        comparison: PolicyComparison,
    ) -> Reason:
        advised, reason = guardrail
        if asked_for is not None:
            text = f"{chosen}, as was asked for; {reason.text}"
        elif not self.scarce:
            text = "default priorities: the workload fits the pool"
        elif advised in (chosen, "default"):
            text = f"{chosen}: {reason.text}"
        else:
            text = f"{chosen} is predicted to do best at this setting; as deployed, {reason.text}"
        return Reason(f"{text}; {why.policies_in_words(comparison)}", "predicted")
