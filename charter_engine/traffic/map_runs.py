"""The blocks of a pool as a map of bounded size."""

from collections.abc import Iterable
from typing import Final

from charter_engine.contracts.contents import MapRun

MOST_ON_MAP: Final = 4_000
"""Assumed: about as many as a map of 200 by 20 cells shows."""


def runs_of(blocks: Iterable[MapRun]) -> tuple[MapRun, ...]:
    """The blocks in their order, equal neighbours put together; of a large pool one block stands
    for its neighbours."""
    held = list(blocks)
    runs: list[MapRun] = []
    step = -(-len(held) // MOST_ON_MAP) or 1
    for at in range(0, len(held), step):
        run, size = held[at], min(step, len(held) - at)
        if runs and _holder(runs[-1]) == _holder(run):
            size += runs.pop().blocks
        runs.append(MapRun(size, run.node, run.session, run.priority, run.host))
    return tuple(runs)


def _holder(run: MapRun) -> tuple[str, str, int, bool]:
    return run.node, run.session, run.priority, run.host
