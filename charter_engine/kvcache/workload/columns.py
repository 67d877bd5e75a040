"""A workload in columns: arrival times, lengths, and the content of every prompt as runs of content
units.

A content unit is what the source names by one id: a 512-token prefix block of a Mooncake trace, a
64-token block of an agent session, or a single token. Ids that count up by one are kept as one run,
so a hundred thousand tokens of a session take a few numbers. Prompt tokens no unit covers are
content nobody else has. Units may go on beyond a prompt: then they tell what was generated.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import Retention
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import (
    MAX_LENGTH,
    Floats,
    RequestColumns,
    Run,
    batch_of,
    column,
    length_problem,
    renumbered,
    runs_by_request,
    runs_problem,
    served_column,
    to_runs,
    within,
)
from charter_engine.kvcache.workload.ids import Ints
from charter_engine.kvcache.workload.scopes import Scopes
from charter_engine.kvcache.workload.waits import Follows, Waits, WaitsBuilder

__all__ = [
    "MAX_LENGTH",
    "Floats",
    "Ints",
    "RequestColumns",
    "Run",
    "Workload",
    "WorkloadBuilder",
    "as_workload",
    "from_records",
    "to_runs",
]


_LARGEST_NARROW = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Workload:
    """Requests in the order they are served. All arrays have one entry a request unless said
    otherwise.

    `run_offset` has one entry more; the runs of request i are `run_first[run_offset[i]:run_offset[i
    + 1]]` and `run_count` likewise. `unit_tokens` is how many tokens a unit of this request holds;
    equal ids are equal content only among requests with equal `unit_tokens`. `node` and `session`
    index `nodes` and `sessions`. `outputs` holds generated token ids where they are known, by
    request; units beyond the prompt tell them, too, with the unit in which the output begins as the
    prompt's last. Other generated tokens are content nobody else has. `served_ms` is how long each
    request took where that was recorded (NaN where not, None if nowhere). `tails` numbers the
    prompt tokens that no unit covers: equal numbers are equal content (None: all differ). `follows`
    says for some requests after which others they are sent. `notes` is what every report on this
    workload has to say of it: that lines were skipped, or that nothing can be told of its content.
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
    tails: Ints | None = None
    follows: Mapping[int, Follows] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.arrival_ms)

    @property
    def has_content(self) -> bool:
        """Whether anything is known of the prompts but their lengths. If not, no hit rate can be
        told."""
        return len(self.run_count) > 0

    @property
    def conversation(self) -> Ints:
        """A number for the session of each request; 0 where it has none."""
        named = np.array([bool(name) for name in self.sessions])
        numbers: Ints = np.where(named[self.session], self.session + 1, 0)
        return numbers

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts together."""
        return int(self.input_length.sum())

    @property
    def mean_prompt_tokens(self) -> float:
        """Tokens of a prompt on the mean; 0 without requests."""
        return self.prompt_tokens / max(len(self), 1)

    @cached_property
    def covered_tokens(self) -> Ints:
        """Of each prompt, how many tokens units cover."""
        covered: Ints = np.minimum(np.diff(self.unit_offset) * self.unit_tokens, self.input_length)
        return covered

    @cached_property
    def told_outputs(self) -> Ints:
        """Of each request, how many generated tokens units tell."""
        units, size = np.diff(self.unit_offset), self.unit_tokens
        beyond = units > -(-self.input_length // size)
        told: Ints = np.where(
            beyond, np.minimum(units * size - self.input_length, self.output_length), 0
        )
        return told

    @cached_property
    def knows_outputs(self) -> bool:
        """Whether anything is known of what was generated but its length."""
        return bool(self.outputs) or bool(self.told_outputs.any())

    @cached_property
    def units(self) -> Ints:
        """The unit ids of all requests, one after another."""
        return within(self.run_first, self.run_count)

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
            of_prompt = -(-self.input_length[index] // self.unit_tokens[index])
            units = tuple(self.units_of(index).tolist())
            by_token = self.unit_tokens[index] == 1
            yield WorkloadRequest(
                timestamp=float(self.arrival_ms[index]),
                input_length=int(self.input_length[index]),
                output_length=int(self.output_length[index]),
                hash_ids=() if by_token else units[:of_prompt],
                output_hash_ids=() if by_token else units[of_prompt:],
                block_tokens=512 if by_token else int(self.unit_tokens[index]),
                token_ids=units[:of_prompt] if by_token else (),
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
        """The requests `order` names, in that order; one named twice is twice the same prompt."""
        chosen = np.asarray(order, dtype=np.int64)
        lengths = self.run_offset[chosen + 1] - self.run_offset[chosen]
        offset = np.concatenate(([0], np.cumsum(lengths)))
        runs = within(self.run_offset[chosen], lengths)
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
            retention=renumbered(self.retention, chosen),
            outputs=renumbered(self.outputs, chosen),
            served_ms=None if self.served_ms is None else self.served_ms[chosen],
            tails=self._tails_of(chosen),
            follows=Waits.of(self.follows).selected(chosen, len(self)),
            notes=self.notes,
        )

    def _tails_of(self, chosen: Ints) -> Ints | None:
        if self.tails is not None:
            return self.tails[chosen]
        return chosen if len(np.unique(chosen)) < len(chosen) else None


Row = tuple[float, int, int, int, list[Run], str, str, float | None]
"""A request whose content is known as runs: arrival, prompt and output tokens, tokens of a unit,
runs, node, session, and how long it took."""


_NO_RUNS = (column(()), column(()))
_NO_REQUESTS = (np.zeros(0), *(column(()) for _ in range(6)))


class WorkloadBuilder:
    """Collects requests in any order of time, and makes a `Workload` of them.

    `waits` is by the order in which requests were added, and `joined_sessions` by the names of
    sessions that turn out to belong to another one.
    """

    def __init__(self) -> None:
        self.waits = WaitsBuilder()
        self.joined_sessions: dict[str, str] = {}
        self.notes: list[str] = []
        self._count = 0
        self._scopes = Scopes()
        self._rows: list[Row] = []
        self._columns: list[tuple[NDArray[Any], ...]] = []
        self._runs: list[tuple[NDArray[Any], ...]] = []
        self._nodes: dict[str, int] = {"": 0}
        self._sessions: dict[str, int] = {"": 0}
        self._retention: dict[int, Retention] = {}
        self._outputs: dict[int, tuple[int, ...]] = {}
        self._served: list[Floats | None] = []

    def __len__(self) -> int:
        return self._count + len(self._rows)

    def add(
        self,
        timestamp: float,
        input_length: int,
        output_length: int,
        unit_tokens: int,
        runs: Iterable[Run],
        *,
        node: str = "",
        session: str = "",
        served_ms: float | None = None,
    ) -> None:
        """Add one request whose content is known as runs. Raises ValueError for lengths no request
        can have, and for content that does not fit them."""
        held = list(runs)
        problem = length_problem(input_length, output_length, unit_tokens)
        problem = problem or runs_problem(held, input_length, unit_tokens)
        if problem is not None:
            raise ValueError(problem)
        self._rows.append(
            (
                timestamp, input_length, output_length, unit_tokens, held, node, session,
                served_ms,
            )
        )  # fmt: skip

    def extend(self, batch: RequestColumns) -> None:
        """Add requests that have no `problems`."""
        self._add_rows()
        batch = self._scopes.told_apart(batch)
        self._append(batch, *runs_by_request(batch.units, batch.unit_count))

    def extend_by_runs(
        self, batch: RequestColumns, run_first: Ints, run_count: Ints, runs: Ints, *, salt: str = ""
    ) -> None:
        """Add requests that have no problems and no `units`: their content is known as runs of
        blocks, `runs` of each, which are shared within the salt only."""
        self._add_rows()
        if salt:
            run_first = self._scopes.blocks_told_apart(run_first, (salt, ""))
        self._append(batch, run_first, run_count, runs)

    def build(self) -> Workload:
        """Everything added so far, by arrival time. The builder is empty then."""
        self._add_rows()
        served = _joined_served(self._served, [len(part[0]) for part in self._columns])
        run_first, run_count = _concatenated(self._runs or [_NO_RUNS])
        columns = _concatenated(self._columns or [_NO_REQUESTS])
        arrival, prompt, output, unit, counts, node, session = columns
        offset = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=offset[1:])
        sessions: dict[str, int] = {}
        joined = [self.joined_sessions.get(name, name) for name in self._sessions]
        return Workload(
            arrival_ms=arrival,
            input_length=prompt,
            output_length=output,
            unit_tokens=unit,
            run_offset=offset,
            run_first=run_first,
            run_count=run_count,
            node=node,
            session=_numbered(joined, sessions, len(joined))[session],
            nodes=tuple(self._nodes),
            sessions=tuple(sessions),
            retention=self._retention,
            outputs=self._outputs,
            served_ms=served,
            follows=self.waits.build(),
            notes=tuple(self.notes),
        ).in_time_order()

    def _add_rows(self) -> None:
        if not self._rows:
            return
        arrival, prompt, output, unit, runs, nodes, sessions, served = zip(*self._rows, strict=True)
        self._rows = []
        counts = column([len(one) for one in runs])
        batch = RequestColumns(
            arrival_ms=np.array(arrival, dtype=np.float64),
            input_length=column(prompt),
            output_length=column(output),
            unit_tokens=column(unit),
            unit_count=np.zeros(len(prompt), dtype=np.int64),
            units=column(()),
            nodes=nodes if any(nodes) else (),
            sessions=sessions if any(sessions) else (),
            served_ms=served_column(served),
        )
        flat = column(list(chain.from_iterable(chain.from_iterable(runs))))
        self._append(batch, flat[::2], flat[1::2], counts)

    def _append(
        self, batch: RequestColumns, run_first: Ints, run_count: Ints, run_counts: Ints
    ) -> None:
        count, first = len(batch), self._count
        self._served.append(batch.served_ms)
        nodes = _numbered(batch.nodes, self._nodes, count)
        sessions = _numbered(batch.sessions, self._sessions, count)
        numbers = (
            batch.input_length, batch.output_length, batch.unit_tokens, run_counts, nodes, sessions,
        )  # fmt: skip
        self._columns.append((batch.arrival_ms, *map(_narrow, numbers)))
        self._runs.append((_narrow(run_first), _narrow(run_count)))
        self._retention.update((first + index, r) for index, r in batch.retention.items())
        self._outputs.update((first + index, ids) for index, ids in batch.outputs.items())
        self._count += count


def _numbered(names: Sequence[str], known: dict[str, int], count: int) -> Ints:
    if not names:
        return np.zeros(count, dtype=np.int64)
    return column([known.setdefault(name, len(known)) for name in names])


def _joined_served(parts: list[Floats | None], lengths: list[int]) -> Floats | None:
    if all(part is None for part in parts):
        return None
    known = zip(parts, lengths, strict=True)
    served: Floats = np.concatenate(
        [np.full(count, np.nan) if part is None else part for part, count in known]
    )
    return served


def _narrow(numbers: Ints) -> NDArray[np.signedinteger[Any]]:
    """The same in half the memory, where 32 bits hold them all."""
    fits = not len(numbers) or numbers.max() <= _LARGEST_NARROW
    return numbers.astype(np.int32) if fits else numbers


def _concatenated(parts: list[tuple[NDArray[Any], ...]]) -> list[Any]:
    """Each column of some batches as one array, of 64 bits an entry; gives the parts back as it
    goes."""
    columns = [list(parts_of_one) for parts_of_one in zip(*parts, strict=True)]
    parts.clear()
    found = []
    while columns:
        some = columns.pop(0)
        dtype = np.float64 if some[0].dtype.kind == "f" else np.int64
        found.append(np.concatenate(some, dtype=dtype))
        del some
    return found


def as_workload(requests: Workload | Iterable[WorkloadRequest]) -> Workload:
    """A workload of records that are already in memory. Raises ValueError with the number of a bad
    one, from 1."""
    if isinstance(requests, Workload):
        return requests
    batch = batch_of(list(requests))
    for index, problem in batch.problems().items():
        raise ValueError(f"request {index + 1}: {problem}")
    builder = WorkloadBuilder()
    builder.extend(batch)
    return builder.build()


_NODE_CONTENT = 1 << 24
"""Token ids set aside for the shared content of each node of a recording: more than any prompt
has."""


def from_records(records: Iterable[RequestRecord]) -> Workload:
    """The requests a recording measured, as a workload; failed ones and those without a prompt
    length are left out.

    Each item of a run is a session; what the tap told of names none. A record tells lengths and not
    content. What was measured as reused is *assumed* to be content all requests of the node begin
    with, and the rest to be nobody else's: reuse among nodes, and reuse that was missed, do not
    show.
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
            session=f"{record.run}/{record.item}" if record.source == "run" else "",
            served_ms=record.latency_ms,
        )
    return builder.build()
