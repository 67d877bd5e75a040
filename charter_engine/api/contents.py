"""What lies in the pool of a deployment, by the requests that passed through it."""

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import Call
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError
from charter_engine.kvcache.manager.settings import PoolSettings

if TYPE_CHECKING:
    from charter_engine.api.measuring import FollowedEvents
    from charter_engine.traffic.contents import PoolContents
    from charter_engine.traffic.measured import GrainOwners

MOST_POOLS, MOST_PROMPTS = 4, 16
"""Of what had passed before anybody asked so many pools full of computed tokens are followed, in so
many pools full of prompts at most: what came before has left the cache."""


class DeploymentContents:
    """The contents of a deployment's pool, brought up to date with what passed whenever they are
    asked for. Blocks."""

    def __init__(self) -> None:
        self._known: object = None
        self._contents: PoolContents | None = None
        self._taken: set[tuple[float, int]] = set()
        self._notes: tuple[Note, ...] = ()
        self._emptied_at: float | None = None
        self._owners: GrainOwners | None = None
        self._turn = threading.Lock()

    def emptied(self, at: float) -> None:
        """The engine was loaded again by that epoch second: nothing of before lies in the pool."""
        with self._turn:
            self._emptied_at, self._known = at, None

    def report(
        self,
        records: Sequence[TrafficRecord],
        pool: KvPool | None,
        profile: Profile,
        plan: Plan | None,
        calls: Sequence[Call],
        now: float,
        events: "FollowedEvents | None" = None,
    ) -> ContentsReport:
        """The pool at that epoch second, and beside it what the server's own `events` tell. Raises
        `CharterError` where nobody tells its size."""
        settings = settings_of(pool, profile)
        nodes = plan.nodes if plan is not None and profile.retention else {}
        with self._turn:
            if self._known != (settings, nodes):
                self._begin(settings, nodes, calls)
                self._known = (settings, nodes)
            contents = self._contents
            assert contents is not None
            self._bring_up_to_date(contents, records)
            told = replace(contents.report(now), emptied_at=self._emptied_at)
            if events is not None and self._owners is not None:
                measured = events.report(now, self._owners, contents.grains_on_gpu())
                told = replace(told, measured=measured)
        unknown = contents.unknown + contents.rejected
        left_out = f"requests left out because their prompts are not known: {unknown:,}"
        return replace(told, notes=(*self._notes, *((Note(left_out),) if unknown else ())))

    def _begin(
        self, settings: PoolSettings, nodes: Mapping[str, NodePlan], calls: Sequence[Call]
    ) -> None:
        from charter_engine.traffic.contents import PoolContents
        from charter_engine.traffic.measured import GrainOwners

        self._owners = self._owners or GrainOwners()
        asked, self._notes = retention_by_node(nodes, calls)
        self._contents = PoolContents(settings, lambda record: asked.get(record.node), self._owners)
        self._taken = set()

    def _bring_up_to_date(self, contents: "PoolContents", records: Sequence[TrafficRecord]) -> None:
        from charter_engine.traffic.sessions import sessions_of

        answered = sorted(
            (record for record in records if not record.error), key=lambda one: one.at
        )
        since = self._emptied_at or 0.0
        # Of requests that ran at once the one that came first may be answered last.
        known, self._taken = self._taken, {(one.at, one.sequence) for one in answered}
        fresh = [one for one in answered if one.at > since and (one.at, one.sequence) not in known]
        if not contents.requests:
            fresh = _lately(fresh, contents.settings)
        if not fresh:
            return
        names = dict(zip(map(id, answered), sessions_of(answered), strict=True))
        for record in fresh:
            contents.take(record, names[id(record)])


def settings_of(pool: KvPool | None, profile: Profile) -> PoolSettings:
    """The pool of a deployment with its host tier. Raises `CharterError` where nobody tells its
    size."""
    from charter_engine.traffic.known_pool import known_pool

    known = known_pool(pool, profile).settings
    if known is None:
        raise CharterError(
            "nobody tells how large the pool is",
            remedy="name Triton's metrics page with --triton-metrics",
        )
    return known


def retention_by_node(
    nodes: Mapping[str, NodePlan], calls: Sequence[Call]
) -> tuple[dict[str, Retention], tuple[Note, ...]]:
    """What a plan asks for the prompts of each node, by the expected sizes of their segments; and
    what of it is left out, because nobody knows how long what stands before it is."""
    by_id = {call.id: call for call in calls}
    found: dict[str, Retention] = {}
    left_out: list[str] = []
    for node, asked in nodes.items():
        call = by_id.get(node)
        if call is None or not (asked.retention or asked.decode_duration_ms is not None):
            continue
        ends = _ends(asked, call)
        ranges = []
        for part in asked.retention:
            start = 0 if part.first == 0 else ends.get(part.first - 1)
            end = None if part.last is None else ends.get(part.last)
            if start is None or (end is None and part.last is not None and part.last < len(ends)):
                left_out.append(node)
            else:
                ranges.append(TokenRange(start, end, part.priority, part.duration_ms))
        found[node] = Retention(tuple(ranges), asked.decode_priority, asked.decode_duration_ms)
    if not left_out:
        return found, ()
    words = "priorities behind segments of unknown size are taken as the default"
    return found, (Note(f"{words}: {', '.join(dict.fromkeys(left_out))}"),)


def _ends(asked: NodePlan, call: Call) -> dict[int, int | None]:
    """Where each planned segment ends, in tokens from the prompt's beginning; None where nobody
    knows."""
    order = asked.order or tuple(range(len(call.segments)))
    ends: dict[int, int | None] = {}
    reached: int | None = 0
    for place, source in enumerate(order):
        size = call.segments[source].tokens if source < len(call.segments) else None
        reached = None if reached is None or size is None else reached + size
        ends[place] = reached
    return ends


def _lately(records: Sequence[TrafficRecord], settings: PoolSettings) -> list[TrafficRecord]:
    """The last of them that can matter to a pool of that size."""
    pool = (settings.gpu_blocks + settings.host_blocks) * settings.tokens_per_block
    computed, prompts = MOST_POOLS * pool, MOST_PROMPTS * pool
    kept: list[TrafficRecord] = []
    for record in reversed(records):
        whole = (record.prompt_tokens or 0) + (record.output_tokens or 0)
        computed -= whole - (record.reused_tokens or 0)
        prompts -= whole
        if min(computed, prompts) < 0 and kept:
            break
        kept.append(record)
    return kept[::-1]
