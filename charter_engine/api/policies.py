"""Retention policies side by side on a workload: what each asks for, what it closes of the gap, and
which to take."""

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
from charter_engine.kvcache.predict.predictor import Retain, one_a_request
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.scale import ALL_PRICINGS, PRICING, Pricing
from charter_engine.plan.retention.streams import (
    Estimates,
    annotate,
    best_predicted,
    learnt_crosswise,
    learnt_elsewhere,
    verdict,
)
from charter_engine.plan.retention.variants import NextUse, variants


class AskedOnPool(NamedTuple):
    """What the requests ask for under a policy, `next-use` being carried out like this, and which
    prompts are demoted beside them."""

    policy: Policy
    variant: NextUse
    retention: Retain
    demotions: tuple[DemotedPrompt, ...]


@dataclass(frozen=True)
class AskedByPolicy:
    """What each request asks for under each policy, and the estimates behind `next-use` (None where
    it is not among the policies).

    `next-use` stands there once for every pricing of memory that may be best on some pool, or for
    that of `given`, by which it is carried out then. Prompts have `prompt_tokens` on the mean.
    """

    asked: dict[tuple[Policy, Pricing], Retain]
    prompt_tokens: float = 0.0
    estimates: Estimates | None = None
    given: NextUse | None = None
    notes: tuple[Note, ...] = ()

    def at(self, settings: PoolSettings) -> tuple[AskedOnPool, ...]:
        """What to predict on a pool: every policy, `next-use` in each way worth comparing
        there."""
        worth = (self.given,) if self.given else variants(settings, self.prompt_tokens)
        return tuple(
            AskedOnPool(
                policy,
                variant,
                self.asked[policy, variant.pricing],
                self._demotions(variant, settings),
            )
            for policy in dict.fromkeys(policy for policy, _ in self.asked)
            for variant in (worth if policy == "next-use" else (NextUse(),))
        )

    def _demotions(self, variant: NextUse, settings: PoolSettings) -> tuple[DemotedPrompt, ...]:
        return self.estimates.demotions(variant, settings) if self.estimates else ()


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
    estimates, given, notes = _estimates(workload, request)
    known = (given.pricing,) if given else ALL_PRICINGS
    asked: dict[tuple[Policy, Pricing], Retain] = {}
    for policy in request.policies:
        for pricing in known if policy == "next-use" else (PRICING,):
            records = (
                estimates.asked(policy, pricing)
                if estimates is not None
                else annotate(workload, policy, pricing=pricing).retention
            )
            asked[policy, pricing] = one_a_request(records, len(workload)) or {}
    return AskedByPolicy(asked, workload.mean_prompt_tokens, estimates, given, notes)


def _estimates(
    workload: Workload, request: PredictRequest
) -> tuple[Estimates | None, NextUse | None, tuple[Note, ...]]:
    """The estimates, and how a file says that `next-use` is carried out."""
    if request.reuse_times:
        reuse_times = read_reuse_times(Path(request.reuse_times))
        return learnt_elsewhere(workload, reuse_times.model), reuse_times.variant, ()
    if request.learn_from:
        model, notes = learn_from(
            [request.learn_from],
            request.decide_at,
            strict=request.strict,
            read_as=request.read_as,
        )
        return learnt_elsewhere(workload, model), None, notes
    if "next-use" not in request.policies:
        return None, None, ()
    try:
        return learnt_crosswise(workload, request.decide_at), None, ()
    except ValueError as error:
        raise UsageError(
            f"{request.workload}: {error}",
            remedy="give --reuse-times or --learn-from, or leave next-use out of --policy",
        ) from None


class Tried(NamedTuple):
    """What is predicted: a setting by its number, under a policy, carried out like this."""

    setting: int
    policy: Policy
    variant: NextUse


def best_of(tried: Sequence[Tried], predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Of each setting and policy the prediction of the way that a plan would take, in the
    order in which they were first tried."""
    found: dict[tuple[int, Policy], dict[NextUse, Prediction]] = {}
    for one, prediction in zip(tried, predictions, strict=True):
        found.setdefault((one.setting, one.policy), {})[one.variant] = prediction
    return tuple(best_predicted(by_variant)[1] for by_variant in found.values())


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
