"""Policy `next-use` for a stream of requests: each asks for what its own session's past makes
likely, at a rank beside the prompts that are held by then."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np

from charter_engine.bls.pauses import Pauses
from charter_engine.bls.ranking import Ranking
from charter_engine.bls.retention import DEFAULT, Retention, Rule
from charter_engine.bls.reuse_times import NodeRules, RefreshWorth, last_rule
from charter_engine.bls.worths import Worths
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.distribution import EDGES, ReuseTimes, soonest
from charter_engine.plan.retention.features import Floats, Ints, by_session
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.refreshes import Refresh, refresh_worth, refreshes_sent
from charter_engine.plan.retention.scale import PRICING, Pricing, Scale, scale

STEPS_A_DECADE = 8
"""Derived: times that differ by less than a third are one."""
TAIL_TOKENS = 512
"""A tail that sessions leave behind is told apart from the rest if it is longer than this."""
WORTH_DIGITS = 6
"""Worths are compared by so many digits behind the point, in a deployment and in a prediction."""

AGES_S = tuple(EDGES[:-1].tolist())
Asked = dict[int, Retention]
"""What requests ask for, by index."""


def records(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING, *, at_once: bool = True
) -> Asked:
    """What each request asks for in the end, by index. Requests without a session ask for nothing.

    Each is decided on the past of its own session, on the prompts held by then and on the model.
    Decided at `answered`, its answer counts, too, as if what the retention refresh asks for had
    been asked at once.
    """
    return records_in_two(workload, model, pricing, at_once=at_once)[1]


def records_in_two(
    workload: Workload, model: ReuseTimeModel, pricing: Pricing = PRICING, *, at_once: bool = True
) -> tuple[Asked, Asked]:
    """What each request asks for when it is sent, and what stands for it in the end.

    `at_once` is for predictions in which requests end as they arrive: there blocks lie idle while
    in truth their request is served, which counts as waiting. Else it is what a deployment asks
    for, whose blocks are in use until the answer.
    """
    everything = ((np.arange(len(workload)), model),)
    return Decisions(workload, everything, at_once=at_once).asked(pricing)


class Decisions:
    """What models tell of a workload's requests, whatever memory costs.

    Each of `parts` names requests by index, and the model that decides about them.
    """

    def __init__(
        self,
        workload: Workload,
        parts: Sequence[tuple[Ints, ReuseTimeModel]],
        *,
        at_once: bool = True,
    ) -> None:
        self.workload, self._at_once = workload, at_once
        self._arrival_s = workload.arrival_ms / 1000.0
        self._parts = [_Part(workload, chosen, model, at_once=at_once) for chosen, model in parts]
        kinds = [0, *np.cumsum([len(part.rates) for part in self._parts]).tolist()]
        self._first_kind = dict(zip(self._parts, kinds, strict=False))
        self.decide_at, self.refresh_cost = parts[0][1].decide_at, parts[0][1].refresh_cost
        self._events = _events(workload, self._parts, at_once=at_once)
        self._decided: dict[Pricing, tuple[Decided, ...]] = {}

    def asked(self, pricing: Pricing) -> tuple[Asked, Asked]:
        """What each request asks for when it is sent, and what stands for it in the end."""
        sent: Asked = {}
        final: Asked = {}
        for one in self.decided(pricing):
            if one.rule is None:
                continue
            tokens = int(self.workload.input_length[one.request])
            final[one.request] = retention_of(one.rule, one.node, tokens, pricing)
            if one.moment == SENT:
                sent[one.request] = final[one.request]
        return sent, final

    def worths(self, pricing: Pricing) -> Worths:
        """What blocks are worth, of all kinds that `decided` tells."""
        return worths_of([one for part in self._parts for one in part.rates], pricing)

    @cached_property
    def pauses(self) -> "list[PausesAhead | None]":
        """What is known of the pauses behind each request, where its model tells them."""
        found: list[PausesAhead | None] = [None] * len(self.workload)
        for part in self._parts:
            for index, ahead in zip(part.chosen.tolist(), part.pauses_ahead(), strict=False):
                found[index] = ahead
        return found

    def decided(self, pricing: Pricing) -> "tuple[Decided, ...]":
        """All that happens to the requests, in order, and what is asked for them then."""
        if pricing not in self._decided:
            self._decided[pricing] = tuple(self._decide(pricing))
        return self._decided[pricing]

    def _decide(self, pricing: Pricing) -> "Iterator[Decided]":
        asking: dict[int, _Asking] = {}
        for part in self._parts:
            asking |= part.asking(pricing, self._first_kind[part])
        ranking = Ranking(self.worths(pricing)) if pricing.ahead_s else None
        for event in self._with_refreshes(asking):
            one = asking[event.request]
            session = int(self.workload.session[event.request])
            own = one.sent if event.moment == SENT else one.answered
            rule = None if own is None or event.moment == ANSWERED else own.rule
            if own is not None and ranking is not None:
                if rule is None:
                    ranking.answered(session, own.kind, event.at_s)
                else:
                    tokens = int(self.workload.input_length[event.request])
                    rule = ranking.hold(session, own.kind, rule, tokens, event.at_s, event.idle_s)
            yield Decided(event.moment, event.request, event.at_s, own and own.kind, rule, one.node)

    def _with_refreshes(self, asking: Mapping[int, "_Asking"]) -> list["_Event"]:
        """What happens to the requests, their refreshes included."""
        found = list(self._events)
        for event in self._events:
            refresh = asking[event.request].refresh
            if event.moment == ANSWERED and refresh is not None:
                at_s, idle_s = (
                    (event.at_s, 0.0) if self._at_once else (refresh.at_s, refresh.after_s)
                )
                found.append(_Event(at_s, event.request, REFRESHED, idle_s, refresh.worth))
        return sorted(found, key=self._in_order)

    def _in_order(self, event: "_Event") -> tuple[float, int, float, int, int]:
        """By time. Of what happens in one moment, earlier requests are answered first, then
        refreshed, the worthiest first."""
        if event.at_s > self._arrival_s[event.request]:
            return event.at_s, event.moment, -event.worth, event.request, event.moment
        return event.at_s, REFRESHED + 1, 0.0, event.request, event.moment


class PausesAhead(NamedTuple):
    """The shares of pauses behind a request that its model tells, which begin in `waits_s`."""

    pauses: Pauses
    shares: Floats
    waits_s: float

    def worths(self, ages_s: Floats) -> Floats:
        """What the request's prompt is worth by how long it has been idle."""
        found: Floats = self.pauses.worths(self.shares, ages_s - self.waits_s)
        return found


