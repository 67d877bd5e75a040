"""Processes to work in, and how often garbage is looked for meanwhile."""

import gc
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import TypeVar

from charter_engine.children import safe_path

WORTH_A_POOL = 12
"""Clusters to compile, from which on starting worker processes pays."""

LEAST_SHARE = 0.1
"""Of the weight of all items, that those beside the heaviest must have for worker processes to pay:
they are done while that one is at work here."""

RARELY = (5_000_000, 100, 50)
"""How many objects are made, and how many collections of the younger ones done, before garbage is
looked for: what a compilation drops is seldom part of a circle, and goes without that."""

MUCH = 200
"""What compiling so many files leaves is worth looking for before as many others are compiled."""

LARGEST_BATCH = 4
"""Items handed to a worker at once: each batch carries the catalogue, while what is done is kept
batch by batch."""

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Workers:
    """Processes to work in, started when there is enough to do; what is little is done in this
    one."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=failure is None, cancel_futures=True)

    def each(
        self,
        work: Callable[[Item], Outcome],
        items: Sequence[Item],
        weight: Callable[[Item], int],
    ) -> Iterator[tuple[Item, Outcome]]:
        """Each item with its outcome, in the order in which they are done.

        The one of the greatest `weight` is done in this process, which has it at hand, while the
        others are at work.
        """
        if self._count < 2 or len(items) < WORTH_A_POOL or is_mostly_one(map(weight, items)):
            for item in items:
                yield item, work(item)
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._count, mp_context=_context(), initializer=_collect_less
            )
        heaviest = max(items, key=weight)
        rest = [item for item in items if item is not heaviest]
        size = max(1, min(LARGEST_BATCH, len(rest) // (4 * self._count)))
        batches = [rest[start : start + size] for start in range(0, len(rest), size)]
        with safe_path():
            futures = {self._pool.submit(_each, work, batch): batch for batch in batches}
        yield heaviest, work(heaviest)
        for future in as_completed(futures):
            yield from zip(futures[future], future.result(), strict=True)


def is_mostly_one(weights: Iterable[int]) -> bool:
    """Whether the heaviest of some items is nearly all there is to do."""
    known = list(weights)
    return sum(known) - max(known) < LEAST_SHARE * sum(known)


def _context() -> BaseContext:
    """How to start processes. Forking is faster, but a fork of a process with threads may inherit
    a lock that nobody releases."""
    return get_context("fork" if threading.active_count() == 1 else "spawn")


def _collect_less() -> None:
    """Look for garbage less often: what was loaded before the fork stays, and a file's tree lives
    until it is done."""
    gc.freeze()
    gc.set_threshold(*RARELY)


def let_go(files: int, others: int) -> None:
    """Give back what compiling so many files of a cluster has left, whose parts hold each other,
    where that is much beside what compiling the others takes."""
    if min(files, others) >= MUCH:
        gc.collect()


@contextmanager
def rarely_collecting() -> Iterator[None]:
    """Look for garbage less often for a while: the trees of a package live until it is done, and
    going through them again and again finds none.

    What is left then counts as old. To go through it at once would take long, and a program that
    ends soon need not; any other does so with its next full collection.
    """
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.set_threshold(*before)


def _each(work: Callable[[Item], Outcome], items: Sequence[Item]) -> list[Outcome]:
    return [work(item) for item in items]
