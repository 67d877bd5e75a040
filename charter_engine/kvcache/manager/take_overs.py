"""Which blocks of a pool were taken over in place, which TensorRT-LLM tells in no event.

A request that begins like an idle block nothing continues, and then goes on otherwise, takes that
block for its own: the content is gone at once. What is told is only that the request's own block
entered the tree, below the same parent. By TensorRT-LLM's rule it is the block with the longest
common run that was taken, the first to enter of several; one that is continued is copied instead.

Events do not say whether a block is in use, which is copied too, nor what the namespace of content
is. So a block that is mentioned again was there all the time.
"""

from collections.abc import Sequence
from typing import Final

from charter_engine.kvcache.manager.blocks import GPU, Block
from charter_engine.kvcache.manager.keys import Namespace, encode
from charter_engine.kvcache.manager.tree import ReuseTree

BlockHash = int | str
"""How events name a block."""
ONE: Final = Namespace(None, None, extra_ids=False)
"""Stands for all namespaces."""


class TakeOvers:
    """Follows the blocks of a pool by what they hold."""

    def __init__(self) -> None:
        self._tree = ReuseTree()
        self._blocks: dict[BlockHash, Block] = {}
        self._names: dict[Block, BlockHash] = {}

    def stored(
        self, name: BlockHash, parent: BlockHash | None, tokens: Sequence[int]
    ) -> BlockHash | None:
        """A block entered the tree; which other one it took the place of, if any."""
        self.removed(name)
        above = self._tree.root(ONE) if parent is None else self._blocks.get(parent)
        key = encode(tokens, None) if above is not None else b""
        if above is None or (above.children and key in above.children):
            return None
        taken = self._taken(above, key)
        if taken is not None:
            self.removed(taken)
        block = Block(len(self._blocks), GPU, 0)
        self._tree.enter(block, above, key)
        self._blocks[name], self._names[block] = block, name
        return taken

    def _taken(self, above: Block, key: bytes) -> BlockHash | None:
        if not above.children:
            return None
        closest, run = self._tree.closest(above, key, ONE, private=False)
        if closest is None or not run or closest.children:
            return None
        return self._names[closest]

    def is_leaf(self, name: BlockHash) -> bool:
        """Whether a block is known that nothing continues."""
        block = self._blocks.get(name)
        return block is not None and not block.children

    def removed(self, name: BlockHash) -> None:
        """A block is in the tree no more."""
        block = self._blocks.pop(name, None)
        if block is not None:
            del self._names[block]
            if block.parent is not None:
                self._tree.leave(block)
