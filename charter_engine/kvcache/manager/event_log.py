"""Reads a log of KV cache events: JSON Lines as `trtllm-serve` gives them, each line an event or a
list of them.

The tree is rebuilt event by event, one per server rank and attention window, so that memory follows
the size of the cache and not that of the log. A block taken over in place leaves no event: it stays
in the rebuilt tree until it is stored again.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.contracts.figures import Label
from charter_engine.kvcache.manager import events as own
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
    """What a log says. With `complete` False the trees are only as good as what arrived.

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
    for number, line in enumerate(lines, start=1):
        if line.strip():
            reader.read(number, line)
    return reader.report()


class _EventReader:
    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(LogEvent | list[LogEvent])
        self._trees: dict[tuple[int | None, int | None], EventTree] = {}
        self._last_id: dict[int | None, int] = {}
        self._by_type = dict.fromkeys(("created", "stored", "removed", "updated"), 0)
        self._lost = self._restarts = self._bad = 0
        self._gaps: list[Gap] = []
        self._bad_lines: list[BadLine] = []

    def read(self, number: int, line: bytes | str) -> None:
        try:
            found = self._decode(line)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
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
            complete=not (self._lost or self._bad),
            events=sum(self._by_type.values()),
            by_type=self._by_type,
            lost_events=self._lost,
            gaps=tuple(self._gaps),
            restarts=self._restarts,
            bad_line_count=self._bad,
            bad_lines=tuple(self._bad_lines),
            trees=tuple(tree.report(rank, window) for (rank, window), tree in trees),
        )

    def _decode(self, line: bytes | str) -> list[LogEvent]:
        try:
            found = self._decoder.decode(line)
        except msgspec.ValidationError:
            flat = msgspec.json.decode(line)
            if not (isinstance(flat, dict) and "type" in flat and "data" not in flat):
                raise
            found = msgspec.convert({**flat, "data": flat}, LogEvent)
        return found if isinstance(found, list) else [found]

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
        tree = self._trees.setdefault((event.attention_dp_rank, event.window_size), EventTree())
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
