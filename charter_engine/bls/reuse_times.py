"""What a plan knows of when prompts come back: from the features of a request to what it asks for.

The figures come from the reuse-time model (`charter_engine.plan.retention.online`); here they are
only read, written and applied.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .checks import (
    ascending,
    duration,
    list_of,
    number,
    numbers,
    object_of,
    priority,
    require,
    whole,
    wholes,
)
from .features import FEATURES
from .forest import MISSING, Division, Forest
from .pauses import Pauses
from .presumed_pool import PoolRoom
from .retention import DEFAULT_PRIORITY, MAX_PRIORITY, NEVER_AGAIN, DecideAt, Rule, TokenRange
from .worths import Worths

DECIDE_AT = ("sent", "answered")
EVICTIONS = ("leaf", "flat")
"""The rules of eviction under which retention counts."""
UNMATCHED = "unmatched"
"""The node of prompts that belong to none.

Reuse times learnt from requests without a node are theirs.
"""
DEEPEST = 16
"""Assumed: 2**15 leaves are more than requests to learn them from."""


@dataclass(frozen=True)
class NodeRules:
    """What a node's prompts ask for besides the session's own.

    `score` is the mean of its requests.
    `shared` is asked for the `shared_tokens` of the head that other sessions use, too.
    The `tail_tokens` at the end are of no use to anybody's next prompt.
    """

    score: float
    shared_tokens: int = 0
    shared: Rule = field(default_factory=Rule)
    tail_tokens: int = 0

    def ranges(self, own: Rule, length: int, last_tokens: int = 0) -> tuple[TokenRange, ...]:
        """The retention of a prompt of `length` tokens whose session asks for `own`.

        From the head: shared, the session's own, its `last_tokens`, the tail it leaves behind.
        A head never ranks below the rest.
        """
        shared = own if self.shared.priority < own.priority else self.shared
        shared_end = min(self.shared_tokens, length)
        tail_start = max(length - self.tail_tokens, shared_end)
        last = last_rule(own) if last_tokens else own
        last_start = tail_start if last == own else max(tail_start - last_tokens, shared_end)
        parts = (
            (0, shared_end, shared),
            (shared_end, last_start, own),
            (last_start, tail_start, last),
            (tail_start, length, NEVER_AGAIN),
        )
        return tuple(
            TokenRange(start, None if end == length else end, rule.priority, rule.duration_ms)
            for start, end, rule in parts
            if start < end
        )


def last_rule(own: Rule) -> Rule:
    """What the end of a prompt asks for where it ranks above the rest, and what is generated behind
    it: one priority more, where the rest is kept at all."""
    if not DEFAULT_PRIORITY < own.priority < MAX_PRIORITY:
        return own
    return Rule(own.priority + 1, own.duration_ms)


def pays_beside(saved: Any, cost: Any, under_way: Any) -> Any:
    """Whether a request that saves so many prompt tokens is worth the time that computing `cost` of
    them takes: each request under way is taken to wait that long, too. Numbers or arrays."""
    return saved > cost * (1 + under_way)


@dataclass(frozen=True)
class RefreshWorth:
    """What a retention refresh is worth, in prompt tokens.

    `gains[before][after]` is what it saves of each token of a prompt that goes from one retention
    level to another; the last row is of prompts for which nothing was asked.
    It costs as much engine time as computing `tokens`, and `per_token` for each of the prompt's.
    """

    gains: tuple[tuple[float, ...], ...]
    tokens: float = 0.0
    per_token: float = 0.0

    def pays(self, before: int | None, after: int, length: int) -> bool:
        """Whether a prompt of `length` tokens gains more by a refresh than it costs. `before` is
        None where nothing was asked for it."""
        return self.saved(before, after, length) > self.cost(length)

    def saved(self, before: int | None, after: int, length: int) -> float:
        """The prompt tokens that a refresh saves of a prompt of `length`."""
        return self.gains[-1 if before is None else before][after] * length

    def cost(self, length: int) -> float:
        """What it costs, as tokens of a prompt to compute."""
        return self.tokens + self.per_token * length


@dataclass(frozen=True)
class ReuseTimeRules:
    """A reuse-time model at one price of memory.

    A score between `steps[i - 1]` and `steps[i]` is of group `i`, which is one retention level, or
    several where a `division` tells its requests further apart. Level `j` asks for `rules[j]`.
    An answer that changes a request's level is followed up where `refresh` pays.
    The `last_tokens` of a prompt rank above the rest of it (see `last_rule`).
    With `worths`, a row for each level, prompts are ranked beside each other (see `ranking`), and
    in a pool of this `room` demoted, too (see `demotion`): by the worths of their level, or with
    `pauses` by what each is worth itself.
    """

    decide_at: DecideAt
    refresh: RefreshWorth
    steps: tuple[float, ...]
    rules: tuple[Rule, ...]
    nodes: dict[str, NodeRules]
    forest: Forest
    last_tokens: int = 0
    division: Division | None = None
    worths: Worths | None = None
    room: PoolRoom | None = None
    pauses: Pauses | None = None

    def node(self, name: str) -> NodeRules:
        """What is known of a node; of an unknown one, the mean of all requests."""
        return self.nodes.get(name) or NodeRules(self.forest.start)

    def level(self, features: Sequence[float]) -> int:
        """Which of `rules` a request with these features asks for."""
        group = bisect_right(self.steps, self.forest.score(features))
        return group if self.division is None else self.division.level(group, features)

    def ranges(self, node: NodeRules, own: Rule, length: int) -> tuple[TokenRange, ...]:
        """What a node's prompt of `length` tokens asks for whose session asks for `own`."""
        return node.ranges(own, length, self.last_tokens)

    def generated(self, own: Rule) -> Rule:
        """What is asked for the blocks of an answer."""
        return last_rule(own) if self.last_tokens else own