SENT, ANSWERED, REFRESHED = range(3)
"""What happens to a request."""


class Decided(NamedTuple):
    """What happens to a request: of which kind its blocks are by then, and what is asked for the
    session's own part of them; None: nothing."""

    moment: int
    request: int
    at_s: float
    kind: int | None
    rule: Rule | None
    node: NodeRules


class _Event(NamedTuple):
    """A request is sent, answered or refreshed: its prompt having lain idle for `idle_s`, which is
    of this worth."""

    at_s: float
    request: int
    moment: int
    idle_s: float = 0.0
    worth: float = 0.0


class _Own(NamedTuple):
    """What a session's own part of a prompt asks for, and of which kind its blocks are."""

    rule: Rule
    kind: int


class _Asking(NamedTuple):
    """What a request asks for when it is sent, and what its answer makes of it. None: nothing.

    A `refresh` brings the latter about; without one, what was asked stands.
    """

    sent: _Own | None
    answered: _Own | None
    refresh: Refresh | None
    node: NodeRules


class _Part:
    """The requests that one model decides about. Kinds of blocks are its levels, each with seconds
    that they wait before reuse times begin to run."""

    def __init__(
        self, workload: Workload, chosen: Ints, model: ReuseTimeModel, *, at_once: bool
    ) -> None:
        own = workload.select(chosen)
        self._workload, self.chosen, self.model = workload, chosen, model
        self._own, self._at_once = own, at_once
        self.served = model.served(own)
        self._nodes = [workload.nodes[node] for node in own.node.tolist()]
        self._lengths: list[int] = own.input_length.tolist()
        waiting = _on_grid(self.served) if at_once else np.zeros(len(own))
        sent, answered = (
            list(zip(levels.tolist(), waiting.tolist(), strict=True))
            for levels in model.levels_of(own)
        )
        self._sent: list[tuple[int, float]] = sent
        self._answered: list[tuple[int, float]] = answered
        known = sorted({(level, waits_s) for level, waits_s in (*sent, *answered) if level >= 0})
        self._kinds = {kind: number for number, kind in enumerate(known)}
        self._scale = _scale(model, at_once=at_once)
        times = [model.levels[level].after(waits_s) for level, waits_s in known]
        self._never = [one.never_share for one in times]
        self.rates = [one.rates(self._scale.horizon_s) for one in times]

    def asking(self, pricing: Pricing, first_kind: int) -> dict[int, _Asking]:
        """What each of its requests asks for, by index, its kinds counted from the first one on."""
        measure = msgspec.structs.replace(self._scale, pricing=pricing)
        worth = refresh_worth(self.model.levels, measure, self.model.refresh_cost)
        nodes = {name: node_rules(name, self.model, measure) for name in set(self._nodes)}
        rules = list(map(measure.rule_for, self.rates, self._never))
        refreshes = self._refreshes(worth)
        found = {}
        for index, sent, answered, node in zip(
            self.chosen.tolist(), self._sent, self._answered, self._nodes, strict=True
        ):
            before, after = (
                _Own(rules[self._kinds[kind]], first_kind + self._kinds[kind])
                if kind in self._kinds
                else None
                for kind in (sent, answered)
            )
            is_same = before is not None and after is not None and before.rule == after.rule
            refresh = None if is_same else refreshes.get(index)
            found[index] = _Asking(before, after, refresh, nodes[node])
        return found

    def pauses_ahead(self) -> "Iterator[PausesAhead]":
        """What its model tells of the pauses behind its requests; nothing where it tells none."""
        pauses = self.model.pauses
        if pauses is not None:
            waits_s = self.served if self._at_once else np.zeros(len(self._own))
            for shares, seconds in zip(self.model.pauses_of(self._own), waits_s, strict=True):
                yield PausesAhead(pauses, shares, float(seconds))

    def _refreshes(self, worth: RefreshWorth) -> dict[int, Refresh]:
        """The refreshes of the requests decided here, by index."""
        sent, answered = (np.full(len(self._workload), -1, dtype=np.int64) for _ in range(2))
        sent[self.chosen] = [level for level, _ in self._sent]
        answered[self.chosen] = [level for level, _ in self._answered]
        return refreshes_sent(self._workload, worth, sent, answered)


