"""What a plan knows of when prompts come back: from the features of a request to what it asks for.

The figures come from Charter's gap model (`charter_engine.plan.retention.online`); here they are
only applied.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from .checks import (
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    ascending,
    duration,
    list_of,
    number,
    numbers,
    object_of,
    require,
    whole,
    wholes,
)
from .past import FEATURES

Moment = Literal["sent", "answered"]
MOMENTS = ("sent", "answered")
UNMATCHED = "unmatched"
"""The node of prompts that belong to none; waits learnt from requests without a node are theirs."""
DEEPEST = 16
MISSING = 48
"""The bin of an unknown value: always to the right of every split."""


@dataclass(frozen=True)
class Rule:
    """What a part of a prompt asks for. `duration_ms` None: until evicted."""

    priority: int = DEFAULT_PRIORITY
    duration_ms: int | None = None


NEVER_AGAIN = Rule(0)


@dataclass(frozen=True)
class NodeWaits:
    """What a node's prompts ask for besides the session's own: `shared` for the head that other
    sessions use too."""

    score: float
    shared_tokens: int = 0
    shared: Rule = Rule()
    tail_tokens: int = 0


@dataclass(frozen=True)
class Tree:
    """A complete binary tree in heap order: node n leads to 2n + 1 if `feature[n]` is in a bin up
    to `threshold[n]`."""

    feature: tuple[int, ...]
    threshold: tuple[int, ...]
    leaf: tuple[float, ...]


@dataclass(frozen=True)
class Forest:
    """Trees over binned features; a request's score is `start` and what every tree adds."""

    start: float
    cuts: tuple[tuple[float, ...], ...]
    trees: tuple[Tree, ...]

    def score(self, features: Sequence[float]) -> float:
        """The score of a request with these features, in their order; NaN is an unknown value."""
        bins = [
            MISSING if isnan(value) else bisect_right(cuts, value)
            for value, cuts in zip(features, self.cuts, strict=True)
        ]
        total = self.start
        for tree in self.trees:
            feature, threshold = tree.feature, tree.threshold
            inner, node = len(feature), 0
            while node < inner:
                node = 2 * node + 1 + (bins[feature[node]] > threshold[node])
            total += tree.leaf[node - inner]
        return total


@dataclass(frozen=True)
class Waits:
    """A gap model at one price of memory."""

    moment: Moment
    near_rungs: int
    steps: tuple[float, ...]
    rules: tuple[Rule, ...]
    nodes: dict[str, NodeWaits]
    forest: Forest

    def node(self, name: str) -> NodeWaits:
        """What is known of a node; of an unknown one, the mean of all requests."""
        return self.nodes.get(name) or NodeWaits(self.forest.start)

    def rung(self, features: Sequence[float]) -> int:
        """Which of `rules` a request with these features asks for."""
        return bisect_right(self.steps, self.forest.score(features))


def parse_waits(raw: Any, place: str) -> Waits:
    """Check the section `waits` of a plan. Raises `PlanError`."""
    raw = object_of(raw, place)
    require(raw.get("moment") in MOMENTS, f"{place}.moment", f"must be one of {', '.join(MOMENTS)}")
    known = tuple(list_of(raw, "features", place)) == FEATURES
    require(
        known,
        f"{place}.features",
        "are not those this charter_bls computes: push with the Charter that learnt it",
    )
    steps = ascending(raw.get("steps"), f"{place}.steps")
    rules = tuple(
        _rule(item, f"{place}.rules[{index}]")
        for index, item in enumerate(list_of(raw, "rules", place))
    )
    require(
        len(rules) == len(steps) + 1,
        f"{place}.rules",
        f"{len(steps)} steps divide {len(steps) + 1} rules",
    )
    nodes: dict[str, NodeWaits] = {}
    for index, item in enumerate(list_of(raw, "nodes", place)):
        name, node = _node(item, f"{place}.nodes[{index}]")
        name = name or UNMATCHED
        require(name not in nodes, f"{place}.nodes[{index}].node", f"{name!r} appears twice")
        nodes[name] = node
    return Waits(
        moment=raw["moment"],
        near_rungs=whole(raw, "near_rungs", place, 0),
        steps=steps,
        rules=rules,
        nodes=nodes,
        forest=_forest(raw.get("forest"), f"{place}.forest"),
    )


def _rule(raw: Any, place: str) -> Rule:
    raw = object_of(raw, place)
    priority = whole(raw, "priority", place, DEFAULT_PRIORITY, most=MAX_PRIORITY)
    return Rule(priority, duration(raw, "duration_ms", place))


def _node(raw: Any, place: str) -> tuple[str, NodeWaits]:
    raw = object_of(raw, place)
    require(isinstance(raw.get("node"), str), f"{place}.node", "must be a call's id, or empty")
    return raw["node"], NodeWaits(
        score=number(raw, "score", place),
        shared_tokens=whole(raw, "shared_tokens", place, 0),
        shared=_rule(raw.get("shared", {}), f"{place}.shared"),
        tail_tokens=whole(raw, "tail_tokens", place, 0),
    )


def _forest(raw: Any, place: str) -> Forest:
    raw = object_of(raw, place)
    cuts = tuple(
        ascending(item, f"{place}.cuts[{index}]")
        for index, item in enumerate(list_of(raw, "cuts", place))
    )
    require(
        len(cuts) == len(FEATURES),
        f"{place}.cuts",
        f"must be a list for each of {len(FEATURES)} features",
    )
    require(
        max(map(len, cuts)) < MISSING, f"{place}.cuts", f"must divide into at most {MISSING} bins"
    )
    trees = tuple(
        _tree(item, f"{place}.trees[{index}]")
        for index, item in enumerate(list_of(raw, "trees", place))
    )
    return Forest(number(raw, "start", place), cuts, trees)


def _tree(raw: Any, place: str) -> Tree:
    raw = object_of(raw, place)
    feature = wholes(raw, "feature", place, most=len(FEATURES) - 1)
    threshold = wholes(raw, "threshold", place, most=MISSING)
    leaf = numbers(raw.get("leaf"), f"{place}.leaf")
    complete = len(leaf) in {2**depth for depth in range(DEEPEST)}
    require(
        complete and len(feature) == len(threshold) == len(leaf) - 1,
        place,
        "is no complete binary tree",
    )
    return Tree(feature, threshold, leaf)
