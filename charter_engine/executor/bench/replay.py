"""The block manager on the very requests a server was sent, at the times it was sent them."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import Admission, BlockManager, OutOfBlocks, PoolSettings


@dataclass(frozen=True)
class ReplayedRequest:
    """One request as it was sent, and when it left the queue, had its first token and ended, in ms
    of one clock."""

    request: WorkloadRequest
    begun_ms: float
    first_token_ms: float
    ended_ms: float


def replay(served: Sequence[ReplayedRequest], settings: PoolSettings) -> list[Admission | None]:
    """What each request would reuse; None for one the pool had no room for. Exact where requests do
    not overlap."""
    manager = BlockManager(settings)
    results: list[Admission | None] = [None] * len(served)
    for at, step, index in _steps(served):
        request = served[index].request
        manager.set_time(at)
        manager.refresh()
        if step == _BEGIN:
            results[index] = _begin(manager, index, request)
        elif results[index] is not None and step == _FIRST_TOKEN:
            manager.store_context(index)
        elif results[index] is not None:
            _end(manager, index, request)
    return results


_BEGIN, _FIRST_TOKEN, _END = range(3)


def _steps(served: Sequence[ReplayedRequest]) -> list[tuple[float, int, int]]:
    return sorted(
        (at, step, index)
        for index, one in enumerate(served)
        for at, step in (
            (one.begun_ms, _BEGIN),
            (one.first_token_ms, _FIRST_TOKEN),
            (one.ended_ms, _END),
        )
    )


def _begin(manager: BlockManager, index: int, request: WorkloadRequest) -> Admission | None:
    try:
        return manager.add(index, request.token_ids, retention=request.retention)
    except OutOfBlocks:
        return None


def _end(manager: BlockManager, index: int, request: WorkloadRequest) -> None:
    """Blocks for the output are taken when it is whole: only their order among overlapping requests
    is lost."""
    with contextlib.suppress(OutOfBlocks):
        manager.append(index, request.output_ids)
    manager.finish(index)
