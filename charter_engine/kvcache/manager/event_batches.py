"""KV events as vLLM and SGLang publish them: batches, each in a message of MessagePack.

Sources: vLLM, distributed/kv_events.py; SGLang, srt/disaggregation/kv_events.py and
srt/mem_cache/events.py. vLLM's newer releases write an event as a map with its type in it, older
ones and SGLang as an array that begins with it.

Each engine of several numbers its own batches. SGLang reports a page at a time, splits a node by
removing its pages and storing them again, and tells of each medium apart: a page that was copied to
the host's memory is stored there as well, and what leaves the GPU is removed from the GPU alone.
"""

from functools import partial

import msgspec
from msgspec import Raw, Struct
from msgspec.msgpack import Decoder

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.kvcache.manager.event_map import EventMap, PoolKey
from charter_engine.kvcache.manager.take_overs import BlockHash

SentHash = int | bytes
"""A block's hash as it is sent."""
LEVEL_OF = {"GPU": 0, "CPU": 1, "CPU_PINNED": 1, "CPU_TIER1": 1, "CPU_TIER2": 1, "DISK": 2}
"""The cache level of a medium; where none is named, it is the GPU."""


class StoredBatch(Struct, tag="BlockStored"):
    """A chain of blocks entered the cache below `parent_block_hash`."""

    block_hashes: list[SentHash]
    parent_block_hash: SentHash | None
    token_ids: Raw
    block_size: int
    lora_id: int | None = None
    medium: str | None = None


class RemovedBatch(Struct, tag="BlockRemoved"):
    """Blocks were forgotten."""

    block_hashes: list[SentHash]
    medium: str | None = None


class ClearedBatch(Struct, tag="AllBlocksCleared"):
    """The cache is empty."""


class StoredRow(StoredBatch, tag="BlockStored", array_like=True):
    """As `StoredBatch`, written as an array."""


class RemovedRow(RemovedBatch, tag="BlockRemoved", array_like=True):
    """As `RemovedBatch`, written as an array."""


class ClearedRow(ClearedBatch, tag="AllBlocksCleared", array_like=True):
    """As `ClearedBatch`, written as an array."""


BatchEvent = StoredBatch | RemovedBatch | ClearedBatch


class EventBatch(Struct, array_like=True):
    """A message: when it was sent, its events, and which of several engines sent it."""

    at: float
    events: list[Raw]
    rank: int | None = None


_BATCH = Decoder(EventBatch)
_MAP: Decoder[BatchEvent] = Decoder(StoredBatch | RemovedBatch | ClearedBatch)
_ROW: Decoder[BatchEvent] = Decoder(StoredRow | RemovedRow | ClearedRow)
_IDS = Decoder(list[int])
_ARRAYS = (range(0x90, 0xA0), range(0xDC, 0xDE))
"""The first byte of an array (MessagePack's specification)."""


def read_batch(message: bytes) -> tuple[int | None, list[BatchEvent]]:
    """The engine that sent a message, and its events. Raises `msgspec.MsgspecError`, and
    `UnicodeDecodeError`."""
    batch = _BATCH.decode(message)
    return batch.rank, [_event(raw) for raw in batch.events]


def _event(raw: Raw) -> BatchEvent:
    encoded = memoryview(raw)
    is_row = any(encoded[0] in some for some in _ARRAYS)
    return _ROW.decode(encoded) if is_row else _MAP.decode(encoded)


def follow_batch(
    found: EventMap, number: int, message: bytes, publisher: int | None = None
) -> None:
    """Follow a message by its number; one that is no batch is counted as that. A publisher whose
    numbers begin anew was started anew, and its cache is empty. Of several publishers it is of the
    rank that it names, else of the `publisher` that sent it."""
    try:
        told, events = read_batch(message)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        found.unreadable(number, str(error))
        return
    rank = publisher if told is None else told
    if found.follow(rank, number):
        found.cleared(rank)
    for event in _without_splits(events):
        _apply(found, PoolKey(rank), event)


def _without_splits(events: list[BatchEvent]) -> list[BatchEvent]:
    """What SGLang removes and stores again in one batch, on one medium, was there all the time."""
    stored: dict[int, set[SentHash]] = {}
    kept: list[BatchEvent] = []
    for event in reversed(events):
        match event:
            case StoredBatch(block_hashes, medium=medium):
                stored.setdefault(level_of(medium), set()).update(block_hashes)
                kept.append(event)
            case RemovedRow(block_hashes, medium) if again := stored.get(level_of(medium)):
                left = [one for one in block_hashes if one not in again]
                kept.append(RemovedRow(left, medium))
            case _:
                kept.append(event)
    return kept[::-1]


def _apply(found: EventMap, place: PoolKey, event: BatchEvent) -> None:
    match event:
        case StoredBatch(block_hashes, parent, token_ids):
            level, tokens = level_of(event.medium), event.block_size
            chain = ((hash_of(one), tokens, level, DEFAULT_PRIORITY) for one in block_hashes)
            above = None if parent is None else hash_of(parent)
            found.stored(place, above, chain, partial(_token_ids, token_ids))
        case RemovedBatch(block_hashes, medium):
            found.removed(place, map(hash_of, block_hashes), level_of(medium))
        case ClearedBatch():
            found.cleared(place.rank)


def _token_ids(encoded: Raw) -> list[int]:
    """Of speculative decoding by EAGLE, SGLang's pages hold pairs, a token and the one behind
    it."""
    try:
        return _IDS.decode(encoded)
    except msgspec.MsgspecError:
        return []


def hash_of(sent: SentHash) -> BlockHash:
    """As the tree knows it."""
    return sent.hex() if isinstance(sent, bytes) else sent


def level_of(medium: str | None) -> int:
    """The cache level of a medium; one that nobody knows lies below all that are known."""
    return LEVEL_OF.get((medium or "GPU").upper(), len(LEVEL_OF))
