"""Retention for a stream of requests that no plan describes, by any policy, and the guardrail
around `next-use`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.retention import DecideAt, Retention, TokenRange
from charter_engine.contracts.plan import Policy, Reason
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.kvcache.predict.predictor import Predictor, one_a_request
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.plan.retention.demotions import demotions
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.fixed import CHAIN_CONTEXT, SYSTEM_PROMPT, steps_priority
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.next_use import Decisions, records
from charter_engine.plan.retention.online import room_of
from charter_engine.plan.retention.refreshes import ASSUMED_COST
from charter_engine.plan.retention.scale import PRICING, Pricing
from charter_engine.plan.retention.variants import NextUse, best_variant, variants

Ints = NDArray[np.int64]

LEAST_EXPLAINED = 0.02
"""Below this the estimate knows no more than the mean of all reuse times."""
LEAST_GAIN = 0.001
"""A predicted gain in hit rate below this is no reason to leave the defaults without a host tier.

With one, what is kept above blank places hardly ever loses, and a past that fits both tiers tells
nothing of a time in which more comes.
"""
FOLDS = 4
"""Of a workload's sessions a part in so many is decided by what all others taught."""
FOR_MORE = ", and keeps content above blank blocks where more comes than fits both tiers"
FOLLOWED_UP = "; this takes charter_bls, which follows up answers with requests of one token"


class Choice(Struct, frozen=True):
    """The policy to use for a deployment, why, and how `next-use` is carried out. `model` is None
    with `default`."""

    policy: Policy
    reason: Reason
    variant: NextUse = NextUse()
    model: ReuseTimeModel | None = None


def annotate(
    requests: Workload | Iterable[WorkloadRequest],
    policy: Policy,
    model: ReuseTimeModel | None = None,
    *,
    pricing: Pricing = PRICING,
) -> Workload:
    """The same requests with the retention the policy asks for, in place of what they carried.

    A request's retention depends on the model, on its own prompt and on its session's requests
    before it.
    With a model that decides at `answered`, it depends on its own answer, too.
    Raises ValueError for `next-use` without a model.
    """
    workload = as_workload(requests)
    if policy == "default":
        return replace(workload, retention={})
    if policy == "next-use":
        if model is None:
            raise ValueError("next-use needs a reuse-time model; learn one from recorded sessions")
        return replace(workload, retention=records(workload, model, pricing))
    if policy == "steps":
        asked = Retention(ranges=(TokenRange(start=0, priority=steps_priority(1)),))
        named = np.flatnonzero(
            [bool(workload.sessions[session]) for session in workload.session.tolist()]
        )
        return replace(workload, retention=dict.fromkeys(named.tolist(), asked))
    return replace(workload, retention=_static(workload, model))


def _static(workload: Workload, model: ReuseTimeModel | None) -> dict[int, Retention]:
    """The shared head as a system prompt, the rest as the context of a chain."""
    asked = {}
    for index in range(len(workload)):
        node = workload.nodes[workload.node[index]]
        shared = model.nodes[node].shared_tokens if model is not None and node in model.nodes else 0
        length = int(workload.input_length[index])
        ranges = (
            [TokenRange(start=0, end=shared, priority=SYSTEM_PROMPT)] if 0 < shared < length else []
        )
        rest = TokenRange(start=shared if ranges else 0, priority=CHAIN_CONTEXT)
        asked[index] = Retention(ranges=(*ranges, rest))
    return asked


@dataclass(frozen=True)
class Estimates:
    """Which model tells the reuse times of which of a workload's requests: none of a session it was
    learnt from."""

    workload: Workload
    parts: tuple[tuple[Ints, ReuseTimeModel], ...]

    @property
    def decide_at(self) -> DecideAt:
        """When the models decide."""
        return self.parts[0][1].decide_at

    @cached_property
    def _decisions(self) -> Decisions:
        return Decisions(self.workload, self.parts)

    def asked(self, policy: Policy, pricing: Pricing = PRICING) -> dict[int, Retention]:
        """What each request of the workload asks for under a policy."""
        if policy == "next-use":
            return self._decisions.asked(pricing)[1]
        found: dict[int, Retention] = {}
        for chosen, model in self.parts:
            part = annotate(self.workload.select(chosen), policy, model)
            found |= {int(chosen[place]): record for place, record in part.retention.items()}
        return found

    def demotions(self, variant: NextUse, settings: PoolSettings) -> tuple[DemotedPrompt, ...]:
        """Which prompts are demoted beside the requests in a pool, `next-use` being carried out
        like this."""
        return self.demoted_in(room_of(settings), variant.pricing) if variant.demotes else ()

    def demoted_in(self, room: PoolRoom | None, pricing: Pricing) -> tuple[DemotedPrompt, ...]:
        """Which prompts `next-use` demotes where it takes the pool to be of this room."""
        return () if room is None else tuple(demotions(self._decisions, pricing, room))


def learnt_elsewhere(workload: Workload, model: ReuseTimeModel) -> Estimates:
    """One model for all requests, learnt from other sessions."""
    return Estimates(workload, ((np.arange(len(workload)), model),))


