"""What lies in a pool by the server's own KV cache events, and who brought it.

A block is known by the hash of everything up to its end, to a grain of 16 tokens: so are the
prompts of requests, and the blocks that the block manager predicts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from charter_engine.bls.chain import GRAIN_TOKENS, Chain, ChainState
from charter_engine.contracts.contents import Holding, KvEventSource, MapRun, MeasuredContents
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.event_map import EventMap, PoolKey
from charter_engine.kvcache.manager.event_tree import TreeNode
from charter_engine.kvcache.manager.take_overs import BlockHash
from charter_engine.traffic.hashes import answer_hashes_of, hashes_of
from charter_engine.traffic.map_runs import runs_of

MOST_GRAINS: Final = 400_000
"""Grains of 16 tokens whose owners are remembered."""
MOST_SHOWN: Final = 50
"""Assumed: more than a screen lists; what is left out holds little."""
BEGIN: Final = ChainState()


class Bringer(NamedTuple):
    """Who sent a grain first, and who used it last."""

    node: str
    session: str
    used_at: float


NOBODY: Final = Bringer("", "", 0.0)


class GrainOwners:
    """Who sent what, by the hash of everything up to a grain's end. The oldest are forgotten."""

    def __init__(self) -> None:
        self._owners: dict[int, Bringer] = {}

    def take(self, record: TrafficRecord, session: str) -> None:
        """Note the prompt and the answer of a request."""
        for grain in whole_grains(record):
            known = self._owners.pop(grain, None)
            node, of = (record.node, session) if known is None else (known.node, known.session)
            self._owners[grain] = Bringer(node, of, record.at)
        while len(self._owners) > MOST_GRAINS:
            del self._owners[next(iter(self._owners))]

    def of(self, grain: int | None) -> Bringer:
        """Who sent a grain; nobody where that is not known."""
        return NOBODY if grain is None else self._owners.get(grain, NOBODY)


