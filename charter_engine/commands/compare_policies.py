"""Retention policies side by side on a workload: what each asks for, what it closes of the gap, and
which to take."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from charter_engine.api.waits_files import read_waits
from charter_engine.commands.learn import learn_from
from charter_engine.contracts.plan import Policy
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


def retention_by_policy(
    workload: Workload, policies: Sequence[Policy], args: argparse.Namespace
) -> tuple[Estimates | None, dict[Policy, Retain]]:
    """What each request asks for under each policy, and the estimates behind `next-use`. Raises
    CharterError."""
    estimates, price = _estimates(workload, policies, args)
    asked: dict[Policy, Retain] = {}
    for policy in policies:
        records = (
            estimates.asked(workload, policy, price)
            if estimates is not None
            else annotate(workload, policy, price=price).retention
        )
        asked[policy] = resolve_retention(replace(workload, retention=records), None) or {}
    return estimates, asked


def _estimates(
    workload: Workload, policies: Sequence[Policy], args: argparse.Namespace
) -> tuple[Estimates | None, float]:
    if args.waits:
        waits = read_waits(Path(args.waits))
        return learnt_elsewhere(workload, waits.model), waits.price
    if args.learn_from:
        return learnt_elsewhere(
            workload, learn_from([args.learn_from], args.moment, strict=args.strict)
        ), PRICE
    if "next-use" not in policies:
        return None, PRICE
    try:
        return learnt_crosswise(workload, args.moment), PRICE
    except ValueError as error:
        remedy = "give --waits or --learn-from, or leave next-use out of --policy"
        raise UsageError(
            f"{args.workload}: {error}",
            remedy=remedy,
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
