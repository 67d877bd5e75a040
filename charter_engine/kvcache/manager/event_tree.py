"""The tree a stream of KV cache events describes, and what it says about sharing and churn."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from charter_engine.kvcache.manager.take_overs import BlockHash, TakeOvers

REMEMBERED = 1_000_000
"""How many removed blocks are remembered to tell which content comes back."""
DOUBTED = 10_000
"""How many blocks that no event removed are remembered, should they be there nevertheless."""


class LevelCount(Struct, frozen=True):
    """Blocks and tokens of one cache level (0 GPU, 1 host) at one priority."""

    cache_level: int
    priority: int
    blocks: int
    tokens: int


class Sharing(Struct, frozen=True):
    """How much the cached sequences have in common.

    `sequences` counts leaves; `sequence_tokens` is what they would take if each were stored on its
    own, `factor` that over the tokens of the tree. `shared_blocks` lie on the way to more than one
    leaf.
    """

    sequences: int
    sequence_tokens: int
    factor: float
    shared_blocks: int
    shared_tokens: int
    branches: int
    deepest_tokens: int


class Churn(Struct):
    """Blocks that came, moved and went over the log.

    `stored_again` of the stored ones had been removed before (of the last million removed): they
    were computed twice. `overwritten` were stored while the tree still had them: they had been
    taken over in place, which no event says. `taken_over` are those that other content is derived
    to have taken over so, or that there is no room for in the pool. `unknown` counts mentions of
    blocks the tree does not have: their storing was lost, or lies before the log.
    """

    stored: int = 0
    stored_again: int = 0
    overwritten: int = 0
    taken_over: int = 0
    removed: int = 0
    offloaded: int = 0
    onboarded: int = 0
    reprioritised: int = 0
    unknown: int = 0


class TreeReport(Struct, frozen=True, kw_only=True):
    """One tree at the end of the log.

    With `unknown_parents` some blocks in it name a parent that no event stored: how they hang
    together, and so what `sharing` says, is not known.
    """

    attention_dp_rank: int | None
    window_size: int | None
    layer_group_id: int | None = None
    pool_blocks: tuple[int, ...]
    blocks: int
    tokens: int
    unknown_parents: int = 0
    by_level: tuple[LevelCount, ...]
    sharing: Sharing
    churn: Churn


class TreeNode(Struct):
    """A block of the tree. It lies at `level`, the highest at which there is a copy of it, and
    `below` are the lower levels that have one as well."""

    parent: BlockHash | None
    tokens: int
    level: int
    priority: int
    below: tuple[int, ...] = ()

    def copied_to(self, level: int) -> None:
        """There is a copy at a level."""
        levels = sorted({self.level, level, *self.below})
        self.level, self.below = levels[0], tuple(levels[1:])

    def gone_from(self, level: int) -> bool:
        """There is no copy at a level any more; whether there is none at all."""
        left = [one for one in (self.level, *self.below) if one != level]
        if left:
            self.level, self.below = left[0], tuple(left[1:])
        return not left


class EventTree:
    """Follows the events of one pool.

    `nodes` are without the blocks that were taken over in place, where the content of blocks is
    told: they are remembered for as long as an event may still mention them.
    """

    def __init__(self) -> None:
        self.nodes: dict[BlockHash, TreeNode] = {}
        self._take_overs = TakeOvers()
        self._doubted: dict[BlockHash, TreeNode] = {}
        self._pool_blocks: tuple[int, ...] = ()
        self._churn = Churn()
        self._unknown_parents = 0
        self._removed: dict[BlockHash, None] = {}

    @property
    def gpu_blocks(self) -> int:
        """How many blocks the pool has on the GPU; 0 where no event told."""
        return self._pool_blocks[0] if self._pool_blocks else 0

    def create(self, blocks_per_level: Iterable[int]) -> None:
        """The pool exists, and is empty."""
        self.nodes.clear()
        self._doubted.clear()
        self._take_overs = TakeOvers()
        self._pool_blocks = tuple(blocks_per_level)

    def store(
        self,
        block: BlockHash,
        parent: BlockHash | None,
        tokens: int,
        level: int,
        priority: int,
        content: Sequence[int] | None = None,
    ) -> None:
        """A block entered the tree below its parent, or was copied to another level. `content` are
        its tokens, of a server whose requests take blocks over in place."""
        churn = self._churn
        known = self.nodes.get(block)
        if known is not None and known.level != level:
            churn.offloaded += level > known.level
            churn.onboarded += level < known.level
            known.copied_to(level)
            return
        churn.stored += 1
        churn.overwritten += known is not None
        if parent is not None:
            self._mentioned(parent)
        self._doubted.pop(block, None)
        lost = parent is not None and parent not in self.nodes
        churn.unknown += lost
        self._unknown_parents += lost
        if block in self._removed:
            churn.stored_again += 1
            del self._removed[block]
        self.nodes[block] = TreeNode(parent, tokens, level, priority)
        if content is not None:
            self._doubt(self._take_overs.stored(block, parent, content))
            while 0 < sum(self._pool_blocks) < len(self.nodes):
                self._doubt(next(filter(self._take_overs.is_leaf, self.nodes), block))

    def _doubt(self, block: BlockHash | None) -> None:
        """A block is not there, though no event removed it."""
        if block is None:
            return
        self._take_overs.removed(block)
        if (node := self.nodes.pop(block, None)) is not None:
            self._churn.taken_over += 1
            self._doubted[block] = node

    def _mentioned(self, block: BlockHash) -> None:
        """A block that was doubted is there."""
        if (node := self._doubted.pop(block, None)) is not None:
            self.nodes[block] = node

    @property
    def doubted(self) -> Mapping[BlockHash, TreeNode]:
        """The blocks that were taken over in place, or copied because they were in use: which of
        both, events do not say."""
        return self._doubted

    def forgotten(self) -> list[BlockHash]:
        """The blocks that were taken over so long ago that no event will mention them; once."""
        most = max(0, len(self._doubted) - DOUBTED)
        gone = [block for block, _ in zip(self._doubted, range(most), strict=False)]
        for block in gone:
            del self._doubted[block]
        return gone

    def remove(self, block: BlockHash, level: int | None = None) -> bool:
        """A block was forgotten, at one level or everywhere; whether no copy of it is left."""
        node = self.nodes.get(block)
        if node is not None and level is not None and not node.gone_from(level):
            return False
        self._churn.removed += 1
        self._mentioned(block)
        self._take_overs.removed(block)
        if self.nodes.pop(block, None) is None:
            self._churn.unknown += 1
        self._removed[block] = None
        if len(self._removed) > REMEMBERED:
            del self._removed[next(iter(self._removed))]
        return True

    def update(self, block: BlockHash, level: int | None, priority: int | None) -> None:
        """A block moved to another level, or got another priority."""
        churn = self._churn
        churn.offloaded += level is not None and level > 0
        churn.onboarded += level == 0
        churn.reprioritised += priority is not None
        self._mentioned(block)
        node = self.nodes.get(block)
        if node is None:
            churn.unknown += 1
            return
        if level is not None:
            node.level, node.below = level, ()
        if priority is not None:
            node.priority = priority

    @property
    def has_unknown_parents(self) -> bool:
        """Whether some block names a parent that no event stored."""
        return self._unknown_parents > 0

    def report(
        self, rank: int | None, window: int | None, layer_group: int | None = None
    ) -> TreeReport:
        """What the tree is now and what happened to it so far."""
        blocks: Counter[tuple[int, int]] = Counter()
        tokens: Counter[tuple[int, int]] = Counter()
        for node in self.nodes.values():
            blocks[node.level, node.priority] += 1
            tokens[node.level, node.priority] += node.tokens
        return TreeReport(
            attention_dp_rank=rank,
            window_size=window,
            layer_group_id=layer_group,
            pool_blocks=self._pool_blocks,
            blocks=len(self.nodes),
            tokens=tokens.total(),
            unknown_parents=self._unknown_parents,
            by_level=tuple(
                LevelCount(*place, blocks[place], tokens[place]) for place in sorted(blocks)
            ),
            sharing=_sharing(self.nodes),
            churn=self._churn,
        )


def _sharing(nodes: dict[BlockHash, TreeNode]) -> Sharing:
    children: dict[BlockHash | None, list[BlockHash]] = {}
    for block, node in nodes.items():
        children.setdefault(node.parent if node.parent in nodes else None, []).append(block)
    ahead = [(block, 0) for block in children.get(None, ())]
    depths: list[tuple[BlockHash, int]] = []
    while ahead:
        block, above = ahead.pop()
        depth = above + nodes[block].tokens
        depths.append((block, depth))
        ahead += [(child, depth) for child in children.get(block, ())]
    leaves: dict[BlockHash, int] = {}
    for block, _ in reversed(depths):
        leaves[block] = sum(leaves[child] for child in children.get(block, ())) or 1
    ends = [depth for block, depth in depths if block not in children]
    shared = [nodes[block].tokens for block, count in leaves.items() if count > 1]
    tree_tokens = sum(node.tokens for node in nodes.values())
    return Sharing(
        sequences=len(ends),
        sequence_tokens=sum(ends),
        factor=sum(ends) / tree_tokens if tree_tokens else 1.0,
        shared_blocks=len(shared),
        shared_tokens=sum(shared),
        branches=sum(
            1 for parent, below in children.items() if parent is not None and len(below) > 1
        ),
        deepest_tokens=max(ends, default=0),
    )
