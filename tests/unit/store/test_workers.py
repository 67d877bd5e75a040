"""Work that is shared among processes."""

import gc
import os
from weakref import ref

import pytest

from charter_engine.store.workers import MUCH, WORTH_A_POOL, Workers, let_go, rarely_collecting

OLDEST = 2
CIRCLES = 20_000


def process_of(item: int) -> int:
    """The number of the process that an item is done in."""
    del item
    return os.getpid()


def test_the_heaviest_item_is_done_here_and_the_others_elsewhere() -> None:
    items = range(WORTH_A_POOL)
    heaviest = 5
    with Workers(2) as workers:
        done = dict(workers.each(process_of, items, weight=lambda item: 1 + (item == heaviest)))
    assert [item for item in items if done[item] == os.getpid()] == [heaviest]


def test_a_little_work_is_all_done_here() -> None:
    with Workers(2) as workers:
        done = dict(workers.each(process_of, range(WORTH_A_POOL - 1), weight=int))
    assert set(done.values()) == {os.getpid()}


def test_what_is_little_beside_the_heaviest_item_is_done_here_as_well() -> None:
    with Workers(2) as workers:
        done = dict(
            workers.each(process_of, range(WORTH_A_POOL), weight=lambda item: 1 if item else 1_000)
        )
    assert set(done.values()) == {os.getpid()}


def test_what_a_compilation_leaves_is_not_gone_through_as_it_ends() -> None:
    found: list[int] = []

    def note(phase: str, told: dict[str, int]) -> None:
        if phase == "stop" and told["generation"] < OLDEST:
            found.append(told["collected"])

    gc.collect()
    with rarely_collecting():
        for _ in range(CIRCLES):
            itself: list[object] = []
            itself.append(itself)
        gc.callbacks.append(note)
    gc.collect(OLDEST - 1)
    gc.callbacks.remove(note)
    assert sum(found) < CIRCLES


class Part:
    """What holds itself by way of another."""

    def __init__(self) -> None:
        self.other = self


@pytest.mark.parametrize(("files", "others", "is_there"), [(MUCH, MUCH, False), (MUCH, 1, True)])
def test_what_compiling_much_leaves_is_given_back_before_much_more_is_compiled(
    files: int, others: int, is_there: bool
) -> None:
    with rarely_collecting():
        part = ref(Part())
        let_go(files, others)
        assert (part() is not None) == is_there