def reuse_times_section(rules: ReuseTimeRules) -> dict[str, Any]:
    """The section `waits` of `plan.json`, which `parse_reuse_times` reads."""
    return {
        "moment": rules.decide_at,
        "features": FEATURES,
        "refresh": asdict(rules.refresh),
        "last_tokens": rules.last_tokens,
        "steps": rules.steps,
        "rules": [asdict(rule) for rule in rules.rules],
        "nodes": [
            {"node": "" if name == UNMATCHED else name, **asdict(node)}
            for name, node in rules.nodes.items()
        ],
        "forest": _forest_section(rules.forest),
        "division": rules.division
        and {
            "steps": rules.division.steps,
            "forest": _forest_section(rules.division.forest),
        },
        "worths": rules.worths and asdict(rules.worths),
        "room": rules.room and asdict(rules.room),
        "pauses": rules.pauses
        and {
            "bounds_s": rules.pauses.bounds_s,
            "horizon_s": rules.pauses.horizon_s,
            "start": rules.pauses.start,
            "beyond": rules.pauses.beyond,
            "forest": _forest_section(rules.pauses.forest),
        },
    }


def _forest_section(forest: Forest) -> dict[str, Any]:
    return {
        "start": forest.start,
        "cuts": forest.cuts,
        "trees": [
            {"feature": feature, "threshold": threshold, "leaf": leaf}
            for feature, threshold, leaf in forest.trees()
        ],
    }


def parse_reuse_times(raw: Any, place: str) -> ReuseTimeRules:
    """Check the section `waits` of a plan. Raises `PlanError`."""
    raw = object_of(raw, place)
    decide_at = raw.get("moment")
    require(decide_at in DECIDE_AT, f"{place}.moment", f"must be one of {', '.join(DECIDE_AT)}")
    require(
        tuple(list_of(raw, "features", place)) == FEATURES,
        f"{place}.features",
        "are not those this charter_bls computes: push with the Charter that learnt it",
    )
    steps = ascending(raw.get("steps"), f"{place}.steps")
    rules = tuple(
        _rule(item, f"{place}.rules[{index}]")
        for index, item in enumerate(list_of(raw, "rules", place))
    )
    division = _division(raw.get("division"), f"{place}.division", len(steps) + 1)
    levels = (len(steps) + 1) * (division.parts if division else 1)
    require(len(rules) == levels, f"{place}.rules", f"{len(steps)} steps divide {levels} rules")
    nodes: dict[str, NodeRules] = {}
    for index, item in enumerate(list_of(raw, "nodes", place)):
        name, node = _node(item, f"{place}.nodes[{index}]")
        name = name or UNMATCHED
        require(name not in nodes, f"{place}.nodes[{index}].node", f"{name!r} appears twice")
        nodes[name] = node
    return ReuseTimeRules(
        decide_at=decide_at,
        refresh=_refresh(raw.get("refresh"), f"{place}.refresh", len(rules)),
        last_tokens=whole(raw, "last_tokens", place, 0),
        steps=steps,
        rules=rules,
        nodes=nodes,
        forest=_forest(raw.get("forest"), f"{place}.forest"),
        division=division,
        worths=_worths(raw.get("worths"), f"{place}.worths", levels),
        room=_room(raw.get("room"), f"{place}.room"),
        pauses=_pauses(raw.get("pauses"), f"{place}.pauses"),
    )


