"""What the block manager answers."""

from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct


class Admission(Struct, frozen=True):
    """What starting a request took; counts are blocks, over this step only.

    `reused_blocks` were matched in full or in part, `missed_blocks` were allocated for want of a
    match. `allocated_total` adds to these the copies and the blocks needed to restore from host;
    `allocated_new` of them had never held content. `hit_rate` is reused / (reused + missed), 0 if
    nothing was reused. Prompt computation starts at `reused_tokens`. With reuse disabled nothing is
    looked up, so nothing is missed either.
    """

    reused_tokens: int
    reused_blocks: int
    missed_blocks: int
    allocated_total: int
    allocated_new: int
    hit_rate: float


class Lookup(Struct, frozen=True):
    """What a request would find now: tokens it would reuse, and the cache level of each matched
    block in order."""

    matched_tokens: int
    levels: tuple[int, ...]


class CachedBlock(Struct, frozen=True):
    """A block of the tree: what a later request can find.

    `parent_hash` is None below the root; `tokens` is how many it holds. `deadline_ms` is when it
    falls to the default priority (None: there is no deadline pending).
    """

    hash: int
    parent_hash: int | None
    tokens: int
    cache_level: int
    priority: int
    in_use: bool
    deadline_ms: float | None


CopyKind = Literal["offload", "onboard", "partial", "exchange"]


class BlockCopy(Struct, frozen=True):
    """A movement of KV data between slots; to be carried out in order, before the request that
    caused it computes.

    `offload`: GPU slot to host slot. `onboard`: host slot to GPU slot. `partial`: the first
    `tokens` tokens of a slot of either level to a GPU slot. `exchange`: a GPU slot and a host slot
    trade contents, since each receives what the other held. Levels: 0 is GPU, 1 host; slots count
    from 0 on each level.
    """

    kind: CopyKind
    source_level: int
    source_slot: int
    target_level: int
    target_slot: int
    tokens: int


@dataclass(slots=True)
class Counters:
    """Blocks counted since the manager was made.

    `evictions_by_priority`: blocks of the tree forgotten by eviction with everything below them, by
    the priority they had. Offloads are none, nor is content that was not in the tree.
    """

    allocated_total: int = 0
    allocated_new: int = 0
    reused: int = 0
    missed: int = 0
    partial_copies: int = 0
    offloads: int = 0
    onboards: int = 0
    evictions_by_priority: dict[int, int] = field(default_factory=dict)
