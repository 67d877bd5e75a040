"""What lies in a pool after some traffic: followed request by request by the block manager.

A prompt is known by the hashes of its grains of 16 tokens; they stand in for its tokens. Requests
are in use from their arrival to their answer, as far as they are taken in that order; one that is
taken later is served behind those that overtook it. None is in use when the pool is looked at.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.bls.retention import Retention
from charter_engine.contracts.contents import (
    ContentsReport,
    Displacement,
    HeldPrefix,
    Holding,
    MapRun,
)
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.blocks import HOST
from charter_engine.kvcache.manager.errors import OutOfBlocks
from charter_engine.kvcache.manager.events import Removed, block_hash
from charter_engine.kvcache.manager.keys import Namespace, encode
from charter_engine.kvcache.manager.records import CachedBlock
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.hashes import answer_hashes_of, hashes_of
from charter_engine.traffic.map_runs import runs_of
from charter_engine.traffic.measured import MOST_SHOWN, NOBODY, GrainOwners, whole_grains

EVENT_BUFFER: Final = 1_000_000
"""Events of one request that are kept until they are read, right behind it."""
MOST_FORGOTTEN: Final = 200_000
"""Blocks that had to go whose owners are remembered, to see which are computed again."""
HOUR: Final = 3600.0
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
RetentionOf = Callable[[TrafficRecord], Retention | None]


@dataclass
class Owner:
    """Who sent what a block holds first, and who used it since it was computed."""

    node: str
    session: str
    depth: int
    used_at: float
    nodes: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    requests: int = 1
    grain: int | None = None
    """The hash of everything up to the last whole grain in the block."""


class PoolContents:
    """Follows the requests of a deployment through a pool of these settings.

    `retention_of` gives what each request asks for its blocks; `senders` who sent their content
    first, also where it was evicted and computed again for another.
    """

    def __init__(
        self,
        settings: PoolSettings,
        retention_of: RetentionOf,
        senders: GrainOwners | None = None,
    ) -> None:
        self.settings = settings
        self._senders = GrainOwners() if senders is None else senders
        self.requests = 0
        self.unknown = 0
        self.rejected = 0
        self._retention_of = retention_of
        self._manager = BlockManager(settings, events=True, event_buffer=EVENT_BUFFER)
        self._manager.drain_events()
        self._owners: dict[int, Owner] = {}
        self._gone: dict[int, tuple[str, str]] = {}
        self._displaced: Counter[tuple[str, str]] = Counter()
        self._again: Counter[tuple[str, str]] = Counter()
        self._begin: float | None = None
        self._end: float | None = None
        self._predicted = self._measured = self._compared = 0
        self._salts: dict[str, int] = {"": 0}
        self._running: list[tuple[float, int]] = []
        self._number_of_last = 0

    def take(self, record: TrafficRecord, session: str) -> None:
        """Serve a request of a session, beside those taken before that are not answered yet when it
        arrives."""
        self._senders.take(record, session)
        prompt, whole = tokens_of(record)
        if not len(prompt):
            self.unknown += 1
            return
        self._end_until(record.at)
        self._manager.set_time(record.at * 1000)
        self._manager.refresh()
        retention = self._retention_of(record)
        salt, adapter = self._number(record.salt), self._number(record.adapter)
        self._number_of_last += 1
        number = self._number_of_last
        admission = None
        while admission is None:
            try:
                admission = self._manager.add(
                    number, prompt, lora_task_id=adapter, cache_salt_id=salt, retention=retention
                )
            except OutOfBlocks:
                if not self._running:
                    self.rejected += 1
                    return
                self._end_first()
        self._compare(record, admission.reused_tokens)
        self._manager.store_context(number)
        try:
            self._manager.append(number, whole[len(prompt) :])
        except OutOfBlocks:
            whole = prompt
        heappush(self._running, (record.at + (record.total_ms or 0.0) / 1000, number))
        self._note(record, session, whole, Namespace(adapter, salt, extra_ids=False))

    def _end_until(self, time: float) -> None:
        """Release what was answered by that epoch second, in the order of the answers."""
        while self._running and self._running[0][0] <= time:
            self._end_first()

    def _end_first(self) -> None:
        answered_at, number = heappop(self._running)
        self._manager.set_time(answered_at * 1000)
        self._manager.finish(number)

    def report(self, now: float) -> ContentsReport:
        """The pool at that epoch second, all requests being answered."""
        self._end_until(inf)
        self._manager.set_time(now * 1000)
        self._manager.refresh()
        blocks = self._manager.cached()
        alive = {block.hash for block in blocks}
        self._owners = {key: owner for key, owner in self._owners.items() if key in alive}
        counters = self._manager.counters
        hours = max((self._end or 0.0) - (self._begin or 0.0), 1.0) / HOUR
        return ContentsReport(
            at=now,
            gpu_blocks=self.settings.gpu_blocks,
            tokens_per_block=self.settings.tokens_per_block,
            host_size=self.settings.host_blocks,
            cached_blocks=sum(block.cache_level != HOST for block in blocks),
            host_blocks=sum(block.cache_level == HOST for block in blocks),
            requests=self.requests,
            begin=self._begin,
            end=self._end,
            predicted_reused=self._predicted,
            measured_reused=self._measured,
            compared_tokens=self._compared,
            evicted_blocks=sum(counters.evictions_by_priority.values()),
            evictions_by_priority=dict(sorted(counters.evictions_by_priority.items())),
            allocated_blocks=counters.allocated_total,
            pressure=counters.allocated_total / self.settings.gpu_blocks / hours,
            nodes=_holdings(blocks, self._owners, lambda _, owner: owner.node),
            sessions=_holdings(blocks, self._owners, lambda _, owner: owner.session),
            priorities=_holdings(blocks, self._owners, lambda block, _: str(block.priority)),
            map=_map(blocks, self._owners),
            prefixes=_prefixes(blocks, self._owners),
            displacements=self._displacements(),
        )

    def grains_on_gpu(self) -> dict[int, int]:
        """How many blocks on the GPU end with a grain, by its hash, all requests being answered."""
        self._end_until(inf)
        owners = (
            self._owners.get(block.hash)
            for block in self._manager.cached()
            if block.cache_level != HOST
        )
        return Counter(
            owner.grain for owner in owners if owner is not None and owner.grain is not None
        )

    def _number(self, name: str) -> int | None:
        return self._salts.setdefault(name, len(self._salts)) if name else None

    def _compare(self, record: TrafficRecord, predicted: int) -> None:
        self.requests += 1
        self._begin = record.at if self._begin is None else self._begin
        self._end = record.at
        if record.reused_tokens is not None:
            self._predicted += predicted
            self._measured += record.reused_tokens
            self._compared += record.prompt_tokens or 0

    def _note(
        self, record: TrafficRecord, session: str, tokens: Sequence[int], namespace: Namespace
    ) -> None:
        """Remember who brought and used what, and what had to go for it."""
        for event in self._manager.drain_events():
            if isinstance(event, Removed):
                for key in event.block_hashes:
                    self._evicted(key, record.node)
        grains, size = whole_grains(record), self.settings.tokens_per_block
        for depth, key in enumerate(_path(tokens, size, namespace)):
            whole = min((depth + 1) * size, len(tokens) - 1) // GRAIN_TOKENS
            grain = grains[whole - 1] if 0 < whole <= len(grains) else None
            owner = self._owners.get(key)
            if owner is None:
                sent = self._senders.of(grain)
                node, of = (record.node, session) if sent is NOBODY else (sent.node, sent.session)
                owner = self._owners[key] = Owner(node, of, depth, record.at)
                if (gone := self._gone.pop(key, None)) is not None:
                    self._again[gone] += 1
            else:
                owner.requests += 1
            owner.grain = grain
            owner.used_at = record.at
            owner.nodes.add(record.node)
            owner.sessions.add(session)

    def _evicted(self, key: int, by: str) -> None:
        owner = self._owners.pop(key, None)
        if owner is None:
            return
        named = (owner.node, by)
        self._displaced[named] += 1
        self._gone[key] = named
        if len(self._gone) > MOST_FORGOTTEN:
            del self._gone[next(iter(self._gone))]

    def _displacements(self) -> tuple[Displacement, ...]:
        size = self.settings.tokens_per_block
        return tuple(
            Displacement(
                evicted=named[0],
                by=named[1],
                blocks=blocks,
                tokens=blocks * size,
                again_blocks=self._again[named],
            )
            for named, blocks in self._displaced.most_common(MOST_SHOWN)
        )


def tokens_of(record: TrafficRecord) -> tuple[list[int], list[int]]:
    """Stand-ins for the tokens of a prompt, and of it with its answer: equal ones where the hashes
    say that everything up to there is equal. None of either where no hash is known."""
    length, answer = record.prompt_tokens or 0, record.output_tokens or 0
    known, further = hashes_of(record), answer_hashes_of(record)
    if not len(known):
        return _expanded(known, 0), _expanded(known, 0)
    if not len(further):
        return _expanded(known, length), _expanded(known, length)
    grains = np.concatenate((known[: length // GRAIN_TOKENS], further))
    whole = _expanded(grains, length + answer)
    return whole[:length], whole


def _expanded(grains: NDArray[np.int64], length: int) -> list[int]:
    """A number for each token: its grain's hash, stepped on within the grain."""
    steps = np.arange(GRAIN_TOKENS, dtype=np.uint64) * _STEP
    numbers: list[int] = (grains.astype(np.uint64)[:, None] + steps).ravel()[:length].tolist()
    return numbers


