"""When a prompt's prefix is needed again: learnt from other sessions, asked before every
request."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from numpy.typing import NDArray

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Division, Forest
from charter_engine.bls.pauses import Pauses
from charter_engine.bls.retention import DecideAt
from charter_engine.contracts.reuse_times import RefreshCost, ReuseKind
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention import trees
from charter_engine.plan.retention.distribution import ReuseTimes, from_times, merged
from charter_engine.plan.retention.features import (
    as_sent,
    by_session,
    common_prefix,
    common_prefixes,
    session_features,
)
from charter_engine.plan.retention.kinds import EdgeReuse, learnt_edges, learnt_kinds
from charter_engine.plan.retention.pauses import learn_pauses
from charter_engine.plan.retention.refreshes import ASSUMED_COST
from charter_engine.plan.retention.scale import horizon

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHARE_WITHIN_SCALE = 5 / 6
"""A reuse time is scored by exp(-time / scale): 1 for at once, 0 for never.

Most that end in a use are within the scale. Longer ones are alike, as they are to a pool.
"""
LEAST_SCALE_S = 1.0
"""Assumed: sooner than within a second nothing is told apart."""
SOON_S = 5.0
"""The scale of a second score, which tells requests apart that the first one takes for alike."""
LEVELS = 60
"""At most this many groups of requests with like scores, each with the reuse times that were seen
after them."""
LEAST_PER_LEVEL = 40
"""Assumed: fewer reuse times are no distribution."""
PARTS = 3
"""So many levels have like first scores."""
LEAST_DIVIDED = 30
"""With fewer levels than this the first score alone tells them apart."""
NODE_PRIOR = 20.0
"""A node's own mean score weighs as many requests as were seen of it against this many of all nodes
together."""
FOLDS = 3
"""Assumed: each grows its trees of two thirds of the sessions."""
DECILES = np.arange(5, 100, 10) / 100


class NodeReuse(Struct, frozen=True, kw_only=True):
    """What was seen of one call. Tokens are medians.

    `own` are the reuse times until the session's next request.
    `shared_tokens` lead prompts of other sessions too, whose next use by anyone comes after
    `shared`.
    `tail_tokens` end prompts and are no part of the session's next one.
    `explained` is what the model's is, of this node's requests alone.
    """

    requests: int
    score: float
    own: ReuseTimes
    shared: ReuseTimes
    shared_tokens: int = 0
    tail_tokens: int = 0
    explained: float = 0.0

    @property
    def parts(self) -> tuple[ReuseTimes, ReuseTimes]:
        """Its distributions of reuse times."""
        return self.own, self.shared


class ReuseTimeModel(Struct, frozen=True, kw_only=True):
    """Reuse times by retention level, the forest that scores a request, and what was seen of each
    node.

    The score is of one of the groups that `steps` divide, and each of these is one level, or
    several where a `division` tells its requests further apart.
    A level holds the requests of like scores. Its reuse times run from the moment of deciding: the
    arrival, or at `answered` the answer. All others run from the arrival; `served_s` are deciles of
    what lies between the two.
    `explained` is the share of the scores' variance that the forest explained in sessions it was
    not grown on (0: it knows no more than the mean).
    `spread` is the deviation of the logarithm of the reuse times within levels.
    `edges` and `kinds` hold the reuse times between two calls, and by what lay between them.
    `refresh_cost` is what a retention refresh takes where the model is used.
    `pauses` tell what each prompt is worth where prompts are demoted; without them its level does.
    """

    sessions: int
    requests: int
    forest: Forest
    steps: tuple[float, ...]
    levels: tuple[ReuseTimes, ...] = field(name="rungs")
    division: Division | None = None
    everything: ReuseTimes
    nodes: dict[str, NodeReuse]
    explained: float
    spread: float
    decide_at: DecideAt = field(default="sent", name="moment")
    edges: tuple[EdgeReuse, ...] = ()
    kinds: dict[ReuseKind, ReuseTimes] = {}
    refresh_cost: RefreshCost = ASSUMED_COST
    served_s: tuple[float, ...] = (0.0,)
    pauses: Pauses | None = None

    def served(self, workload: Workload) -> Floats:
        """How many seconds lie between the arrival of each request and deciding about it."""
        return _served(workload, self.decide_at)

    def levels_of(self, workload: Workload) -> tuple[Ints, Ints]:
        """The retention level every request is sent with and the one that its answer makes of it,
        each from its own session's past.

        Decided at `answered`, a request is first sent with the level that the session's last answer
        suggests.
        -1: nothing is asked, for want of a session, or of an answer yet.
        """
        sent = np.full(len(workload), -1, dtype=np.int64)
        final = sent.copy()
        sessions = by_session(workload)
        if not sessions:
            return sent, final
        rows, named = self._features(workload, sessions), np.concatenate(sessions)
        sent[named] = final[named] = self._levels(rows)
        if self.decide_at == "answered":
            known = ~np.isnan(rows[:, FEATURES.index("output before")])
            sent[named] = np.where(known, self._levels(as_sent(rows)), -1)
        return sent, final

    def pauses_of(self, workload: Workload) -> Floats:
        """The shares of each class of `pauses` behind every request; NaN without a session.

        Raises ValueError for a model without `pauses`.
        """
        if self.pauses is None:
            raise ValueError("the model tells no pauses")
        found = np.full((len(workload), len(self.pauses.start)), np.nan)
        sessions = by_session(workload)
        if sessions:
            rows = self._features(workload, sessions)
            found[np.concatenate(sessions)] = self.pauses.shares_of_each(rows)
        return found

    def _features(self, workload: Workload, sessions: Sequence[Ints]) -> Floats:
        """One row of `FEATURES` for each request of these sessions."""
        node_scores = self._node_scores(workload)
        return np.concatenate(
            [
                session_features(
                    workload,
                    requests,
                    common_prefixes(workload, requests),
                    node_scores,
                    self.decide_at,
                )
                for requests in sessions
            ]
        )

    def _levels(self, rows: Floats) -> Ints:
        groups: Ints = np.searchsorted(np.array(self.steps), self.forest.scores(rows), side="right")
        if self.division is None:
            return groups
        levels: Ints = self.division.levels(groups, self.division.forest.scores(rows))
        return levels

    def _node_scores(self, workload: Workload) -> list[float]:
        known = self.forest.start
        return [self.nodes[name].score if name in self.nodes else known for name in workload.nodes]


def learn(
    workload: Workload,
    decide_at: DecideAt = "sent",
    *,
    refresh_cost: RefreshCost = ASSUMED_COST,
) -> ReuseTimeModel:
    """What a workload's sessions tell about reuse times, for deciding at `decide_at`.

    Raises ValueError if it names no sessions, or for arrivals that are no times.
    """
    if not np.isfinite(workload.arrival_ms).all():
        raise ValueError("some requests arrive at no finite time")
    sessions = by_session(workload)
    if not sessions:
        raise ValueError(
            "the workload's requests name no sessions, so nothing tells which request follows which"
        )
    common = [common_prefixes(workload, requests) for requests in sessions]
    reuse_times = np.full(len(workload), np.inf)
    for requests in sessions:
        reuse_times[requests[:-1]] = np.diff(workload.arrival_ms[requests]) / 1000.0
    served = _served(workload, decide_at)
    pauses = np.maximum(reuse_times - served, 0.0)
    target = _scored(pauses)
    named = np.concatenate(sessions)
    scores = _node_scores(workload, target, named)
    rows = [
        session_features(workload, requests, shared, scores, decide_at)
        for requests, shared in zip(sessions, common, strict=True)
    ]
    features = np.concatenate(rows)
    fold = np.concatenate(
        [np.full(len(requests), index % FOLDS) for index, requests in enumerate(sessions)]
    )
    unseen = _scored_unseen(features, target[named], fold)
    nodes = _nodes(workload, sessions, common, reuse_times, scores)
    of_node = workload.node[named]
    explained = {
        name: _explained(target[named][own], unseen[own])
        for name, own in ((name, of_node == workload.nodes.index(name)) for name in nodes)
    }
    model = _calibrated(features, pauses[named], fold, unseen, from_times(reuse_times[named]))
    return replace(
        model,
        sessions=len(sessions),
        decide_at=decide_at,
        served_s=tuple(np.quantile(served[named], DECILES).tolist()),
        nodes={name: replace(seen, explained=explained[name]) for name, seen in nodes.items()},
        edges=learnt_edges(workload, sessions),
        kinds=_kinds(workload, sessions, nodes),
        refresh_cost=refresh_cost,
        pauses=learn_pauses(features, pauses[named], horizon(model.everything)),
    )


def _scored(reuse_times: Floats) -> Floats:
    """How soon each request was followed by the session's next, from 0 for never to 1 for at
    once."""
    ended = reuse_times[np.isfinite(reuse_times)]
    longest = float(np.quantile(ended, SHARE_WITHIN_SCALE)) if len(ended) else 0.0
    scores: Floats = np.exp(-reuse_times / max(longest, LEAST_SCALE_S))
    return scores


def _served(workload: Workload, decide_at: DecideAt) -> Floats:
    if decide_at == "sent" or workload.served_ms is None:
        return np.zeros(len(workload))
    return np.maximum(np.nan_to_num(workload.served_ms) / 1000.0, 0.0)


def _kinds(
    workload: Workload, sessions: Sequence[Ints], nodes: dict[str, NodeReuse]
) -> dict[ReuseKind, ReuseTimes]:
    """The reuse times within sessions by kind, and those until another session comes with the same
    beginning."""
    kinds = learnt_kinds(workload, sessions)
    shared = merged([seen.shared for seen in nodes.values() if seen.shared_tokens])
    return {**kinds, "other session": shared} if shared.total else kinds


def _scored_unseen(features: Floats, target: Floats, fold: Ints) -> Floats:
    """The score of each request by trees that had not seen its session."""
    unseen = np.full(len(target), target.mean())
    for held_out in np.unique(fold):
        grown = fold != held_out
        if grown.any():
            unseen[~grown] = trees.fit(features[grown], target[grown]).scores(features[~grown])
    return unseen


def _explained(target: Floats, unseen: Floats) -> float:
    variance = float(target.var())
    return (
        max(0.0, 1.0 - float(np.mean((target - unseen) ** 2)) / variance) if variance > 0 else 0.0
    )


def _calibrated(
    features: Floats, reuse_times: Floats, fold: Ints, unseen: Floats, everything: ReuseTimes
) -> ReuseTimeModel:
    """A model whose levels hold the reuse times of requests scored by trees that had not seen their
    sessions."""
    target = _scored(reuse_times)
    count = int(np.clip(len(target) // LEAST_PER_LEVEL, 1, LEVELS))
    parts = PARTS if count >= LEAST_DIVIDED else 1
    steps = _steps(unseen, count // parts)
    level = np.searchsorted(steps, unseen, side="right")
    division = None
    if parts > 1:
        soon = np.exp(-reuse_times / SOON_S)
        soon_unseen = _scored_unseen(features, soon, fold)
        division = _division(trees.fit(features, soon), level, soon_unseen, parts)
        level = division.levels(level, soon_unseen)
    apart = [from_times(reuse_times[level == index]) for index in range(count // parts * parts)]
    levels = tuple(
        merged(apart[max(index % parts, index - parts) : index + parts + 1 : parts])
        for index in range(len(apart))
    )
    weights = np.array([part.total - part.never for part in apart])
    spreads = np.array([part.spread() for part in apart])
    return ReuseTimeModel(
        sessions=0,
        requests=len(target),
        forest=trees.fit(features, target),
        steps=tuple(steps.tolist()),
        levels=levels,
        division=division,
        everything=everything,
        nodes={},
        explained=_explained(target, unseen),
        spread=float(np.average(spreads, weights=weights)) if weights.sum() else 0.0,
    )


def _steps(scores: Floats, parts: int) -> Floats:
    """The bounds that divide scores into parts of like size."""
    return np.quantile(scores, np.linspace(0, 1, parts + 1)[1:-1])


def _division(forest: Forest, group: Ints, scores: Floats, parts: int) -> Division:
    """A second score's division of each group into levels of like size."""
    groups = range(int(group.max()) + 1)
    return Division(
        forest, tuple(tuple(_steps(scores[group == one], parts).tolist()) for one in groups)
    )


