"""Retention for a stream of requests that no plan describes, by any policy, and the guardrail around `next-use`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from msgspec import Struct

from charter_engine.config.retention.features import Moment, by_session
from charter_engine.config.retention.fixed import CHAIN_CONTEXT, SYSTEM_PROMPT, steps_priority
from charter_engine.config.retention.model import GapModel, learn
from charter_engine.config.retention.next_use import records
from charter_engine.config.retention.scale import PRICE
from charter_engine.contracts.plan import Policy, Reason
from charter_engine.contracts.workload import RetentionRecord, TokenRangeRecord, WorkloadRequest
from charter_engine.kvcache.predict import Predictor
from charter_engine.kvcache.settings import PoolSettings
from charter_engine.kvcache.workload import Workload, as_workload

PRICES = (0.5, 0.7, 0.9)
"""The prices the guardrail compares; see `scale.PRICE`."""
LEAST_EXPLAINED = 0.02
"""Below this the estimate knows no more than the mean of all waits, and the mean alone can do worse than LRU."""
LEAST_GAIN = 0.002
"""A predicted gain in hit rate below this is no reason to leave the defaults."""


class Choice(Struct, frozen=True):
    """The policy to use for a deployment, and why. `model` is None with `default`."""

    policy: Policy
    reason: Reason
    price: float = PRICE
    model: GapModel | None = None


def annotate(
    requests: Workload | Iterable[WorkloadRequest],
    policy: Policy,
    model: GapModel | None = None,
    *,
    price: float = PRICE,
) -> Workload:
    """The same requests with the retention the policy asks for, in place of what they carried.

    A request's retention depends on the model, on its own prompt and on its session's requests before it; with a
    model for the moment `answered`, on its own answer too. Raises ValueError for `next-use` without a model.
    """
    workload = as_workload(requests)
    if policy == "default":
        return replace(workload, retention={})
    if policy == "next-use":
        if model is None:
            raise ValueError("next-use needs a gap model; learn one from recorded sessions")
        return replace(workload, retention=records(workload, model, price))
    if policy == "steps":
        asked = RetentionRecord(ranges=(TokenRangeRecord(start=0, priority=steps_priority(1)),))
        named = np.flatnonzero([bool(workload.sessions[session]) for session in workload.session.tolist()])
        return replace(workload, retention=dict.fromkeys(named.tolist(), asked))
    return replace(workload, retention=_static(workload, model))


def _static(workload: Workload, model: GapModel | None) -> dict[int, RetentionRecord]:
    """The shared head as a system prompt, the rest as the context of a chain."""
    asked = {}
    for index in range(len(workload)):
        node = workload.nodes[workload.node[index]]
        shared = model.nodes[node].shared_tokens if model is not None and node in model.nodes else 0
        length = int(workload.input_length[index])
        ranges = [TokenRangeRecord(start=0, end=shared, priority=SYSTEM_PROMPT)] if 0 < shared < length else []
        rest = TokenRangeRecord(start=shared if ranges else 0, priority=CHAIN_CONTEXT)
        asked[index] = RetentionRecord(ranges=(*ranges, rest))
    return asked


def choose(past: Workload | Iterable[WorkloadRequest], settings: PoolSettings, *, moment: Moment = "sent") -> Choice:
    """Whether `next-use` would have helped in the past, and at which price of memory.

    Half of the past's sessions ask for what a model of the other half says, and the prediction of that on this pool
    is held against the default's. So nothing is judged on what it was learnt from.
    """
    workload = as_workload(past)
    sessions = by_session(workload)
    if len(sessions) < 2:
        return Choice("default", Reason("the requests name no two sessions to learn waits from", "measured"))
    halves = [np.sort(np.concatenate(sessions[half::2])) for half in (0, 1)]
    models = [learn(workload.select(half), moment) for half in halves]
    explained = min(model.explained for model in models)
    if explained < LEAST_EXPLAINED:
        return Choice("default", Reason(f"the estimate explains {explained:.0%} of when sessions return", "measured"))
    predictor = Predictor(replace(workload, retention={}))
    base = predictor.predict(settings, bracket=False).token_hit_rate
    gains = {}
    for price in PRICES:
        asked: dict[int, RetentionRecord] = {}
        for half, other in ((0, 1), (1, 0)):
            found = records(workload.select(halves[half]), models[other], price)
            asked |= {int(halves[half][place]): record for place, record in found.items()}
        trial = Predictor(replace(workload, retention=asked))
        gains[price] = trial.predict(settings, bracket=False).token_hit_rate - base
    price = max(gains, key=lambda candidate: gains[candidate])
    gain = f"{100 * gains[price]:+.1f} points on {100 * base:.1f} % token hit rate with sessions it had not seen"
    if gains[price] < LEAST_GAIN:
        return Choice("default", Reason(f"next-use would bring {gain}", "predicted"))
    return Choice("next-use", Reason(f"next-use brings {gain}", "predicted"), price, learn(workload, moment))


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
    model: GapModel,
    *,
    price: float = PRICE,
    policies: Iterable[Policy] = ("default", "static", "steps", "next-use"),
) -> Compared:
    """Predict every policy on the same requests and pool."""
    workload = as_workload(requests)
    rates: dict[Policy, float] = {}
    optimum = 0.0
    for policy in policies:
        annotated = Predictor(annotate(workload, policy, model, price=price))
        prediction = annotated.predict(settings, bracket=policy == "default")
        rates[policy] = prediction.token_hit_rate
        if prediction.bracket is not None:
            optimum = prediction.bracket.optimum
    return Compared(rates, optimum)
