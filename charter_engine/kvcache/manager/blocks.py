"""One block, and its place in the reuse tree."""

from bisect import bisect_left, insort
from typing import Final

from charter_engine.bls.retention import DEFAULT_PRIORITY

GPU: Final = 0
"""Cache level of the primary pool."""
HOST: Final = 1
"""Cache level of the secondary pool."""


class Children(dict[bytes, "Block"]):
    """The blocks that continue a block, by key; `ordered` holds the keys sorted once somebody asked
    for neighbours."""

    __slots__ = ("ordered",)

    def __init__(self) -> None:
        super().__init__()
        self.ordered: list[bytes] | None = None

    def __copy__(self) -> "Children":
        twin = Children()
        twin.update(self)
        twin.ordered = None if self.ordered is None else self.ordered.copy()
        return twin

    def put(self, key: bytes, child: "Block") -> None:
        """Add a child under a key that is not taken."""
        self[key] = child
        if self.ordered is not None:
            insort(self.ordered, key)

    def take(self, key: bytes) -> None:
        """Remove a child."""
        del self[key]
        if self.ordered is not None:
            del self.ordered[bisect_left(self.ordered, key)]

    def sorted_keys(self) -> list[bytes]:
        """All keys in byte order, where the longest common run with any key is found beside it."""
        if self.ordered is None:
            self.ordered = sorted(self)
        return self.ordered


class Block:
    """A block of the pool. Its `id` and everything else here follow its content; `level` and `slot`
    say where that is.

    Idle means `references` is 0. `key` is the last content key given to it, empty if blank;
    `parent` is None outside the tree, and `entered` orders the blocks of the tree by when they
    entered it. `queued` is the priority class it is a candidate in, or None. `expiry` is the serial
    number of its pending deadline, or 0. `idle_children` counts, by cache level, those that can
    protect it from eviction.
    """

    __slots__ = (
        "children",
        "duration_ms",
        "entered",
        "expiry",
        "hash",
        "id",
        "idle_children",
        "key",
        "level",
        "parent",
        "priority",
        "queued",
        "references",
        "slot",
    )

    def __init__(self, block_id: int, level: int, slot: int) -> None:
        self.id = block_id
        self.level = level
        self.slot = slot
        self.references = 0
        self.priority = DEFAULT_PRIORITY
        self.duration_ms: int | None = None
        self.key = b""
        self.hash = 0
        self.parent: Block | None = None
        self.entered = 0
        self.children: Children | None = None
        self.idle_children = [0, 0]
        self.queued: int | None = None
        self.expiry = 0

    def __repr__(self) -> str:
        return (
            f"Block({self.id}, level={self.level}, slot={self.slot}, references={self.references})"
        )
