"""A workload in columns: arrival times, lengths, and the content of every prompt as runs of content
units.

A content unit is what the source names by one id: a 512-token prefix block of a Mooncake trace, a
64-token block of an agent session, or a single token. Ids that count up by one are kept as one run,
so a hundred thousand tokens of a session take a few numbers. Prompt tokens no unit covers are
content nobody else has.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import Retention
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.workload import WorkloadRequest

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MAX_LENGTH = 2**24
"""Tokens of a prompt, an answer or a block: beyond any context."""
Run = tuple[int, int]
"""First unit id and how many ids follow one another from it."""


@dataclass(frozen=True)
class Workload:
    """Requests in the order they are served. All arrays have one entry a request unless said
    otherwise.

    `run_offset` has one entry more; the runs of request i are `run_first[run_offset[i]:run_offset[i
    + 1]]` and `run_count` likewise. `unit_tokens` is how many tokens a unit of this request holds;
    equal ids are equal content only among requests with equal `unit_tokens`. `node` and `session`
    index `nodes` and `sessions`. `outputs` holds generated token ids where they are known, by
    request; other generated tokens are content nobody else has. `served_ms` is how long each
    request took where that was recorded (NaN where not, None if nowhere).
    """

    arrival_ms: Floats
    input_length: Ints
    output_length: Ints
    unit_tokens: Ints
    run_offset: Ints
    run_first: Ints
    run_count: Ints
    node: Ints
    session: Ints
    nodes: tuple[str, ...] = ("",)
    sessions: tuple[str, ...] = ("",)
    retention: Mapping[int, Retention] = field(default_factory=dict)
    outputs: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    served_ms: Floats | None = None

    def __len__(self) -> int:
        return len(self.arrival_ms)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts together."""
        return int(self.input_length.sum())

    @cached_property
    def units(self) -> Ints:
        """The unit ids of all requests, one after another."""
        total = int(self.run_count.sum())
        starts = np.cumsum(self.run_count) - self.run_count
        ids: Ints = np.arange(total, dtype=np.int64) + np.repeat(
            self.run_first - starts, self.run_count
        )
        return ids

    @cached_property
    def unit_offset(self) -> Ints:
        """Where each request's unit ids begin in `units`; one entry more than requests."""
        before = np.concatenate(([0], np.cumsum(self.run_count)))
        offset: Ints = np.asarray(before[self.run_offset], dtype=np.int64)
        return offset

    def units_of(self, index: int) -> Ints:
        """The unit ids of one request."""
        ids: Ints = self.units[self.unit_offset[index] : self.unit_offset[index + 1]]
        return ids

    def requests(self) -> Iterator[WorkloadRequest]:
        """The requests as records, one at a time."""
        for index in range(len(self)):
            units = tuple(self.units_of(index).tolist())
            by_token = self.unit_tokens[index] == 1
            yield WorkloadRequest(
                timestamp=float(self.arrival_ms[index]),
                input_length=int(self.input_length[index]),
                output_length=int(self.output_length[index]),
                hash_ids=() if by_token else units,
                block_tokens=512 if by_token else int(self.unit_tokens[index]),
                token_ids=units if by_token else (),
                output_ids=self.outputs.get(index, ()),
                node=self.nodes[self.node[index]],
                session=self.sessions[self.session[index]],
                retention=self.retention.get(index),
                served_ms=self._served(index),
            )

    def _served(self, index: int) -> float | None:
        if self.served_ms is None or np.isnan(self.served_ms[index]):
            return None
        return float(self.served_ms[index])

    def in_time_order(self) -> "Workload":
        """The same requests by arrival time; equal times keep their order."""
        if np.all(self.arrival_ms[1:] >= self.arrival_ms[:-1]):
            return self
        return self.select(np.argsort(self.arrival_ms, kind="stable"))

    def select(self, order: Sequence[int] | Ints) -> "Workload":
        """The requests `order` names, in that order."""
        chosen = np.asarray(order, dtype=np.int64)
        lengths = self.run_offset[chosen + 1] - self.run_offset[chosen]
        offset = np.concatenate(([0], np.cumsum(lengths)))
        runs = np.arange(offset[-1]) + np.repeat(self.run_offset[chosen] - offset[:-1], lengths)
        numbered = list(enumerate(chosen.tolist()))
        return Workload(
            arrival_ms=self.arrival_ms[chosen],
            input_length=self.input_length[chosen],
            output_length=self.output_length[chosen],
            unit_tokens=self.unit_tokens[chosen],
            run_offset=offset.astype(np.int64),
            run_first=self.run_first[runs],
            run_count=self.run_count[runs],
            node=self.node[chosen],
            session=self.session[chosen],
            nodes=self.nodes,
            sessions=self.sessions,
            retention={new: self.retention[old] for new, old in numbered if old in self.retention},
            outputs={new: self.outputs[old] for new, old in numbered if old in self.outputs},
            served_ms=None if self.served_ms is None else self.served_ms[chosen],
        )