def whole_grains(record: TrafficRecord) -> list[int]:
    """The hashes of all whole grains of a prompt and its answer; none where they are not known."""
    known, further = hashes_of(record), answer_hashes_of(record)
    length, answer = record.prompt_tokens or 0, record.output_tokens or 0
    if len(further):
        known = np.concatenate((known[: length // GRAIN_TOKENS], further))
        length += answer
    grains: list[int] = known[: length // GRAIN_TOKENS].tolist()
    return grains


class BlockContent:
    """What the blocks of a server hold, as its events tell. Heard by an `EventMap`."""

    def __init__(self) -> None:
        self._chain = Chain()
        self._ends: dict[tuple[PoolKey, BlockHash], ChainState] = {}

    def stored(
        self,
        place: PoolKey,
        parent: BlockHash | None,
        chain: Sequence[tuple[BlockHash, int]],
        token_ids: Sequence[int],
    ) -> None:
        """As `event_map.ContentListener` says. Nothing is known behind a parent that nobody
        stored."""
        above = BEGIN if parent is None else self._ends.get((place, parent))
        if above is None or sum(tokens for _, tokens in chain) > len(token_ids):
            return
        ends = np.cumsum([tokens for _, tokens in chain]).tolist()
        states = self._chain.go_on(above, np.asarray(token_ids, np.uint64), ends)
        for (block, _), state in zip(chain, states, strict=True):
            self._ends[place, block] = state

    def removed(self, place: PoolKey, block: BlockHash) -> None:
        """As `event_map.ContentListener` says."""
        self._ends.pop((place, block), None)

    def emptied(self, place: PoolKey) -> None:
        """As `event_map.ContentListener` says."""
        self._ends = {key: end for key, end in self._ends.items() if key[0] != place}

    def grain_of(self, place: PoolKey, block: BlockHash) -> int | None:
        """The hash of everything up to the last whole grain in a block; None where nothing is
        known of it, or there is no whole grain yet."""
        state = self._ends.get((place, block))
        return None if state is None else state.hash


class MeasuredPool:
    """Follows a server's events."""

    def __init__(self, source: KvEventSource) -> None:
        self.trouble = ""
        self._source = source
        self._content = BlockContent()
        self.events = EventMap(self._content)
        self._counted: int | None = None
        self._counted_at = -1

    def blocks_on_gpu(self) -> int | None:
        """How many blocks there hold something; None where that can't be told: before the first
        event, behind lost ones, and of several pools."""
        if self.events.is_empty or not self.events.complete:
            return None
        if self._counted_at != self.events.events:
            places = [(place, node.level) for place, _, node in self.events.nodes()]
            several = len({place for place, _ in places}) > 1
            self._counted = None if several else sum(level == 0 for _, level in places)
            self._counted_at = self.events.events
        return self._counted

    def report(
        self, now: float, owners: GrainOwners, predicted: Mapping[int, int]
    ) -> MeasuredContents:
        """The pool at that epoch second. `predicted` has how many blocks on the GPU end with a
        grain, by the block manager; it knows which requests ran at once, and so decides of blocks
        that were taken over in place or copied, which events do not say."""
        held = [self._held(*one, owners) for one in self.events.nodes()]
        missing = Counter(predicted) - _grains_on_gpu(held)
        for one in self.events.doubted():
            doubted = self._held(*one, owners)
            if not doubted.on_host and doubted.grain is not None and missing[doubted.grain] > 0:
                missing[doubted.grain] -= 1
                held.append(doubted)
        for place in {one.place for one in held}:
            held = _within(held, place, self.events.gpu_blocks(place), predicted)
        agreed = sum((_grains_on_gpu(held) & Counter(predicted)).values())
        blocks = sum(not one.on_host for one in held)
        return MeasuredContents(
            at=now,
            source=self._source.address,
            events=self.events.events,
            blocks=blocks,
            host_blocks=len(held) - blocks,
            tokens=sum(one.node.tokens for one in held),
            agreed_blocks=agreed,
            absent_blocks=sum(predicted.values()) - agreed,
            unpredicted_blocks=blocks - agreed,
            unattributed_blocks=sum(one.owner == NOBODY for one in held),
            lost_events=self.events.lost_events,
            restarts=self.events.restarts,
            ranks=self.events.ranks,
            complete=self.events.complete,
            trouble=self.trouble,
            nodes=_holdings(held, [one.owner.node for one in held]),
            sessions=_holdings(held, [one.owner.session for one in held]),
            priorities=_holdings(held, [str(one.node.priority) for one in held]),
            map=runs_of(
                MapRun(1, one.owner.node, one.owner.session, one.node.priority, one.on_host)
                for one in held
            ),
        )

    def _held(
        self, place: PoolKey, block: BlockHash, node: TreeNode, owners: GrainOwners
    ) -> "_Held":
        grain = self._content.grain_of(place, block)
        return _Held(place, block, node, grain, owners.of(grain))


class _Held(NamedTuple):
    """A block of a pool, the grain that it ends with, and who brought it."""

    place: PoolKey
    block: BlockHash
    node: TreeNode
    grain: int | None
    owner: Bringer

    @property
    def on_host(self) -> bool:
        return self.node.level > 0


def _grains_on_gpu(held: Iterable[_Held]) -> Counter[int]:
    return Counter(one.grain for one in held if not one.on_host and one.grain is not None)


def _within(
    held: list[_Held], place: PoolKey, gpu_blocks: int, predicted: Mapping[int, int]
) -> list[_Held]:
    """No more blocks of a pool than it has on the GPU (0: that is not known). Those beyond were
    taken over: the oldest ones that nothing continues, those first that are not predicted."""
    surplus = sum(one.place == place and not one.on_host for one in held) - gpu_blocks
    if not gpu_blocks or surplus <= 0:
        return held
    unpredicted = _grains_on_gpu(held) - Counter(predicted)
    continued = {one.node.parent for one in held if one.place == place}
    ends = [
        one for one in held if one.place == place and not one.on_host and one.block not in continued
    ]
    first: list[BlockHash] = []
    others: list[BlockHash] = []
    for one in ends:
        if one.grain is not None and unpredicted[one.grain] > 0:
            unpredicted[one.grain] -= 1
            first.append(one.block)
        else:
            others.append(one.block)
    taken_over = set([*first, *others][:surplus])
    return [one for one in held if one.place != place or one.block not in taken_over]


def _holdings(held: Sequence[_Held], names: Iterable[str]) -> tuple[Holding, ...]:
    """The blocks by name, the largest share first."""
    groups: dict[str, list[_Held]] = defaultdict(list)
    for one, name in zip(held, names, strict=True):
        groups[name].append(one)
    found = [
        Holding(
            name=name,
            blocks=len(group),
            tokens=sum(one.node.tokens for one in group),
            host_blocks=sum(one.on_host for one in group),
            used_at=max(one.owner.used_at for one in group),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.blocks)[:MOST_SHOWN])
