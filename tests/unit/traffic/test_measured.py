"""What lies in a pool by the server's own events, who brought it, and what was predicted."""

from functools import partial

import numpy as np
import pytest

from charter_engine.bls.chain import GRAIN_TOKENS, Chain, ChainState
from charter_engine.contracts.contents import KvEventSource, MeasuredContents
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.event_map import PoolKey
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.contents import PoolContents
from charter_engine.traffic.measured import GrainOwners, MeasuredPool
from tests.unit.traffic.records import record

BLOCK = 32
PLACE = PoolKey()
SHARED = [*range(2 * BLOCK)]


def of(tokens: int) -> list[int]:
    """Three blocks, the last one of its own."""
    return [*SHARED, *range(tokens, tokens + BLOCK)]


# No cache stores the last token of a prompt: it is one longer than its blocks.
FIRST = record([*of(1000), 0], at=1.0, node="a")
SECOND = record([*of(2000), 0], at=2.0, node="b")


def pool_of(*chains: tuple[list[int], list[int], int | None]) -> MeasuredPool:
    """A pool into which these chains entered: blocks by their hashes, tokens, and the parent."""
    pool = MeasuredPool(KvEventSource(address="tcp://host:5557"))
    for number, (hashes, tokens, parent) in enumerate(chains):
        pool.events.follow(None, number)
        rows = [(one, BLOCK, 0, 35) for one in hashes]
        pool.events.stored(PLACE, parent, rows, partial(list, tokens))
    return pool


def told(pool: MeasuredPool, predicted: dict[int, int] | None = None) -> MeasuredContents:
    owners = GrainOwners()
    owners.take(FIRST, "one")
    owners.take(SECOND, "two")
    return pool.report(9.0, owners, predicted or {})


def predicted_of(*records: TrafficRecord) -> dict[int, int]:
    contents = PoolContents(PoolSettings(64, BLOCK), lambda _: None)
    for one in records:
        contents.take(one, "s")
    return contents.grains_on_gpu()


@pytest.mark.parametrize("pieces", [(1, 47, 16), (16, 16, 32), (64,), (15, 2, 47)])
def test_a_sequence_is_hashed_in_pieces_as_in_one(pieces: tuple[int, ...]) -> None:
    tokens = np.arange(64, dtype=np.uint64) * np.uint64(7)
    chain, state, at = Chain(), ChainState(), 0
    for piece in pieces:
        (state,) = chain.go_on(state, tokens[at : at + piece], [piece])
        at += piece
    assert state.hash == int(chain.hashes(tokens)[-1])


def test_before_a_whole_grain_there_is_no_hash() -> None:
    few = np.arange(GRAIN_TOKENS - 1, dtype=np.uint64)
    (state,) = Chain().go_on(ChainState(), few, [len(few)])
    assert state.hash is None


def test_blocks_belong_to_who_sent_their_content_first() -> None:
    pool = pool_of(([1, 2, 3], of(1000), None), ([4], of(2000)[2 * BLOCK :], 2))
    report = told(pool)
    assert {one.name: one.blocks for one in report.nodes} == {"a": 3, "b": 1}
    assert {one.name: one.blocks for one in report.sessions} == {"one": 3, "two": 1}
    assert [(run.blocks, run.node) for run in report.map] == [(3, "a"), (1, "b")]
    assert (report.blocks, report.tokens, report.unattributed_blocks) == (4, 4 * BLOCK, 0)


def test_what_no_known_request_sent_is_nobodys() -> None:
    report = told(pool_of(([1], [*range(5000, 5000 + BLOCK)], None)))
    assert (report.unattributed_blocks, report.nodes[0].name) == (1, "")


def test_behind_a_block_that_was_stored_unseen_nothing_is_known_of_the_content() -> None:
    report = told(pool_of(([3], of(1000)[2 * BLOCK :], 2)))
    assert (report.unattributed_blocks, report.complete) == (1, False)


def test_what_is_there_is_compared_with_what_is_predicted() -> None:
    pool = pool_of(([1, 2, 3], of(1000), None), ([9], [*range(5000, 5000 + BLOCK)], None))
    report = told(pool, predicted_of(FIRST, SECOND))
    assert (report.agreed_blocks, report.absent_blocks, report.unpredicted_blocks) == (3, 1, 1)


def test_a_pool_that_went_as_predicted_differs_in_nothing() -> None:
    pool = pool_of(([1, 2, 3], of(1000), None), ([4], of(2000)[2 * BLOCK :], 2))
    report = told(pool, predicted_of(FIRST, SECOND))
    assert (report.agreed_blocks, report.absent_blocks, report.unpredicted_blocks) == (4, 0, 0)