class WorkloadBuilder:
    """Collects requests one by one, in any order of time, and makes a `Workload` of them."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, int, int, int, int, int]] = []
        self._run_offset = [0]
        self._runs: list[Ints] = []
        self._nodes: dict[str, int] = {"": 0}
        self._sessions: dict[str, int] = {"": 0}
        self._retention: dict[int, Retention] = {}
        self._outputs: dict[int, tuple[int, ...]] = {}
        self._served: list[float | None] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(
        self,
        timestamp: float,
        input_length: int,
        output_length: int,
        unit_tokens: int,
        runs: Iterable[Run] | Ints,
        *,
        node: str = "",
        session: str = "",
        retention: Retention | None = None,
        output_ids: tuple[int, ...] = (),
        served_ms: float | None = None,
    ) -> None:
        """Add one request. Raises ValueError for lengths no request can have."""
        if input_length < 1:
            raise ValueError(f"input_length is {input_length}; a prompt has at least one token")
        if output_length < 0:
            raise ValueError(f"output_length is {output_length}; it cannot be negative")
        if unit_tokens < 1:
            raise ValueError(f"block_tokens is {unit_tokens}; a block has at least one token")
        if max(input_length, output_length, unit_tokens) > MAX_LENGTH:
            raise ValueError(f"no prompt, answer or block has more than {MAX_LENGTH} tokens")
        index = len(self._rows)
        pairs = (
            runs
            if isinstance(runs, np.ndarray)
            else np.array(list(runs), dtype=np.int64).reshape(-1, 2)
        )
        self._runs.append(pairs)
        self._run_offset.append(self._run_offset[-1] + len(pairs))
        node_index = self._nodes.setdefault(node, len(self._nodes))
        session_index = self._sessions.setdefault(session, len(self._sessions))
        self._rows.append(
            (timestamp, input_length, output_length, unit_tokens, node_index, session_index)
        )
        if retention is not None:
            self._retention[index] = retention
        if output_ids:
            self._outputs[index] = output_ids
        self._served.append(served_ms)

    def add_request(self, request: WorkloadRequest) -> None:
        """Add one record. Raises ValueError for a record that contradicts itself."""
        by_token = bool(request.token_ids)
        units = np.array(request.token_ids or request.hash_ids, dtype=np.int64)
        unit_tokens = 1 if by_token else request.block_tokens
        if by_token and len(units) != request.input_length:
            raise ValueError(
                f"input_length is {request.input_length} but there are {len(units)} token_ids"
            )
        if len(units) and units.min() < 0:
            raise ValueError("ids of tokens and blocks cannot be negative")
        if unit_tokens > 0 and len(units) > -(-request.input_length // unit_tokens):
            raise ValueError(
                f"{len(units)} blocks of {unit_tokens} tokens are more than "
                f"{request.input_length} prompt tokens fill"
            )
        if len(request.output_ids) not in (0, request.output_length):
            raise ValueError(
                f"output_length is {request.output_length} "
                f"but there are {len(request.output_ids)} output_ids"
            )
        self.add(
            request.timestamp,
            request.input_length,
            request.output_length,
            unit_tokens,
            to_runs(units),
            node=request.node,
            session=request.session,
            retention=request.retention,
            output_ids=request.output_ids,
            served_ms=request.served_ms,
        )

    def build(self) -> Workload:
        """Everything added so far, by arrival time."""
        runs = np.concatenate((np.zeros((0, 2), dtype=np.int64), *self._runs))
        columns = list(zip(*self._rows, strict=True)) or [()] * 6
        arrival = np.array(columns[0], dtype=np.float64)
        numbers = [np.array(column, dtype=np.int64) for column in columns[1:]]
        return Workload(
            arrival_ms=arrival,
            input_length=numbers[0],
            output_length=numbers[1],
            unit_tokens=numbers[2],
            run_offset=np.array(self._run_offset, dtype=np.int64),
            run_first=np.ascontiguousarray(runs[:, 0]),
            run_count=np.ascontiguousarray(runs[:, 1]),
            node=numbers[3],
            session=numbers[4],
            nodes=tuple(self._nodes),
            sessions=tuple(self._sessions),
            retention=self._retention,
            outputs=self._outputs,
            served_ms=self._served_column(),
        ).in_time_order()

    def _served_column(self) -> Floats | None:
        if all(served is None for served in self._served):
            return None
        return np.array(
            [np.nan if served is None else served for served in self._served], dtype=np.float64
        )


def to_runs(units: Sequence[int] | Ints) -> Ints:
    """Ids as runs that count up by one: a row of first id and count for each."""
    ids = np.asarray(units, dtype=np.int64)
    if not len(ids):
        return np.zeros((0, 2), dtype=np.int64)
    starts = np.concatenate(([0], np.flatnonzero(ids[1:] - ids[:-1] != 1) + 1))
    return np.stack((ids[starts], np.diff(starts, append=len(ids))), axis=1)


def as_workload(requests: Workload | Iterable[WorkloadRequest]) -> Workload:
    """A workload of records that are already in memory. Raises ValueError with the number of a bad
    one, from 1."""
    if isinstance(requests, Workload):
        return requests
    builder = WorkloadBuilder()
    for number, request in enumerate(requests, start=1):
        try:
            builder.add_request(request)
        except ValueError as error:
            raise ValueError(f"request {number}: {error}") from error
    return builder.build()


_NODE_CONTENT = 1 << 24
"""Token ids set aside for the shared content of each node of a recording: more than any prompt
has."""


def from_records(records: Iterable[RequestRecord]) -> Workload:
    """The requests a recording measured, as a workload; failed ones and those without a prompt
    length are left out.

    Each item of a run is a session. A record tells lengths and not content. What was measured as
    reused is *assumed* to be content all requests of the node begin with, and the rest to be nobody
    else's: reuse among nodes, and reuse that was missed, do not show.
    """
    builder = WorkloadBuilder()
    nodes: dict[str, int] = {}
    kept = [record for record in records if record.error is None and record.prompt_tokens]
    start = min((record.started_at for record in kept), default=0.0)
    for record in kept:
        node = nodes.setdefault(record.node, len(nodes))
        shared = record.reused_tokens or 0
        builder.add(
            (record.started_at - start) * 1000,
            record.prompt_tokens or 0,
            record.output_tokens or 0,
            1,
            [(node * _NODE_CONTENT, shared)] if shared else [],
            node=record.node,
            session=f"{record.run}/{record.item}",
            served_ms=record.latency_ms,
        )
    return builder.build()
