"""Reads a log of KV cache events, as `trtllm-serve` gives them: events and lists of events.

The tree is rebuilt event by event, one per server rank, attention window and group of layers, so
that memory follows the size of the cache and not that of the log. A block taken over in place
leaves no event: it stays in the rebuilt tree until it is stored again.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.contracts.figures import Label
from charter_engine.kvcache.manager import events as own
from charter_engine.kvcache.manager.event_documents import event_documents
from charter_engine.kvcache.manager.event_tree import EventTree, TreeReport

SHOWN = 20
"""How many bad lines and gaps a report names; all are counted."""

BlockHash = int | str


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


class BadLine(Struct, frozen=True):
    """A line that is no event, by its number from 1."""

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


def report_event_log(lines: Iterable[bytes | str]) -> EventLogReport:
    """Read a whole log, line by line. Lines that are no events are named and skipped; empty ones
    are not counted."""
    reader = _EventReader()
    for number, document in event_documents(lines):
        reader.read(number, document)
    return reader.report()


class _EventReader:
    def __init__(self) -> None:
        self._trees: dict[tuple[int | None, int | None, int | None], EventTree] = {}
        self._last_id: dict[int | None, int] = {}
        self._by_type = dict.fromkeys(("created", "stored", "removed", "updated"), 0)
        self._lost = self._restarts = self._bad = 0
        self._gaps: list[Gap] = []
        self._bad_lines: list[BadLine] = []

    def read(self, number: int, document: object) -> None:
        try:
            found = _events(document)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            self._bad += 1
            if len(self._bad_lines) < SHOWN:
                self._bad_lines.append(BadLine(number, str(error)))
            return
        for event in found:
            self._follow(event)
            self._apply(event)

    def report(self) -> EventLogReport:
        trees = sorted(
            self._trees.items(),
            key=lambda item: tuple(-1 if part is None else part for part in item[0]),
        )
        return EventLogReport(
            complete=not (self._lost or self._bad)
            and not any(tree.has_unknown_parents for tree in self._trees.values()),
            events=sum(self._by_type.values()),
            by_type=self._by_type,
            lost_events=self._lost,
            gaps=tuple(self._gaps),
            restarts=self._restarts,
            bad_line_count=self._bad,
            bad_lines=tuple(self._bad_lines),
            trees=tuple(tree.report(*place) for place, tree in trees),
        )

    def _follow(self, event: LogEvent) -> None:
        rank = event.attention_dp_rank
        expected = self._last_id.get(rank, -1) + 1
        # The log may begin anywhere, but what went before its first event is not in it.
        if event.event_id > expected:
            self._lost += event.event_id - expected
            if len(self._gaps) < SHOWN:
                self._gaps.append(
                    Gap(expected - 1, event.event_id, event.event_id - expected, rank)
                )
        elif event.event_id < expected:
            self._restarts += 1
        self._last_id[rank] = event.event_id

    def _apply(self, event: LogEvent) -> None:
        place = (event.attention_dp_rank, event.window_size, event.layer_group_id)
        tree = self._trees.setdefault(place, EventTree())
        match event.data:
            case CreatedData(blocks_per_level):
                self._by_type["created"] += 1
                tree.create(blocks_per_level)
            case StoredData(blocks, parent_hash):
                self._by_type["stored"] += 1
                for block in blocks:
                    tree.store(
                        block.block_hash,
                        parent_hash,
                        len(block.tokens),
                        block.cache_level,
                        block.priority,
                    )
                    parent_hash = block.block_hash
            case RemovedData(hashes):
                self._by_type["removed"] += 1
                for removed in hashes:
                    tree.remove(removed)
            case UpdatedData(block_hash, level, priority):
                self._by_type["updated"] += 1
                tree.update(block_hash, _new_value(level), _new_value(priority))


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
