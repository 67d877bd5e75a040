"""When each planned segment of generated requests is used again, by whom, and after how long."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from charter_engine.analysis.agent_workload import PlacedRequest
from charter_engine.plan.ranges import planned_spans

GRAIN_TOKENS = 16
"""Prefixes are told apart at this many tokens, whatever blocks the deployment has."""


@dataclass
class SegmentReuse:
    """Reuse times of a segment's blocks in seconds, one a block and request; infinity: never.

    `steps` counts requests until then.
    `elsewhere` is how many of the uses came from another run.
    `users` tells which calls of the same run made the others.
    """

    reuse_times: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    elsewhere: int = 0
    users: Counter[str] = field(default_factory=Counter)

    @property
    def used(self) -> int:
        """How often it was used again."""
        return self.elsewhere + self.users.total()

    def add_never(self) -> None:
        """It was not used again."""
        self.reuse_times.append(float("inf"))
        self.steps.append(float("inf"))

    def add_use(self, reuse_time: float, steps: int, user: str, *, elsewhere: bool) -> None:
        """Call `user` used it again after `reuse_time` seconds."""
        self.reuse_times.append(reuse_time)
        self.steps.append(steps)
        if elsewhere:
            self.elsewhere += 1
        else:
            self.users[user] += 1


ReuseBySegment = dict[str, dict[int, SegmentReuse]]
"""By node, then by planned segment; segment -1 is the node's output."""


def segment_reuse(placed: Sequence[PlacedRequest]) -> ReuseBySegment:
    """The reuse times of every segment of requests in order of time."""
    found: ReuseBySegment = {}
    next_use: dict[int, int] = {}
    for index in range(len(placed) - 1, -1, -1):
        now = placed[index]
        segments = found.setdefault(now.request.node, {})
        keys = _prefix_keys((*now.request.token_ids, *now.request.output_ids))
        for place, segment in _segments_of_grains(now, len(keys)):
            seen = segments.setdefault(segment, SegmentReuse())
            later = next_use.get(keys[place])
            if later is None:
                seen.add_never()
                continue
            then = placed[later].request
            seen.add_use(
                max(then.timestamp - now.request.timestamp, 0.0) / 1000.0,
                later - index,
                then.node,
                elsewhere=then.session != now.request.session,
            )
        for key in keys[: len(now.request.token_ids) // GRAIN_TOKENS]:
            next_use[key] = index
    return found


def _prefix_keys(tokens: tuple[int, ...]) -> list[int]:
    """One key for every whole grain, of all tokens up to its end."""
    keys = []
    key = 0
    for end in range(GRAIN_TOKENS, len(tokens) + 1, GRAIN_TOKENS):
        key = hash((key, tokens[end - GRAIN_TOKENS : end]))
        keys.append(key)
    return keys


def _segments_of_grains(placed: PlacedRequest, grains: int) -> list[tuple[int, int]]:
    """Grain number and the planned segment that holds most of it; -1 for generated tokens."""
    ends = [end for _, end in planned_spans(placed.prompt, placed.spans)]
    pairs = []
    segment = 0
    for grain in range(grains):
        middle = grain * GRAIN_TOKENS + GRAIN_TOKENS // 2
        while segment < len(ends) and ends[segment] <= middle:
            segment += 1
        pairs.append((grain, segment if segment < len(ends) else -1))
    return pairs