def _path(tokens: Sequence[int], size: int, namespace: Namespace) -> Iterable[int]:
    """The hashes of the blocks that hold all tokens but the last, as the block manager has them."""
    content = encode(tokens[:-1], None)
    step = size * namespace.unit
    above: int | None = None
    for begin in range(0, len(content), step):
        above = block_hash(above, content[begin : begin + step], namespace)
        yield above


def _holdings(
    blocks: Sequence[CachedBlock],
    owners: dict[int, Owner],
    name: Callable[[CachedBlock, Owner], str],
) -> tuple[Holding, ...]:
    """The blocks by what `name` says of them, the largest share first."""
    nobody = Owner("", "", 0, 0.0)
    groups: dict[str, list[tuple[CachedBlock, Owner]]] = defaultdict(list)
    for block in blocks:
        owner = owners.get(block.hash, nobody)
        groups[name(block, owner)].append((block, owner))
    found = [_holding(named, group) for named, group in groups.items()]
    return tuple(sorted(found, key=lambda one: -one.blocks)[:MOST_SHOWN])


def _holding(name: str, group: Sequence[tuple[CachedBlock, Owner]]) -> Holding:
    deadlines = [block.deadline_ms for block, _ in group if block.deadline_ms is not None]
    return Holding(
        name=name,
        blocks=len(group),
        tokens=sum(block.tokens for block, _ in group),
        shared_blocks=sum(owner.requests > 1 for _, owner in group),
        host_blocks=sum(block.cache_level == HOST for block, _ in group),
        used_at=max(owner.used_at for _, owner in group),
        held_until=max(deadlines) / 1000 if deadlines else None,
    )


