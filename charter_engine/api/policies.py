"""Retention policies side by side on a workload: what each asks for, what it closes of the gap, and
which to take."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

from msgspec.structs import replace

from charter_engine.api.learning import learn_from
from charter_engine.api.reuse_times_files import read_reuse_times
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Policy
from charter_engine.contracts.predicting import PredictRequest
from charter_engine.contracts.prediction import PolicyChoice, Prediction
from charter_engine.errors import UsageError
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.kvcache.predict.predictor import Retain, resolve_retention
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.scale import ALL_PRICINGS, PRICING, Pricing, pricings
from charter_engine.plan.retention.streams import (
    Estimates,
    annotate,
    best_priced,
    learnt_crosswise,
    learnt_elsewhere,
    verdict,
)


class AskedOnPool(NamedTuple):
    """What the requests ask for under a policy and a pricing of memory, and which prompts are
    demoted beside them."""

    policy: Policy
    pricing: Pricing
    retention: Retain
    demotions: tuple[DemotedPrompt, ...]


@dataclass(frozen=True)
class AskedByPolicy:
    """What each request asks for under each policy, and the estimates behind `next-use` (None where
    it is not among the policies).

    `next-use` stands there once for every pricing of memory in `pricings`. Prompts have
    `prompt_tokens` on the mean.
    """

    asked: dict[tuple[Policy, Pricing], Retain]
    prompt_tokens: float = 0.0
    estimates: Estimates | None = None
    pricings: tuple[Pricing, ...] = (PRICING,)
    notes: tuple[Note, ...] = ()

    def at(self, settings: PoolSettings) -> tuple[AskedOnPool, ...]:
        """What to predict on a pool: every policy, `next-use` under each pricing worth comparing
        there."""
        several = len(self.pricings) > 1
        worth = pricings(settings, self.prompt_tokens) if several else self.pricings
        return tuple(
            AskedOnPool(
                policy,
                pricing,
                self.asked[policy, pricing],
                self._demotions(policy, pricing, settings),
            )
            for policy in dict.fromkeys(policy for policy, _ in self.asked)
            for pricing in (worth if policy == "next-use" else (PRICING,))
        )

    def _demotions(
        self, policy: Policy, pricing: Pricing, settings: PoolSettings
    ) -> tuple[DemotedPrompt, ...]:
        return self.estimates.demotions(policy, pricing, settings) if self.estimates else ()


def against_default(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    """The policies to compare with `default` first, which the others are held against; none where
    none are asked for."""
    others = tuple(policy for policy in policies if policy != "default")
    return ("default", *others) if policies else ()


def without_unknown_times(
    request: PredictRequest, workload: Workload
) -> tuple[PredictRequest, tuple[Note, ...]]:
    """A request for all policies that there are, without `next-use` where nothing tells it reuse
    times, and a note that says so. One that names its policies stays as it is."""
    is_for_all = set(request.policies) == set(get_args(Policy)) and bool(request.pools)
    told = request.reuse_times or request.learn_from or len(by_session(workload)) > 1
    if told or not is_for_all:
        return request, ()
    policies = tuple(policy for policy in request.policies if policy != "next-use")
    note = Note(
        f"{request.workload}: next-use is left out: the requests name no two sessions to learn "
        "reuse times from",
        "give --reuse-times or --learn-from",
    )
    return replace(request, policies=policies), (note,)


def retention_by_policy(workload: Workload, request: PredictRequest) -> AskedByPolicy:
    """What the policies of a request make its workload ask for. Raises `UsageError`."""
    estimates, known, notes = _estimates(workload, request)
    asked: dict[tuple[Policy, Pricing], Retain] = {}
    for policy in request.policies:
        for pricing in known if policy == "next-use" else (PRICING,):
            records = (
                estimates.asked(policy, pricing)
                if estimates is not None
                else annotate(workload, policy, pricing=pricing).retention
            )
            replaced = dataclasses.replace(workload, retention=records)
            asked[policy, pricing] = resolve_retention(replaced, None) or {}
    return AskedByPolicy(asked, workload.mean_prompt_tokens, estimates, known, notes)


def _estimates(
    workload: Workload, request: PredictRequest
) -> tuple[Estimates | None, tuple[Pricing, ...], tuple[Note, ...]]:
    """The estimates, and the pricings to compare: that of a file alone, else all that may be best
    on some pool."""
    if request.reuse_times:
        reuse_times = read_reuse_times(Path(request.reuse_times))
        demotes = reuse_times.room is not None
        estimates = learnt_elsewhere(workload, reuse_times.model, demotes=demotes)
        return estimates, (reuse_times.pricing,), ()
    if request.learn_from:
        model, notes = learn_from(
            [request.learn_from],
            request.decide_at,
            strict=request.strict,
            read_as=request.read_as,
        )
        return learnt_elsewhere(workload, model), ALL_PRICINGS, notes
    if "next-use" not in request.policies:
        return None, (PRICING,), ()
    try:
        return learnt_crosswise(workload, request.decide_at), ALL_PRICINGS, ()
    except ValueError as error:
        raise UsageError(
            f"{request.workload}: {error}",
            remedy="give --reuse-times or --learn-from, or leave next-use out of --policy",
        ) from None


class Tried(NamedTuple):
    """What is predicted: a setting by its number, under a policy and a pricing of memory."""

    setting: int
    policy: Policy
    pricing: Pricing


def best_of(tried: Sequence[Tried], predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Of each setting and policy the prediction under the pricing that a plan would take, in the
    order in which they were first tried."""
    found: dict[tuple[int, Policy], dict[Pricing, Prediction]] = {}
    for one, prediction in zip(tried, predictions, strict=True):
        found.setdefault((one.setting, one.policy), {})[one.pricing] = prediction
    return tuple(best_priced(by_pricing)[1] for by_pricing in found.values())


def compared(
    predictions: tuple[Prediction, ...], policies: Sequence[Policy], estimates: Estimates | None
) -> tuple[tuple[Prediction, ...], tuple[PolicyChoice, ...]]:
    """The predictions with their policy and the share of the gap each closes, and the choice at
    each setting.

    `predictions` hold all policies of one setting before the next; the first policy is `default`.
    Over simulated time requests overlap, and where that changes what `default` reuses, the bracket
    is no measure of the gap: none is told.
    """
    if not policies:
        return predictions, ()
    told: list[Prediction] = []
    choices: list[PolicyChoice] = []
    for start in range(0, len(predictions), len(policies)):
        group = dict(zip(policies, predictions[start : start + len(policies)], strict=True))
        base = group["default"].token_hit_rate
        for policy, one in group.items():
            alike = one.bracket is not None and one.bracket.default_lru == base
            gap = one.bracket.optimum - base if one.bracket is not None and alike else 0.0
            closed = (one.token_hit_rate - base) / gap if gap > 0 else None
            told.append(replace(one, policy=policy, closed=closed))
        if estimates is not None and "next-use" in group:
            settings = group["default"].settings
            rate = group["next-use"].token_hit_rate
            chosen, reason = verdict(estimates, base, rate, int(settings["host_blocks"]))
            choices.append(PolicyChoice(settings=settings, policy=chosen, reason=reason))
    return tuple(told), tuple(choices)
