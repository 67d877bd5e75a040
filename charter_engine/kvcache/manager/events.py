"""What happened to cached content, as TensorRT-LLM reports it (kvCacheEventManager.cpp)."""

from collections import deque
from hashlib import blake2b

from msgspec import Struct

from charter_engine.kvcache.manager.keys import Namespace


class EventDiff(Struct, frozen=True):
    """A value that changed."""

    old_value: int
    new_value: int


class StoredBlock(Struct, frozen=True):
    """A block that entered the tree.

    `extra_ids` is empty if the request came without; `cache_level` 0 is GPU, 1 host.
    """

    block_hash: int
    tokens: tuple[int, ...]
    extra_ids: tuple[int, ...]
    lora_id: int | None
    cache_level: int
    priority: int


class Created(Struct, frozen=True, tag="created"):
    """The pools exist; blocks per cache level."""

    event_id: int
    num_blocks_per_cache_level: tuple[int, ...]


class Stored(Struct, frozen=True, tag="stored"):
    """A chain of blocks entered the tree below `parent_hash`, or below the root if that is None."""

    event_id: int
    parent_hash: int | None
    blocks: tuple[StoredBlock, ...]


class Removed(Struct, frozen=True, tag="removed"):
    """Blocks of the tree were forgotten by eviction, children before parents."""

    event_id: int
    block_hashes: tuple[int, ...]


class Updated(Struct, frozen=True, tag="updated"):
    """A block moved to another cache level, or a request asked for another priority."""

    event_id: int
    block_hash: int
    cache_level: EventDiff | None = None
    priority: EventDiff | None = None


Event = Created | Stored | Removed | Updated


def block_hash(parent_hash: int | None, key: bytes, namespace: Namespace) -> int:
    """The hash of a block by its content and everything before it; the same in every process."""
    seed = repr(namespace) if parent_hash is None else str(parent_hash)
    return int.from_bytes(
        blake2b(key, digest_size=8, key=blake2b(seed.encode(), digest_size=16).digest()).digest()
    )


class EventBuffer:
    """Numbers events and keeps the newest `limit` of them until they are drained."""

    __slots__ = ("_events", "_next_id", "_removed")

    def __init__(self, limit: int) -> None:
        self._events: deque[Event] = deque(maxlen=limit)
        self._next_id = 0
        self._removed: list[int] = []

    def created(self, blocks_per_level: tuple[int, ...]) -> None:
        """The pools exist."""
        self._put(Created(self._take_id(), blocks_per_level))

    def stored(self, parent_hash: int | None, blocks: list[StoredBlock]) -> None:
        """Blocks entered the tree as one chain."""
        self._put(Stored(self._take_id(), parent_hash, tuple(blocks)))

    def removed(self, removed_hash: int) -> None:
        """A block was forgotten; removals that follow one another become one event."""
        self._removed.append(removed_hash)

    def moved(self, moved_hash: int, old_level: int, new_level: int) -> None:
        """A block moved to another cache level."""
        self._put(Updated(self._take_id(), moved_hash, cache_level=EventDiff(old_level, new_level)))

    def reprioritised(self, matched_hash: int, old: int, new: int) -> None:
        """A request that matched a block asked for another priority."""
        self._put(Updated(self._take_id(), matched_hash, priority=EventDiff(old, new)))

    def drain(self) -> list[Event]:
        """Everything since the last call, oldest first; a gap in the ids tells what the buffer
        could not hold."""
        self._close_removed()
        events = list(self._events)
        self._events.clear()
        return events

    def _put(self, event: Event) -> None:
        self._events.append(event)

    def _take_id(self) -> int:
        self._close_removed()
        self._next_id += 1
        return self._next_id - 1

    def _close_removed(self) -> None:
        if self._removed:
            event = Removed(self._next_id, tuple(self._removed))
            self._removed = []
            self._next_id += 1
            self._events.append(event)