def test_removed_blocks_and_those_on_the_host_are_not_there() -> None:
    pool = pool_of(([1, 2, 3], of(1000), None))
    pool.events.removed(PLACE, [3])
    pool.events.updated(PLACE, 2, 1, None)
    report = told(pool, predicted_of(FIRST))
    assert (report.blocks, report.host_blocks, report.agreed_blocks) == (1, 1, 1)


LIKE_FIRST = [*of(1000)[: -BLOCK // 2], *range(3000, 3000 + BLOCK // 2)]
"""As the first prompt, but for the last half block."""


@pytest.mark.parametrize(
    ("kept", "there"), [(predicted_of(FIRST), (4, 4, 0, 0)), ({}, (3, 3, 0, 0))]
)
def test_whether_a_block_was_taken_over_or_copied_is_decided_by_what_is_predicted(
    kept: dict[int, int], there: tuple[int, ...]
) -> None:
    pool = pool_of()
    pool.events.follow(None, 0)
    for parent, blocks, tokens in (
        (None, (1, 2, 3), of(1000)),
        (2, (4,), LIKE_FIRST[2 * BLOCK :]),
    ):
        rows = [(block, BLOCK, 0, 35) for block in blocks]
        pool.events.stored(PLACE, parent, rows, partial(list, tokens), takes_over=True)
    report = told(pool, kept | predicted_of(record([*LIKE_FIRST, 0], at=3.0, node="b")))
    found = report.blocks, report.agreed_blocks, report.absent_blocks, report.unpredicted_blocks
    assert found == there


def test_no_more_blocks_are_there_than_the_pool_has() -> None:
    """A block that was held to be taken over is there, and so another one was taken."""
    pool = pool_of()
    pool.events.created(PLACE, (4,))
    for number, (parent, blocks, tokens) in enumerate(
        (
            (None, (9,), [*range(5000, 5000 + BLOCK)]),
            (None, (1, 2, 3), of(1000)),
            (2, (4,), LIKE_FIRST[2 * BLOCK :]),
        )
    ):
        pool.events.follow(None, number)
        rows = [(block, BLOCK, 0, 35) for block in blocks]
        pool.events.stored(PLACE, parent, rows, partial(list, tokens), takes_over=True)
    both = predicted_of(FIRST) | predicted_of(record([*LIKE_FIRST, 0], at=3.0, node="b"))
    report = told(pool, both)
    assert (report.blocks, report.agreed_blocks, report.unpredicted_blocks) == (4, 4, 0)


def test_of_what_is_all_predicted_the_oldest_ends_are_no_longer_there() -> None:
    pool = pool_of()
    pool.events.created(PLACE, (4,))
    for number, tokens in enumerate((of(1000), of(2000))):
        pool.events.follow(None, number)
        rows = [(10 * number + block, BLOCK, 0, 35) for block in range(3)]
        pool.events.stored(PLACE, None, rows, partial(list, tokens))
    report = told(pool, predicted_of(FIRST, SECOND))
    assert report.blocks == 4


def test_blocks_on_the_gpu_are_those_that_hold_something_there() -> None:
    pool = pool_of(([1, 2, 3], of(1000), None))
    assert pool.blocks_on_gpu() == 3
    pool.events.removed(PLACE, [3])
    pool.events.updated(PLACE, 2, 1, None)
    assert pool.blocks_on_gpu() == 1


def test_blocks_on_the_gpu_are_unknown_before_the_first_event_and_behind_lost_ones() -> None:
    assert pool_of().blocks_on_gpu() is None
    lost = pool_of(([1, 2, 3], of(1000), None))
    lost.events.follow(None, 7)
    assert lost.blocks_on_gpu() is None


def test_blocks_on_the_gpu_are_unknown_of_several_pools() -> None:
    several = pool_of(([1, 2, 3], of(1000), None))
    several.events.stored(PoolKey(window=128), None, [(9, BLOCK, 0, 35)], lambda: of(2000))
    assert several.blocks_on_gpu() is None


def test_the_engines_that_tell_of_pools_of_their_own_are_counted() -> None:
    several = pool_of()
    for rank in (0, 1):
        several.events.follow(rank, 0)
    assert told(several).ranks == 2
    assert told(pool_of()).ranks == 1


def test_lost_events_are_told() -> None:
    pool = pool_of(([1], of(1000)[:BLOCK], None))
    pool.events.follow(None, 5)
    report = told(pool)
    assert (report.lost_events, report.complete) == (4, False)