def _rule(raw: Any, place: str) -> Rule:
    raw = object_of(raw, place)
    return Rule(priority(raw, "priority", place), duration(raw, "duration_ms", place))


def _division(raw: Any, place: str, groups: int) -> Division | None:
    if raw is None:
        return None
    raw = object_of(raw, place)
    steps = tuple(
        ascending(row, f"{place}.steps[{index}]")
        for index, row in enumerate(list_of(raw, "steps", place))
    )
    require(
        len(steps) == groups and len({len(row) for row in steps}) == 1,
        f"{place}.steps",
        f"must be {groups} lists of one length",
    )
    return Division(_forest(raw.get("forest"), f"{place}.forest"), steps)


def _worths(raw: Any, place: str, levels: int) -> Worths | None:
    if raw is None:
        return None
    raw = object_of(raw, place)
    ages = ascending(raw.get("ages_s"), f"{place}.ages_s")
    require(bool(ages) and ages[0] == 0, f"{place}.ages_s", "must begin at 0")
    rows = tuple(
        numbers(row, f"{place}.rows[{index}]")
        for index, row in enumerate(list_of(raw, "rows", place))
    )
    require(
        len(rows) == levels and all(len(row) == len(ages) for row in rows),
        f"{place}.rows",
        f"must be {levels} rows of {len(ages)} numbers",
    )
    return Worths(ages, rows, numbers(raw.get("ahead_s"), f"{place}.ahead_s"))


def _room(raw: Any, place: str) -> PoolRoom | None:
    if raw is None:
        return None
    raw = object_of(raw, place)
    blocks, size = whole(raw, "blocks", place, 0), whole(raw, "tokens_per_block", place, 0)
    require(blocks > 0 and size > 0, place, "must have blocks of tokens")
    eviction = raw.get("eviction")
    require(eviction in EVICTIONS, f"{place}.eviction", f"must be one of {', '.join(EVICTIONS)}")
    return PoolRoom(blocks, size, eviction)


def _pauses(raw: Any, place: str) -> Pauses | None:
    if raw is None:
        return None
    raw = object_of(raw, place)
    bounds = ascending(raw.get("bounds_s"), f"{place}.bounds_s")
    require(bool(bounds) and bounds[0] > 0, f"{place}.bounds_s", "must be above 0")
    start = numbers(raw.get("start"), f"{place}.start")
    classes = len(bounds) + 1
    require(len(start) == classes, f"{place}.start", f"must be {classes} numbers")
    beyond = wholes(raw, "beyond", place, most=len(bounds))
    forest = _forest(raw.get("forest"), f"{place}.forest")
    trees = len(forest.leaf)
    require(len(beyond) == trees, f"{place}.beyond", f"must be a class for each of {trees} trees")
    return Pauses(bounds, number(raw, "horizon_s", place), start, beyond, forest)


def _refresh(raw: Any, place: str, levels: int) -> RefreshWorth:
    raw = object_of(raw, place)
    gains = tuple(
        numbers(row, f"{place}.gains[{index}]")
        for index, row in enumerate(list_of(raw, "gains", place))
    )
    require(
        len(gains) == levels + 1 and all(len(row) == levels for row in gains),
        f"{place}.gains",
        f"must be {levels + 1} rows of {levels} numbers",
    )
    return RefreshWorth(gains, number(raw, "tokens", place), number(raw, "per_token", place))


def _node(raw: Any, place: str) -> tuple[str, NodeRules]:
    raw = object_of(raw, place)
    require(isinstance(raw.get("node"), str), f"{place}.node", "must be a call's id, or empty")
    return raw["node"], NodeRules(
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
    trees = [
        _tree(item, f"{place}.trees[{index}]")
        for index, item in enumerate(list_of(raw, "trees", place))
    ]
    depths = {len(leaf) for _, _, leaf in trees}
    require(len(depths) <= 1, f"{place}.trees", "must be of one depth")
    return Forest(
        cuts,
        number(raw, "start", place),
        feature=tuple(feature for feature, _, _ in trees),
        threshold=tuple(threshold for _, threshold, _ in trees),
        leaf=tuple(leaf for _, _, leaf in trees),
    )


def _tree(raw: Any, place: str) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """What one tree asks, where it cuts, and what its leaves add."""
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
    return feature, threshold, leaf
