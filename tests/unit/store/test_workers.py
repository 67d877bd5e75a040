"""Work that is shared among processes."""

import os

from charter_engine.store.workers import WORTH_A_POOL, Workers


def process_of(item: int) -> int:
    """The number of the process that an item is done in."""
    del item
    return os.getpid()


def test_the_heaviest_item_is_done_here_and_the_others_elsewhere() -> None:
    items = range(WORTH_A_POOL)
    heaviest = 5
    with Workers(2) as workers:
        done = dict(workers.each(process_of, items, weight=lambda item: item == heaviest))
    assert [item for item in items if done[item] == os.getpid()] == [heaviest]


def test_a_little_work_is_all_done_here() -> None:
    with Workers(2) as workers:
        done = dict(workers.each(process_of, range(WORTH_A_POOL - 1), weight=int))
    assert set(done.values()) == {os.getpid()}