def learnt_crosswise(
    workload: Workload,
    decide_at: DecideAt = "sent",
    *,
    refresh_cost: RefreshCost = ASSUMED_COST,
) -> Estimates:
    """For each quarter of the workload's sessions a model of the others; requests that name no
    session taught none.

    Raises ValueError with fewer than two sessions.
    """
    sessions = by_session(workload)
    if len(sessions) < 2:
        raise ValueError("the requests name no two sessions to learn reuse times from")
    folds = [sessions[first::FOLDS] for first in range(min(FOLDS, len(sessions)))]
    parts = [np.sort(np.concatenate(fold)) for fold in folds]
    named = np.sort(np.concatenate(parts))
    models = [
        learn(workload.select(np.setdiff1d(named, part)), decide_at, refresh_cost=refresh_cost)
        for part in parts
    ]
    unnamed = np.setdiff1d(np.arange(len(workload)), named)
    return Estimates(workload, (*zip(parts, models, strict=True), (unnamed, models[0])))


def guarded(default_rate: float, next_use_rate: float, host_blocks: int = 0) -> Policy:
    """The guardrail: `next-use` where its predicted token hit rate is ahead of the defaults'; with
    a host tier, where it is not behind."""
    least = 0.0 if host_blocks else LEAST_GAIN
    return "next-use" if next_use_rate - default_rate >= least else "default"


def verdict(
    estimates: Estimates, default_rate: float, next_use_rate: float, host_blocks: int = 0
) -> tuple[Policy, Reason]:
    """Whether `next-use` is worth leaving the defaults for, by its predicted token hit rate beside
    theirs, on a pool with so many blocks on host."""
    learnt = (
        "with sessions it had not seen" if len(estimates.parts) > 1 else "by the reuse times given"
    )
    points = 100 * (next_use_rate - default_rate)
    gain = f"{points:+.1f} points on {100 * default_rate:.1f} % token hit rate {learnt}"
    if guarded(default_rate, next_use_rate, host_blocks) == "default":
        return "default", Reason(f"next-use would bring {gain}", "predicted")
    insured = FOR_MORE if next_use_rate - default_rate < LEAST_GAIN else ""
    followed_up = FOLLOWED_UP if estimates.decide_at == "answered" else ""
    return "next-use", Reason(f"next-use brings {gain}{insured}{followed_up}", "predicted")


def choose(
    past: Workload | Iterable[WorkloadRequest],
    settings: PoolSettings,
    *,
    decide_at: DecideAt = "sent",
    model: ReuseTimeModel | None = None,
) -> Choice:
    """Whether `next-use` would have helped in the past, under which pricing of memory, and whether
    demotions would have.

    A quarter of the past's sessions at a time asks for what a model of the others says, and the
    prediction of that on this pool is held against the default's. So nothing is judged on what it
    was learnt from. A `model` learnt elsewhere is judged on all of them.
    """
    workload = as_workload(past)
    try:
        estimates = (
            learnt_elsewhere(workload, model)
            if model is not None
            else learnt_crosswise(workload, decide_at)
        )
    except ValueError as error:
        return Choice("default", Reason(str(error), "measured"))
    policy, reason, variant = judge(workload, settings, estimates)
    if policy == "default":
        return Choice(policy, reason)
    return Choice(policy, reason, variant, model or learn(workload, decide_at))


def judge(
    workload: Workload, settings: PoolSettings, estimates: Estimates
) -> tuple[Policy, Reason, NextUse]:
    """Whether `next-use` by these estimates is predicted to help on this pool, why, and how it is
    carried out best."""
    predictor = Predictor(replace(workload, retention={}))
    base = predictor.predict(settings, bracket=False).token_hit_rate
    ways = variants(settings, workload.mean_prompt_tokens)
    asked = {
        pricing: one_a_request(estimates.asked("next-use", pricing), len(workload))
        for pricing in {way.pricing for way in ways}
    }
    found = {
        way: predictor.predict(
            settings,
            retention=asked[way.pricing],
            demotions=estimates.demotions(way, settings),
            bracket=False,
        )
        for way in ways
    }
    best, prediction = best_predicted(found)
    rate = prediction.token_hit_rate
    return *verdict(estimates, base, rate, settings.host_blocks), best


def best_predicted(found: Mapping[NextUse, Prediction]) -> tuple[NextUse, Prediction]:
    """How to carry out `next-use` on a pool, by what is predicted of each way, and its
    prediction."""
    best = best_variant({variant: one.token_hit_rate for variant, one in found.items()})
    return best, found[best]


@dataclass(frozen=True)
class Compared:
    """Token hit rates of the policies on one pool, between default LRU and the offline optimum."""

    hit_rates: dict[Policy, float]
    optimum: float

    def closed(self, policy: Policy) -> float:
        """The share of the gap between `default` and the optimum that a policy closes."""
        gap = self.optimum - self.hit_rates["default"]
        return (self.hit_rates[policy] - self.hit_rates["default"]) / gap if gap > 0 else 0.0


def compare(
    requests: Workload | Iterable[WorkloadRequest],
    settings: PoolSettings,
    model: ReuseTimeModel,
    *,
    pricing: Pricing = PRICING,
    policies: Iterable[Policy] = ("default", "static", "steps", "next-use"),
) -> Compared:
    """Predict every policy on the same requests and pool."""
    workload = as_workload(requests)
    rates: dict[Policy, float] = {}
    optimum = 0.0
    for policy in policies:
        annotated = Predictor(annotate(workload, policy, model, pricing=pricing))
        prediction = annotated.predict(settings, bracket=policy == "default")
        rates[policy] = prediction.token_hit_rate
        if prediction.bracket is not None:
            optimum = prediction.bracket.optimum
    return Compared(rates, optimum)
