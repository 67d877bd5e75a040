"""A recorded workload as a source of requests: points predicted on requests as they really came."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from msgspec import Struct

from charter_engine.bls.retention import DecideAt, ReleaseWhen
from charter_engine.contracts.plan import Policy, ServerSettings
from charter_engine.contracts.planning import Evaluation, PlanPoint
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.kvcache.predict.predictor import Predictor, Retain, one_a_request
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.decide import POLICIES, Advice
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.releases import RELEASES
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.refreshes import ASSUMED_COST
from charter_engine.plan.retention.reuse_times_file import ReuseTimesFile
from charter_engine.plan.retention.scale import Pricing
from charter_engine.plan.retention.streams import (
    Estimates,
    annotate,
    best_predicted,
    judge,
    learnt_crosswise,
    learnt_elsewhere,
    verdict,
)
from charter_engine.plan.retention.variants import NextUse, variants

AS_RECORDED = "as recorded"


class Trial(Struct, frozen=True):
    """A setting to predict, what the requests ask for, which prompts are demoted beside them, and
    what the server is told to forget."""

    settings: PoolSettings
    retention: Retain
    demotions: tuple[DemotedPrompt, ...] = ()
    release: ReleaseWhen = "never"


Run = Callable[[Predictor, Sequence[Trial]], Sequence[Prediction]]
"""Predicts trials in their order, each request starting and ending at its arrival."""


class RecordedWorkload:
    """One recorded workload on one deployment.

    `given` is what was learnt elsewhere of when prompts come back, with the pricing of memory, and
    whether prompts are demoted; without it that is learnt from the workload, for deciding
    at `decide_at`, where a retention refresh takes `refresh_cost`, and both are searched at each
    point. `model` is what `next-use` decides by: None where the workload names no two
    sessions.
    """

    layouts: Sequence[str] = (AS_RECORDED,)

    def __init__(
        self,
        workload: Workload,
        name: str,
        deployment: CurrentServer,
        *,
        run: Run,
        given: ReuseTimesFile | None = None,
        decide_at: DecideAt = "sent",
        refresh_cost: RefreshCost = ASSUMED_COST,
    ) -> None:
        self.workload = replace(workload, retention={})
        self.name = name
        self.deployment = deployment
        self._run = run
        self._given = given
        self._decide_at = decide_at
        self._refresh_cost = refresh_cost
        self._predictor = Predictor(self.workload)
        self._evaluated: dict[PlanPoint, Evaluation] = {}
        self._asked: dict[tuple[Policy, Pricing], Retain] = {}
        self._variant: dict[PoolSettings, NextUse] = {}
        paths = self._predictor.paths
        distinct = int((paths.end - paths.start).sum()) + len(workload)
        self._content = distinct + int(workload.output_length.sum())
        self._reusable = 1 - distinct / workload.prompt_tokens if workload.prompt_tokens else 0.0
        self._estimates, self.missing = self._learnt()
        self.advice = self._judged()

    @property
    def is_scarce(self) -> bool:
        """Whether the workload's content does not fit the pool at once."""
        return self._content > self.deployment.pool_tokens

    @property
    def policies(self) -> Sequence[Policy]:
        """All, but `next-use` only where there is anything to decide by."""
        return [one for one in POLICIES if one != "next-use" or self._estimates is not None]

    @property
    def releases(self) -> Sequence[ReleaseWhen]:
        """What a server can be told to forget: nothing where the workload names no sessions."""
        return RELEASES if self.workload.conversation.any() else RELEASES[:1]

    @property
    def is_learnt_here(self) -> bool:
        """Whether what `next-use` decides by was learnt from this workload."""
        return self._estimates is not None and self._given is None

    @cached_property
    def model(self) -> ReuseTimeModel | None:
        """What `next-use` decides by, learnt from all sessions or given."""
        if self._estimates is None:
            return None
        if self._given is not None:
            return self._given.model
        return learn(self.workload, self._decide_at, refresh_cost=self._refresh_cost)

    def expect(self, points: int) -> None:
        """What predicts settings tells of them itself."""

    def evaluate(self, wanted: Sequence[PlanPoint]) -> list[Evaluation]:
        """Predict points, those not known yet side by side. A point of `next-use` is predicted
        in every way to carry it out, and is what the best of them makes it."""
        new = [point for point in dict.fromkeys(wanted) if point not in self._evaluated]
        tried = [(point, variant) for point in new for variant in self._variants(point)]
        trials = [
            Trial(
                self.deployment.pool_at(point),
                self._retention(point.policy, variant.pricing),
                self._demotions(point, variant),
                point.release,
            )
            for point, variant in tried
        ]
        predictions = self._run(self._predictor, trials) if trials else ()
        found: dict[PlanPoint, dict[NextUse, Prediction]] = {}
        for (point, variant), prediction in zip(tried, predictions, strict=True):
            found.setdefault(point, {})[variant] = prediction
        for point, by_variant in found.items():
            best, prediction = best_predicted(by_variant)
            self._evaluated[point] = self._evaluation(point, prediction)
            if point.policy == "next-use" and point.release == "never":
                self._variant[self.deployment.pool_at(point)] = best
        return [self._evaluated[point] for point in wanted]

    def variant_under(self, server: ServerSettings) -> NextUse:
        """How `next-use` is carried out on the pool that server settings make: as given, or as does
        best there."""
        if self._given is not None:
            return self._given.variant
        pool = self.deployment.pool_under(server)
        if pool not in self._variant and self._estimates is not None:
            self._variant[pool] = judge(self.workload, pool, self._estimates)[2]
        return self._variant.get(pool, NextUse())

    def prompt_tokens(self, _: PlanPoint) -> int:
        """What rates at a point are of."""
        return self.workload.prompt_tokens

    def optimum(self, point: PlanPoint) -> float:
        """The token hit rate of the offline optimum on a point's pool."""
        bracket = self._predictor.predict(self.deployment.pool_at(point)).bracket
        return bracket.optimum if bracket else 0.0

    def _evaluation(self, point: PlanPoint, prediction: Prediction) -> Evaluation:
        ttft = prediction.ttft_ms_mean or 0.0
        return Evaluation(
            point=point,
            computed_tokens=prediction.computed_tokens,
            token_hit_rate=prediction.token_hit_rate,
            block_hit_rate=prediction.block_hit_rate,
            bound=self._reusable,
            ttft_ms=ttft,
            makespan_ms=prediction.makespan_ms or ttft,
            memory_bytes=min(self._content, self.deployment.pool_tokens)
            * self.deployment.bytes_per_token,
            times_label=prediction.times_label,
            ttft_p95_ms=prediction.ttft_ms_p95,
            requests_per_s=prediction.requests_per_s,
            times_source=prediction.times_source,
        )

    def _learnt(self) -> tuple[Estimates | None, str]:
        if self._given is not None:
            return learnt_elsewhere(self.workload, self._given.model), ""
        try:
            cost = self._refresh_cost
            return learnt_crosswise(self.workload, self._decide_at, refresh_cost=cost), ""
        except ValueError as error:
            return None, f"{self.name}: {error}"

    def _judged(self) -> Advice:
        """What the guardrail says of `next-use` on the deployment as it is."""
        if self._estimates is None:
            return Advice("default", self.missing)
        if not self.is_scarce:
            return Advice("default", "the workload fits the pool")
        size = self.deployment.tokens_per_block
        host_blocks = self.deployment.host_blocks_of(size)
        default = PlanPoint(AS_RECORDED, size, host_blocks, "default")
        if self._given is not None:
            # Under every pricing, not only by that of the file.
            pool = self.deployment.pool_at(default)
            policy, reason, _ = judge(self.workload, pool, self._estimates)
            return Advice(policy, reason.text)
        next_use = PlanPoint(AS_RECORDED, size, host_blocks, "next-use")
        found = self.evaluate([next_use, default])
        rate, base = (one.token_hit_rate for one in found)
        policy, reason = verdict(self._estimates, base, rate, host_blocks)
        return Advice(policy, reason.text)

    def _variants(self, point: PlanPoint) -> tuple[NextUse, ...]:
        if point.policy != "next-use":
            return (NextUse(),)
        if self._given is not None:
            return (self._given.variant,)
        pool = self.deployment.pool_at(point)
        if pool in self._variant:
            return (self._variant[pool],)
        return variants(pool, self.workload.mean_prompt_tokens)

    def _demotions(self, point: PlanPoint, variant: NextUse) -> tuple[DemotedPrompt, ...]:
        if self._estimates is None:
            return ()
        return self._estimates.demotions(variant, self.deployment.pool_at(point))

    def _retention(self, policy: Policy, pricing: Pricing) -> Retain:
        if (policy, pricing) not in self._asked:
            records = (
                self._estimates.asked(policy, pricing)
                if self._estimates is not None
                else annotate(self.workload, policy).retention
            )
            self._asked[policy, pricing] = one_a_request(records, len(self.workload)) or {}
        return self._asked[policy, pricing]
