"""A scheduler whose cache is corrupted on purpose; see `faults`. No engine is one unless told to
be."""

import random
from dataclasses import replace
from typing import Any

import msgspec

from charter_engine.embedded.engine.faults import CacheFault
from charter_engine.embedded.engine.scheduler import Scheduler
from charter_engine.embedded.engine.sequence import Sequence
from charter_engine.kvcache import Admission, BlockCopy

SEED = 20
"""Any number: what goes wrong is the same at each start."""


class FaultyScheduler(Scheduler):
    """Serves like any other, but for the one fault."""

    def __init__(self, *parts: Any, fault: CacheFault, **others: Any) -> None:
        super().__init__(*parts, **others)
        self._fault = fault
        self._draw = random.Random(SEED)
        self._given_back: list[int] = []

    def _take_blocks(self, sequence: Sequence) -> Admission:
        if self._strikes("namespace"):
            sequence.request = replace(sequence.request, cache_salt_id=None)
        admission = super()._take_blocks(sequence)
        if admission.reused_blocks and self._strikes("stranger"):
            slots = self.manager.slots(sequence.request.request_id)[: admission.reused_blocks]
            self._overwrite(self._draw.choice(slots), self._draw.randrange(self.pool.gpu_blocks))
        if self._ends_at_boundary(admission) and self._strikes("boundary"):
            slots = self.manager.slots(sequence.request.request_id)
            self._move_on(slots[admission.reused_blocks - 1])
        return admission

    def _apply(self, copy: BlockCopy) -> None:
        if copy.kind == "partial" and self._strikes("partial"):
            return
        if copy.kind in ("onboard", "exchange") and self._strikes("offload"):
            neighbour = (copy.source_slot + 1) % self.pool.host_blocks
            copy = msgspec.structs.replace(copy, source_slot=neighbour)
        super()._apply(copy)

    def _release(self, sequence: Sequence) -> None:
        slots = list(sequence.slots)
        super()._release(sequence)
        in_use = {slot for other in self.running for slot in other.slots}
        idle = [slot for slot in self._given_back if slot not in in_use and slot not in slots]
        if idle and self._strikes("orphan"):
            self._overwrite(self._draw.choice(idle), self._draw.choice(slots))
        self._given_back = slots

    def _ends_at_boundary(self, admission: Admission) -> bool:
        reused = admission.reused_tokens
        return reused > 0 and reused % self.pool.tokens_per_block == 0

    def _strikes(self, kind: str) -> bool:
        return self._fault.kind == kind and self._draw.random() < self._fault.share

    def _overwrite(self, slot: int, source: int) -> None:
        self.pool.apply(BlockCopy("partial", 0, source, 0, slot, self.pool.tokens_per_block))

    def _move_on(self, slot: int) -> None:
        """Shift a block's content by one token; its first stands twice then."""
        size = self.pool.tokens_per_block
        for layer in self.pool.layers:
            rows = layer[:, slot * size : (slot + 1) * size]
            rows[:, 1:] = rows[:, :-1].copy()