def _node_scores(workload: Workload, target: Floats, named: Ints) -> list[float]:
    """Each node's mean score, drawn towards the mean of all where few requests were seen."""
    mean = float(target[named].mean())
    sums = np.bincount(workload.node[named], target[named], len(workload.nodes))
    counts = np.bincount(workload.node[named], minlength=len(workload.nodes))
    scores: list[float] = ((sums + NODE_PRIOR * mean) / (counts + NODE_PRIOR)).tolist()
    return scores


def _nodes(
    workload: Workload,
    sessions: Sequence[Ints],
    common: Sequence[Ints],
    reuse_times: Floats,
    scores: Sequence[float],
) -> dict[str, NodeReuse]:
    kept = np.full(len(workload), -1, dtype=np.int64)
    for requests, shared in zip(sessions, common, strict=True):
        kept[requests[:-1]] = shared[1:]
    found = {}
    for index, name in enumerate(workload.nodes):
        requests = np.flatnonzero((workload.node == index) & (workload.session > 0))
        if len(requests) == 0:
            continue
        elsewhere, shared_reuse_times = _met_elsewhere(workload, requests)
        followed = requests[kept[requests] >= 0]
        tails = workload.input_length[followed] - kept[followed]
        found[name] = NodeReuse(
            requests=len(requests),
            score=scores[index],
            own=from_times(reuse_times[requests]),
            shared=from_times(shared_reuse_times),
            shared_tokens=int(np.median(elsewhere)) if len(elsewhere) else 0,
            tail_tokens=int(np.median(tails)) if len(tails) else 0,
        )
    return found


def _met_elsewhere(workload: Workload, requests: Ints) -> tuple[Ints, Floats]:
    """Tokens a node's prompts share with the node's request before in another session, and how long
    after that."""
    tokens, reuse_times = [], []
    for before, now in zip(requests[:-1].tolist(), requests[1:].tolist(), strict=True):
        if workload.session[before] != workload.session[now]:
            tokens.append(common_prefix(workload, before, now))
            reuse_times.append(
                max(workload.arrival_ms[now] - workload.arrival_ms[before], 0.0) / 1000.0
            )
    return np.array(tokens, dtype=np.int64), np.array(reuse_times, dtype=np.float64)


def most_telling(model: ReuseTimeModel, count: int = 5) -> tuple[str, ...]:
    """The features the forest asks most, most asked first."""
    asked = np.bincount(
        [feature for tree in model.forest.feature for feature in tree], minlength=len(FEATURES)
    )
    return tuple(
        FEATURES[index] for index in np.argsort(-asked, kind="stable")[:count] if asked[index]
    )
