"""Several workloads as one, one after another in time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from charter_engine.kvcache.workload.columns import Floats, Ints, Workload
from charter_engine.kvcache.workload.waits import Waits

Item = TypeVar("Item")

PAUSE_MS = 86_400_000.0
"""Between the end of one workload and the start of the next: a day, so that neither tells the
other's waits."""


def joined(workloads: Sequence[Workload]) -> Workload:
    """One workload of several. Sessions stay apart, and so do ids of blocks, which are each
    source's own; token ids and names of nodes mean the same everywhere. Raises ValueError where
    there is none.
    """
    if not workloads:
        raise ValueError("there is no workload to join")
    if len(workloads) == 1:
        return workloads[0]
    nodes = _numbered(name for workload in workloads for name in ("", *workload.nodes))
    sessions = [
        f"{number}:{name}" if name else ""
        for number, one in enumerate(workloads)
        for name in one.sessions
    ]
    by_name = _numbered(("", *sessions))
    first_request = np.cumsum([0, *(len(one) for one in workloads)]).tolist()
    first_session = np.cumsum([0, *(len(one.sessions) for one in workloads)]).tolist()
    session_numbers = np.array([by_name[name] for name in sessions], dtype=np.int64)
    return Workload(
        arrival_ms=np.concatenate(_one_after_another(workloads)),
        input_length=np.concatenate([one.input_length for one in workloads]),
        output_length=np.concatenate([one.output_length for one in workloads]),
        unit_tokens=np.concatenate([one.unit_tokens for one in workloads]),
        run_offset=_run_offsets(workloads),
        run_first=np.concatenate(_own_ids(workloads)),
        run_count=np.concatenate([one.run_count for one in workloads]),
        node=np.concatenate(
            [np.array([nodes[name] for name in one.nodes])[one.node] for one in workloads]
        ),
        session=np.concatenate(
            [
                session_numbers[one.session + first]
                for one, first in zip(workloads, first_session, strict=False)
            ]
        ),
        nodes=tuple(nodes),
        sessions=tuple(by_name),
        retention=_shifted([one.retention for one in workloads], first_request),
        outputs=_shifted([one.outputs for one in workloads], first_request),
        served_ms=_served(workloads),
        follows=Waits.joined(
            [
                Waits.of(one.follows).shifted(first)
                for one, first in zip(workloads, first_request, strict=False)
            ]
        ),
        notes=tuple(dict.fromkeys(note for one in workloads for note in one.notes)),
    )


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _one_after_another(workloads: Sequence[Workload]) -> list[Floats]:
    arrivals = []
    start = 0.0
    for one in workloads:
        first = float(one.arrival_ms.min(initial=np.inf)) if len(one) else 0.0
        arrivals.append(one.arrival_ms - first + start)
        start = float(arrivals[-1].max(initial=start)) + PAUSE_MS
    return arrivals


def _run_offsets(workloads: Sequence[Workload]) -> Ints:
    counts = np.concatenate([np.diff(one.run_offset) for one in workloads])
    offsets: Ints = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    return offsets


def _own_ids(workloads: Sequence[Workload]) -> list[Ints]:
    """First ids of runs, those of blocks moved out of the way of the workloads before."""
    moved = []
    base = 0
    for one in workloads:
        by_block = np.repeat(one.unit_tokens > 1, np.diff(one.run_offset))
        moved.append(one.run_first + np.where(by_block, base, 0))
        base += int((one.run_first + one.run_count).max(initial=0))
    return moved


def _shifted(parts: Sequence[Mapping[int, Item]], first: Sequence[int]) -> dict[int, Item]:
    return {
        index + shift: item
        for part, shift in zip(parts, first, strict=False)
        for index, item in part.items()
    }


def _served(workloads: Sequence[Workload]) -> Floats | None:
    if all(one.served_ms is None for one in workloads):
        return None
    served: Floats = np.concatenate(
        [np.full(len(one), np.nan) if one.served_ms is None else one.served_ms for one in workloads]
    )
    return served