def _map(blocks: Sequence[CachedBlock], owners: dict[int, Owner]) -> tuple[MapRun, ...]:
    """The blocks in the order of the tree."""
    nobody = Owner("", "", 0, 0.0)
    held = ((block, owners.get(block.hash, nobody)) for block in blocks)
    return runs_of(
        MapRun(1, owner.node, owner.session, block.priority, block.cache_level == HOST)
        for block, owner in held
    )


def _prefixes(blocks: Sequence[CachedBlock], owners: dict[int, Owner]) -> tuple[HeldPrefix, ...]:
    """The stretches that several requests used, those that saved the most first.

    A stretch goes on for as long as the same number of requests used its blocks.
    """
    stretches: list[list[tuple[CachedBlock, Owner]]] = []
    of_block: dict[int, list[tuple[CachedBlock, Owner]]] = {}
    for block in blocks:
        owner = owners.get(block.hash)
        if owner is None or owner.requests < 2:
            continue
        above = of_block.get(block.parent_hash) if block.parent_hash is not None else None
        if above is not None and above[-1][1].requests == owner.requests:
            stretch = above
        else:
            stretch = []
            stretches.append(stretch)
        stretch.append((block, owner))
        of_block[block.hash] = stretch
    found = [_prefix(stretch) for stretch in stretches]
    return tuple(sorted(found, key=lambda one: -one.saved_tokens)[:MOST_SHOWN])


def _prefix(stretch: Sequence[tuple[CachedBlock, Owner]]) -> HeldPrefix:
    first, owner = stretch[0]
    tokens = sum(block.tokens for block, _ in stretch)
    deadlines = [block.deadline_ms for block, _ in stretch if block.deadline_ms is not None]
    return HeldPrefix(
        begin=owner.depth * max(block.tokens for block, _ in stretch),
        tokens=tokens,
        requests=owner.requests,
        nodes=tuple(sorted(set().union(*(one.nodes for _, one in stretch)))),
        saved_tokens=tokens * (owner.requests - 1),
        priority=first.priority,
        used_at=max(one.used_at for _, one in stretch),
        held_until=max(deadlines) / 1000 if deadlines else None,
    )
