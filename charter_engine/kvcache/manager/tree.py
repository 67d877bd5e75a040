"""The reuse tree: below a root for each namespace, every node is a block whose content continues
its parent's.

What three finished requests leave, with a letter for a token and 4 tokens a block. The last token
of a sequence is never stored:

    root ── "You " ─┬─ "are " ─┬─ "a co" ── "ach."     "You are a coach.!"
                    │          └─ "a ta" ── "ilo"      "You are a tailor", a partly filled block
                    └─ "ar"                            "You are": another length is another key

A child is found by its exact key. For a partial match the children's keys are looked at in sorted
order, where the longest common run stands next to the wanted key. A block of the tree is in use
or idle, on the GPU or on host; one that a request takes over leaves the tree until that request
stores it.
"""

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter

from charter_engine.kvcache.manager.blocks import GPU, Block, Children
from charter_engine.kvcache.manager.keys import Namespace, common_run, to_twin


class Root(Block):
    """The top of a namespace's tree: no block of the pool, and never idle."""

    __slots__ = ("namespace",)

    def __init__(self, namespace: Namespace) -> None:
        super().__init__(-1, GPU, -1)
        self.references = 1
        self.namespace = namespace


class ReuseTree:
    """Looks up, enters and forgets blocks. It knows nothing of levels, references or eviction."""

    __slots__ = ("_entered", "_roots")

    def __init__(self) -> None:
        self._entered = 0
        self._roots: dict[Namespace, Root] = {}

    def root(self, namespace: Namespace) -> Root:
        """The root of a namespace. It becomes part of the tree when the first block is entered
        below it."""
        return self._roots.get(namespace) or Root(namespace)

    def roots(self) -> Iterable[Root]:
        """The roots that have blocks below them."""
        return self._roots.values()

    def chain(self, namespace: Namespace, keys: Iterable[bytes]) -> list[Block]:
        """The blocks with exactly these keys, one below the other, as far as they are there."""
        found: list[Block] = []
        node: Block = self.root(namespace)
        for key in keys:
            child = node.children.get(key) if node.children else None
            if child is None:
                break
            found.append(child)
            node = child
        return found

    def closest(
        self, node: Block, key: bytes, namespace: Namespace, *, private: bool
    ) -> tuple[Block | None, int]:
        """The child of `node` with the longest common run with a key, and that run in tokens.

        `private` admits only idle children without children of their own. Which of several equally
        long runs wins is unspecified in TensorRT-LLM; here the child that entered first does, with
        the same extra-ids flag before others.
        """
        best, run = _closest(node.children, key, namespace.unit, private=private)
        if isinstance(node, Root):
            twin = namespace.twin
            twin_key = to_twin(key, namespace.unit) if twin in self._roots else b""
            if twin_key:
                other, other_run = _closest(
                    self._roots[twin].children, twin_key, twin.unit, private=private
                )
                if other_run > run:
                    best, run = other, other_run
        return best, run

    def is_covered(self, node: Block, key: bytes) -> bool:
        """Whether a child of `node` holds all tokens of a key, and more."""
        keys = node.children.sorted_keys() if node.children else []
        place = bisect_left(keys, key)
        return place < len(keys) and keys[place].startswith(key)

    def covered_by(self, node: Block, key: bytes) -> Block | None:
        """The child of `node` all of whose tokens a longer key begins with, where no other child
        begins with these: then it stands right before the key."""
        if not node.children:
            return None
        keys = node.children.sorted_keys()
        place = bisect_left(keys, key)
        is_part = place > 0 and key.startswith(keys[place - 1])
        return node.children[keys[place - 1]] if is_part else None

    def enter(self, block: Block, parent: Block, key: bytes) -> None:
        """Put a block that is in no tree below a node; the key must not be taken there."""
        if parent.children is None:
            parent.children = Children()
            if isinstance(parent, Root):
                self._roots[parent.namespace] = parent
        parent.children.put(key, block)
        block.parent = parent
        block.key = key
        self._entered += 1
        block.entered = self._entered

    def leave(self, block: Block) -> Block:
        """Take a block out of the tree; what is below it stays below it. Returns its former
        parent."""
        parent = block.parent
        assert parent is not None
        assert parent.children is not None
        block.parent = None
        parent.children.take(block.key)
        if not parent.children:
            parent.children = None
            if isinstance(parent, Root):
                del self._roots[parent.namespace]
        return parent


def below(top: Block) -> list[Block]:
    """A block and everything below it: parents before children, and children in the order they
    entered."""
    found = []
    ahead = [top]
    while ahead:
        block = ahead.pop()
        found.append(block)
        if block.children:
            ahead.extend(reversed(block.children.values()))
    return found


def _closest(
    children: Children | None, key: bytes, unit: int, *, private: bool
) -> tuple[Block | None, int]:
    if not children:
        return None, 0
    keys = children.sorted_keys()
    place = bisect_left(keys, key)
    # The common run only shrinks with the distance from the key's own place.
    neighbours = (
        next(
            (keys[other] for other in places if not private or _private(children[keys[other]])), b""
        )
        for places in (reversed(range(place)), range(place, len(keys)))
    )
    longest = max(common_run(key, neighbour, unit) for neighbour in neighbours)
    if not longest:
        return None, 0
    prefix = key[: longest * unit]
    start = bisect_left(keys, prefix)
    end = bisect_left(keys, True, lo=place, key=lambda other: not other.startswith(prefix))
    if (end - start) ** 2 < len(keys):
        equal = [
            child
            for child in map(children.__getitem__, keys[start:end])
            if not private or _private(child)
        ]
        return min(equal, key=attrgetter("entered")), longest
    # Children stand in the order they entered, and with many equal ones the first is soon found.
    for other, child in children.items():
        if other.startswith(prefix) and (not private or _private(child)):
            return child, longest
    raise AssertionError("one child has the longest run")


def _private(block: Block) -> bool:
    return not block.references and not block.children
