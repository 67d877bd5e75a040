"""Reads a log of KV cache events, as `trtllm-serve` gives them: events and lists of events."""

from collections.abc import Iterable, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.kvcache.manager import events as own
from charter_engine.kvcache.manager.event_documents import event_documents
from charter_engine.kvcache.manager.event_map import EventLogReport, EventMap, PoolKey
from charter_engine.kvcache.manager.take_overs import BlockHash


class UniqueToken(Struct):
    """A token as TensorRT-LLM writes it."""

    token_id: int
    token_extra_id: int = 0


class StoredBlockData(Struct):
    """One block of a `stored` event."""

    block_hash: BlockHash
    tokens: list[UniqueToken | int] = []
    cache_level: int = 0
    priority: int = DEFAULT_PRIORITY


class CreatedData(Struct, tag="created"):
    """The pools exist."""

    num_blocks_per_cache_level: list[int]


class StoredData(Struct, tag="stored"):
    """A chain of blocks entered the tree."""

    blocks: list[StoredBlockData]
    parent_hash: BlockHash | None = None


class RemovedData(Struct, tag="removed"):
    """Blocks were forgotten."""

    block_hashes: list[BlockHash]


class UpdatedData(Struct, tag="updated"):
    """A block changed its level or its priority."""

    block_hash: BlockHash
    cache_level: own.EventDiff | None = None
    priority: own.EventDiff | None = None


class LogEvent(Struct):
    """An event in its envelope."""

    event_id: int
    data: CreatedData | StoredData | RemovedData | UpdatedData
    window_size: int | None = None
    attention_dp_rank: int | None = None
    layer_group_id: int | None = None


def report_event_log(lines: Iterable[bytes | str]) -> EventLogReport:
    """Read a whole log, line by line. Lines that are no events are named and skipped; empty ones
    are not counted."""
    found = EventMap()
    follow_event_log(found, lines)
    return found.report()


def follow_event_log(found: EventMap, lines: Iterable[bytes | str]) -> None:
    """Go on with further lines of a log."""
    for number, document in event_documents(lines):
        _read(found, number, document)


def _read(found: EventMap, number: int, document: object) -> None:
    try:
        events = _events(document)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        found.unreadable(number, str(error))
        return
    for event in events:
        found.follow(event.attention_dp_rank, event.event_id)
        _apply(found, event)


def _apply(found: EventMap, event: LogEvent) -> None:
    place = PoolKey(event.attention_dp_rank, event.window_size, event.layer_group_id)
    match event.data:
        case CreatedData(blocks_per_level):
            found.created(place, blocks_per_level)
        case StoredData(blocks, parent_hash):
            rows = (
                (one.block_hash, len(one.tokens), one.cache_level, one.priority) for one in blocks
            )
            found.stored(place, parent_hash, rows, partial(_token_ids, blocks), takes_over=True)
        case RemovedData(hashes):
            found.removed(place, hashes)
        case UpdatedData(block_hash, level, priority):
            found.updated(place, block_hash, _new_value(level), _new_value(priority))


def _token_ids(blocks: Sequence[StoredBlockData]) -> list[int]:
    return [
        token.token_id if isinstance(token, UniqueToken) else token
        for block in blocks
        for token in block.tokens
    ]


def _new_value(change: own.EventDiff | None) -> int | None:
    return None if change is None else change.new_value


def _events(document: object) -> list[LogEvent]:
    """The events of a document. Raises msgspec.MsgspecError, or what kept it from being read."""
    if isinstance(document, Exception):
        raise document
    try:
        found = msgspec.convert(document, LogEvent | list[LogEvent])
    except msgspec.ValidationError:
        if not (isinstance(document, dict) and "type" in document and "data" not in document):
            raise
        found = msgspec.convert({**document, "data": document}, LogEvent)
    return found if isinstance(found, list) else [found]
