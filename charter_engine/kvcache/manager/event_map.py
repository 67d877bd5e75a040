"""The trees that events describe, one per server rank, attention window and group of layers, with
what was lost on the way.

Memory follows the size of the cache, not the number of events.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from charter_engine.contracts.figures import Label
from charter_engine.kvcache.manager.event_tree import EventTree, TreeNode, TreeReport
from charter_engine.kvcache.manager.take_overs import BlockHash

TokenIds = Callable[[], Sequence[int]]
SHOWN = 20
"""How many bad lines and gaps a report names; all are counted."""


class PoolKey(NamedTuple):
    """Which of a server's pools an event is of."""

    rank: int | None = None
    window: int | None = None
    layer_group: int | None = None


class BadLine(Struct, frozen=True):
    """A line or message that is no event, by its number from 1."""

    line: int
    reason: str


class Gap(Struct, frozen=True):
    """Event ids that are missing between two that are there."""

    after_id: int
    before_id: int
    lost: int
    attention_dp_rank: int | None = None


class EventLogReport(Struct, frozen=True, kw_only=True):
    """What a log says. With `complete` False the trees are only as good as what arrived: events
    are missing, or blocks name parents that no event stored, so that sharing cannot be told.

    `gaps` and `bad_lines` hold the first ones; `lost_events` and `bad_line_count` count all.
    `restarts` counts ids that went back: the server was started anew.
    """

    label: Label = "measured"
    complete: bool
    events: int
    by_type: dict[str, int]
    lost_events: int
    gaps: tuple[Gap, ...]
    restarts: int
    bad_line_count: int
    bad_lines: tuple[BadLine, ...]
    trees: tuple[TreeReport, ...]


class ContentListener(Protocol):
    """Hears what the blocks of a pool hold."""

    def stored(
        self,
        place: PoolKey,
        parent: BlockHash | None,
        chain: Sequence[tuple[BlockHash, int]],
        token_ids: Sequence[int],
    ) -> None:
        """A chain of blocks, each with its number of tokens, holds these tokens."""

    def removed(self, place: PoolKey, block: BlockHash) -> None:
        """A block holds nothing any more."""

    def emptied(self, place: PoolKey) -> None:
        """No block of the pool holds anything any more."""


class EventMap:
    """Follows events as they come; `content` hears what blocks hold."""

    def __init__(self, content: ContentListener | None = None) -> None:
        self._content = content
        self._trees: dict[PoolKey, EventTree] = {}
        self._last_id: dict[int | None, int] = {}
        self._by_type = dict.fromkeys(("created", "stored", "removed", "updated"), 0)
        self._lost = self._restarts = self._bad = 0
        self._gaps: list[Gap] = []
        self._bad_lines: list[BadLine] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing came yet, not even what cannot be read."""
        return not (self._last_id or self._bad)

    def unreadable(self, number: int, reason: str) -> None:
        """A line or message holds no event."""
        self._bad += 1
        if len(self._bad_lines) < SHOWN:
            self._bad_lines.append(BadLine(number, reason))

    def follow(self, rank: int | None, event_id: int) -> bool:
        """The next id that a rank gave: those between it and the one before were lost. Whether ids
        went back."""
        expected = self._last_id.get(rank, -1) + 1
        # They may begin anywhere, but what went before the first one is not there.
        if event_id > expected:
            self._lost += event_id - expected
            if len(self._gaps) < SHOWN:
                self._gaps.append(Gap(expected - 1, event_id, event_id - expected, rank))
        restarted = event_id < expected
        self._restarts += restarted
        self._last_id[rank] = event_id
        return restarted

    def created(self, place: PoolKey, blocks_per_level: Iterable[int]) -> None:
        """The pool exists, and is empty."""
        self._by_type["created"] += 1
        self._tree(place).create(blocks_per_level)
        if self._content is not None:
            self._content.emptied(place)

    def cleared(self, rank: int | None) -> None:
        """All pools of a rank are empty."""
        for place in [one for one in self._trees if one.rank == rank]:
            self.created(place, ())

    def stored(
        self,
        place: PoolKey,
        parent: BlockHash | None,
        blocks: Iterable[tuple[BlockHash, int, int, int]],
        token_ids: TokenIds,
        *,
        takes_over: bool = False,
    ) -> None:
        """A chain of blocks entered the tree: hash, tokens, level and priority of each; `token_ids`
        gives the tokens of all of them. `takes_over`: requests of that server take blocks over in
        place, which it does not tell."""
        self._by_type["stored"] += 1
        tree, above = self._tree(place), parent
        content = token_ids() if takes_over or self._content is not None else ()
        if self._content is not None:
            blocks = list(blocks)
            chain = [(block, tokens) for block, tokens, *_ in blocks]
            self._content.stored(place, parent, chain, content)
        reached = 0
        for block, tokens, level, priority in blocks:
            held = content[reached : reached + tokens] if takes_over else None
            tree.store(block, above, tokens, level, priority, held)
            above, reached = block, reached + tokens
        if self._content is not None:
            for gone in tree.forgotten():
                self._content.removed(place, gone)

    def removed(
        self, place: PoolKey, blocks: Iterable[BlockHash], level: int | None = None
    ) -> None:
        """Blocks were forgotten, at one level or everywhere."""
        self._by_type["removed"] += 1
        tree = self._tree(place)
        for block in blocks:
            if tree.remove(block, level) and self._content is not None:
                self._content.removed(place, block)

    def updated(
        self, place: PoolKey, block: BlockHash, level: int | None, priority: int | None
    ) -> None:
        """A block changed its level or its priority."""
        self._by_type["updated"] += 1
        self._tree(place).update(block, level, priority)

    def nodes(self) -> Iterator[tuple[PoolKey, BlockHash, TreeNode]]:
        """All blocks of all pools."""
        for place, tree in self._trees.items():
            for block, node in tree.nodes.items():
                yield place, block, node

    def doubted(self) -> Iterator[tuple[PoolKey, BlockHash, TreeNode]]:
        """Blocks that are not among `nodes`, and yet may be there: `EventTree.doubted`."""
        for place, tree in self._trees.items():
            for block, node in tree.doubted.items():
                yield place, block, node

    def gpu_blocks(self, place: PoolKey) -> int:
        """How many blocks a pool has on the GPU; 0 where no event told."""
        return self._tree(place).gpu_blocks

    @property
    def lost_events(self) -> int:
        """How many events did not come."""
        return self._lost

    @property
    def restarts(self) -> int:
        """How often the server was started anew."""
        return self._restarts

    @property
    def ranks(self) -> int:
        """How many engines tell of their pools; one before any does."""
        return max(1, len(self._last_id))

    @property
    def events(self) -> int:
        """How many events came."""
        return sum(self._by_type.values())

    @property
    def complete(self) -> bool:
        """Whether the trees are all that there is."""
        return not (self._lost or self._bad) and not any(
            tree.has_unknown_parents for tree in self._trees.values()
        )

    def report(self) -> EventLogReport:
        """What the trees are now, and what was lost."""
        trees = sorted(
            self._trees.items(),
            key=lambda item: tuple(-1 if part is None else part for part in item[0]),
        )
        return EventLogReport(
            complete=self.complete,
            events=self.events,
            by_type=dict(self._by_type),
            lost_events=self._lost,
            gaps=tuple(self._gaps),
            restarts=self._restarts,
            bad_line_count=self._bad,
            bad_lines=tuple(self._bad_lines),
            trees=tuple(tree.report(*place) for place, tree in trees),
        )

    def _tree(self, place: PoolKey) -> EventTree:
        return self._trees.setdefault(place, EventTree())
