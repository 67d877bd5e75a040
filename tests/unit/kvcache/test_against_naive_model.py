"""The block manager and a naive model written from the facts do the same, step by step."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from charter_engine.kvcache import (
    BlockManager,
    Created,
    EventDiff,
    PoolSettings,
    Removed,
    Stored,
    Updated,
)
from charter_engine.kvcache.manager.events import Event, block_hash
from charter_engine.kvcache.manager.keys import Namespace, encode
from tests.unit.kvcache.histories import HISTORIES, Add, Player, Step, settings
from tests.unit.kvcache.naive import GPU, HOST, NaiveManager, NoRoom, Path

pytestmark = pytest.mark.slow


def hash_of(path: Path) -> int | None:
    """The hash the events name a path by."""
    found: int | None = None
    for pairs, lora, salt, flag in path:
        tokens, extra = zip(*pairs, strict=True)
        found = block_hash(
            found, encode(tokens, extra if flag else None), Namespace(lora, salt, flag)
        )
    return found


def plain(event: Event) -> tuple[Any, ...]:
    """An event in the model's words, with hashes for paths."""
    match event:
        case Stored(_, parent, blocks):
            return (
                "stored",
                parent,
                tuple((b.block_hash, b.cache_level, b.priority) for b in blocks),
            )
        case Removed(_, hashes):
            return ("removed", *hashes)
        case Updated(_, found, EventDiff(old, new), None):
            return ("moved", found, old, new)
        case Updated(_, found, None, EventDiff(old, new)):
            return ("priority", found, old, new)
    raise AssertionError(event)


def hashed(event: tuple[Any, ...]) -> tuple[Any, ...]:
    if event[0] == "stored":
        return (
            "stored",
            hash_of(event[1]),
            tuple((hash_of(path), level, p) for path, level, p in event[2]),
        )
    if event[0] == "removed":
        return ("removed", *(hash_of(path) for path in event[1:]))
    return (event[0], hash_of(event[1]), *event[2:])


def repeat(model: NaiveManager, step: Step, clock: float) -> Any:
    """Do to the model what was done to the manager."""
    request = step.request
    match step.op:
        case Add(tokens, lora, salt, extra, retention):
            return model.add(request, tokens, lora, extra, salt, retention)
        case ("wait", _):
            model.now = clock
            model.refresh()
        case ("append", _, tokens):
            model.append(request, tokens)
        case ("store", _):
            model.store_context(request)
        case ("finish", _):
            model.finish(request)
        case ("keep", _, kept):
            model.finish(request, kept)
        case ("rewind", _, n):
            model.rewind(request, n)
        case ("priority", _, index, priority):
            model.set_priority(request, index, priority)
    return None


def order(manager: BlockManager, level: int) -> list[tuple[int, int]]:
    return [(block.id, block.priority) for block in manager._pool.idle.candidates(level)]


def model_order(model: NaiveManager, level: int) -> list[tuple[int, int]]:
    candidates = [c for c in model.cells if c.level == level and c.place is not None]
    return [(c.id, c.priority) for c in sorted(candidates, key=lambda c: (c.priority, c.place))]


def compare(pool: PoolSettings, history: list[Any]) -> None:
    manager = BlockManager(pool, events=True, event_buffer=10_000)
    assert isinstance(manager.drain_events()[0], Created)
    model = NaiveManager(pool)
    player = Player(manager)
    for step in player.play(history):
        if isinstance(step.op, Add):
            found = manager.lookup(step.op.tokens, step.op.lora, step.op.extra, step.op.salt)
        if step.refused and not isinstance(step.op, Add) and step.op[0] == "rewind":
            continue
        if step.refused:
            with pytest.raises(NoRoom):
                repeat(model, step, player.clock)
        else:
            answer = repeat(model, step, player.clock)
        if isinstance(step.op, Add):
            assert (found.matched_tokens, list(found.levels)) == model.lookup(
                step.op.tokens, step.op.lora, step.op.extra, step.op.salt
            )
            if not step.refused:
                a = step.answer
                assert answer == (
                    a.reused_tokens,
                    a.reused_blocks,
                    a.missed_blocks,
                    a.allocated_total,
                    a.allocated_new,
                )
        for request, sequence in model.sequences.items():
            assert manager.block_ids(request) == [cell.id for cell in sequence.cells]
        assert (manager.free_gpu_blocks, manager.free_host_blocks) == (
            model.free(GPU),
            model.free(HOST),
        )
        assert order(manager, GPU) == model_order(model, GPU)
        assert order(manager, HOST) == model_order(model, HOST)
        assert [plain(e) for e in manager.drain_events()] == [
            hashed(e) for e in model.drain_events()
        ]


THOROUGH = profile(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@THOROUGH
@given(settings(eviction="leaf"), HISTORIES)
def test_with_the_leaf_rule(pool: PoolSettings, history: list[Any]) -> None:
    compare(pool, history)


@THOROUGH
@given(settings(eviction="flat"), HISTORIES)
def test_with_flat_eviction(pool: PoolSettings, history: list[Any]) -> None:
    compare(pool, history)


@profile(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(settings(reuse=False), HISTORIES)
def test_without_reuse(pool: PoolSettings, history: list[Any]) -> None:
    compare(pool, history)


@profile(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["leaf", "flat"]), HISTORIES)
def test_with_a_host_tier_under_pressure(eviction: Any, history: list[Any]) -> None:
    compare(PoolSettings(5, 2, host_blocks=3, eviction=eviction, offload_min_priority=0), history)
