"""Retention policies side by side on a workload: what each asks for, what it closes of the gap, and
which to take."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from charter_engine.api.learning import learn_from
from charter_engine.api.reuse_times_files import read_reuse_times
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Policy
from charter_engine.contracts.predicting import PredictRequest
from charter_engine.contracts.prediction import PolicyChoice, Prediction
from charter_engine.errors import UsageError
from charter_engine.kvcache.predict.predictor import Retain, resolve_retention
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.scale import PRICE
from charter_engine.plan.retention.streams import (
    Estimates,
    annotate,
    learnt_crosswise,
    learnt_elsewhere,
    verdict,
)


@dataclass(frozen=True)
class AskedByPolicy:
    """What each request asks for under each policy, and the estimates behind `next-use` (None where
    it is not among the policies)."""

    asked: dict[Policy, Retain]
    estimates: Estimates | None = None
    notes: tuple[Note, ...] = ()


def against_default(policies: Sequence[Policy]) -> tuple[Policy, ...]:
    """The policies to compare with `default` first, which the others are held against; none where
    none are asked for."""
    others = tuple(policy for policy in policies if policy != "default")
    return ("default", *others) if policies else ()


def retention_by_policy(workload: Workload, request: PredictRequest) -> AskedByPolicy:
    """What the policies of a request make its workload ask for. Raises `UsageError`."""
    estimates, price, notes = _estimates(workload, request)
    asked: dict[Policy, Retain] = {}
    for policy in request.policies:
        records = (
            estimates.asked(workload, policy, price)
            if estimates is not None
            else annotate(workload, policy, price=price).retention
        )
        replaced = dataclasses.replace(workload, retention=records)
        asked[policy] = resolve_retention(replaced, None) or {}
    return AskedByPolicy(asked, estimates, notes)


def _estimates(
    workload: Workload, request: PredictRequest
) -> tuple[Estimates | None, float, tuple[Note, ...]]:
    if request.reuse_times:
        reuse_times = read_reuse_times(Path(request.reuse_times))
        return learnt_elsewhere(workload, reuse_times.model), reuse_times.price, ()
    if request.learn_from:
        model, notes = learn_from([request.learn_from], request.decide_at, strict=request.strict)
        return learnt_elsewhere(workload, model), PRICE, notes
    if "next-use" not in request.policies:
        return None, PRICE, ()
    try:
        return learnt_crosswise(workload, request.decide_at), PRICE, ()
    except ValueError as error:
        raise UsageError(
            f"{request.workload}: {error}",
            remedy="give --reuse-times or --learn-from, or leave next-use out of --policy",
        ) from None


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
            told.append(msgspec.structs.replace(one, policy=policy, closed=closed))
        if estimates is not None and "next-use" in group:
            chosen, reason = verdict(estimates, base, group["next-use"].token_hit_rate)
            choices.append(
                PolicyChoice(settings=group["default"].settings, policy=chosen, reason=reason)
            )
    return tuple(told), tuple(choices)