def worths_of(rates: Sequence[Floats], pricing: Pricing) -> Worths:
    """What blocks of each kind are worth by age, as a deployment and a prediction compare them."""
    rows = tuple(tuple(np.round(one, WORTH_DIGITS).tolist()) for one in rates)
    return Worths(AGES_S, rows, pricing.ahead_s)


def _scale(model: ReuseTimeModel, *, at_once: bool) -> Scale:
    served_s = model.served_s if at_once else (0.0,)
    parts = [times.after(seconds) for seconds in served_s for times in model.levels]
    return scale(model.everything, parts)


def _events(workload: Workload, parts: Sequence[_Part], *, at_once: bool) -> list[_Event]:
    """What is sent, and what is answered before its session's next request; `at_once` every answer
    comes with its request."""
    arrival_s = workload.arrival_ms / 1000.0
    following_s = np.full(len(workload), np.inf)
    for requests in by_session(workload):
        following_s[requests[:-1]] = arrival_s[requests[1:]]
    events = [_Event(at_s, index, SENT) for index, at_s in enumerate(arrival_s.tolist())]
    for part in parts:
        if part.model.decide_at == "sent":
            continue
        served = np.zeros(len(part.chosen)) if at_once else part.served
        answered_s = arrival_s[part.chosen] + served
        events += [
            _Event(at_s, index, ANSWERED)
            for index, at_s in zip(part.chosen.tolist(), answered_s.tolist(), strict=True)
            if at_s <= following_s[index]
        ]
    return events


def retention_of(own: Rule, node: NodeRules, length: int, pricing: Pricing) -> Retention:
    """What a node's prompt of so many tokens asks for whose session asks for this."""
    generated = last_rule(own) if pricing.last_tokens else own
    ranges = node.ranges(own, length, pricing.last_tokens)
    return Retention(ranges, generated.priority, generated.duration_ms)


def _on_grid(seconds: Floats) -> Floats:
    """Times rounded so that there are few of them: to a third, and 0 below half a second."""
    rounded = 10 ** (np.round(np.log10(np.maximum(seconds, 0.5)) * STEPS_A_DECADE) / STEPS_A_DECADE)
    found: Floats = np.where(seconds < 0.5, 0.0, rounded)
    return found


def node_rules(node: str, model: ReuseTimeModel, measure: Scale) -> NodeRules:
    """What is asked for a node's prompts besides the session's own."""
    seen = model.nodes.get(node)
    if seen is None:
        return NodeRules(model.forest.start)
    tail = seen.tail_tokens if seen.tail_tokens > TAIL_TOKENS else 0
    shared = measure.rule(_either(seen.own, seen.shared)) if seen.shared_tokens else DEFAULT
    return NodeRules(seen.score, seen.shared_tokens, shared, tail)


def _either(own: ReuseTimes, shared: ReuseTimes) -> ReuseTimes:
    return soonest(own, shared) if own.total and shared.total else own
