"""Requests in columns as they are read, many at once, and what can be wrong with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.retention import Retention
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.ids import Ints, joined_ids

Floats = NDArray[np.float64]
MAX_LENGTH = 2**24
"""Tokens of a prompt, an answer or a block: beyond any context."""
SCOPED_TOKENS = 1 << 20
"""Token ids under a salt or an adapter are below this: there is room above them for those of other
scopes."""
NO_SCOPE = ("", "")
"""Neither salt nor adapter."""
Run = tuple[int, int]
"""First unit id and how many ids follow one another from it."""
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class RequestColumns:
    """Some requests in columns, as they are read: one entry each, but for `units`, which holds the
    unit ids of all of them one after another, `unit_count` of each. Of these the last
    `output_units` lie beyond the prompt, and tell what was generated; None: nowhere. `scopes` are
    the salt and the adapter within which content is shared.

    An empty list of names means that all are empty, and `served_ms` None that none is known.
    `refused` says of requests by their places why they are none, where the columns do not tell.
    """

    arrival_ms: Floats
    input_length: Ints
    output_length: Ints
    unit_tokens: Ints
    unit_count: Ints
    units: Ints
    output_units: Ints | None = None
    scopes: Sequence[tuple[str, str]] = ()
    nodes: Sequence[str] = ()
    sessions: Sequence[str] = ()
    retention: Mapping[int, Retention] = field(default_factory=dict)
    outputs: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    served_ms: Floats | None = None
    refused: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrival_ms)

    def problems(self) -> dict[int, str]:
        """What is wrong with each request that contradicts itself or is refused."""
        size = np.maximum(self.unit_tokens, 1)
        blocks = -(-self.input_length // size)
        of_both = -(-(self.input_length + self.output_length) // size)
        beyond = self._beyond
        of_prompt = self.unit_count - beyond
        by_token = (self.unit_tokens == 1) & (self.unit_count > 0)
        wrong = (
            (self.input_length < 1)
            | (self.output_length < 0)
            | (self.unit_tokens < 1)
            | (self.input_length > MAX_LENGTH)
            | (self.output_length > MAX_LENGTH)
            | (self.unit_tokens > MAX_LENGTH)
            | (of_prompt > blocks)
            | (by_token & (of_prompt != self.input_length))
            | ((beyond > 0) & ((of_prompt != blocks) | (self.unit_count > of_both)))
        )
        if len(self.units) and self.units.min() < 0:
            owner = np.repeat(np.arange(len(self)), self.unit_count)
            wrong[owner[self.units < 0]] = True
        for index, ids in self.outputs.items():
            wrong[index] |= len(ids) != self.output_length[index]
        problems = {index: self._problem(index) for index in np.flatnonzero(wrong).tolist()}
        for index in np.flatnonzero(self._beyond_scopes()).tolist():
            problems[index] = f"token ids under a salt or an adapter are below {SCOPED_TOKENS}"
        return problems | dict(self.refused)

    def _beyond_scopes(self) -> NDArray[np.bool_]:
        """Which requests have token ids too large to be told apart by scope."""
        found = np.zeros(len(self), dtype=bool)
        if not self.scopes or not len(self.units):
            return found
        owner = np.repeat(np.arange(len(self)), self.unit_count)
        found[owner[self.units >= SCOPED_TOKENS]] = True
        scoped = np.array([scope != NO_SCOPE for scope in self.scopes])
        beyond: NDArray[np.bool_] = found & scoped & (self.unit_tokens == 1)
        return beyond

    @property
    def _beyond(self) -> Ints:
        none = np.zeros(len(self), dtype=np.int64)
        return none if self.output_units is None else self.output_units

    def _problem(self, index: int) -> str:
        prompt, output = int(self.input_length[index]), int(self.output_length[index])
        beyond = int(self._beyond[index])
        size, count = int(self.unit_tokens[index]), int(self.unit_count[index]) - beyond
        known = len(self.outputs.get(index, ()))
        problem = length_problem(prompt, output, size)
        if problem is not None:
            return problem
        if size == 1 and count not in (0, prompt):
            return f"input_length is {prompt} but there are {count} token_ids"
        if count > -(-prompt // size):
            return _too_many(count, prompt, size)
        misfits = count < -(-prompt // size) or count + beyond > -(-(prompt + output) // size)
        if beyond and misfits:
            return (
                f"{count} blocks and {beyond} behind them do not fit {prompt} prompt and {output} "
                "output tokens"
            )
        if known not in (0, output):
            return f"output_length is {output} but there are {known} output_ids"
        return "ids of tokens and blocks cannot be negative"

    def without(self, left_out: Iterable[int]) -> "RequestColumns":
        """The others of these requests."""
        kept = np.ones(len(self), dtype=bool)
        kept[list(left_out)] = False
        places = np.flatnonzero(kept)
        return RequestColumns(
            arrival_ms=self.arrival_ms[kept],
            input_length=self.input_length[kept],
            output_length=self.output_length[kept],
            unit_tokens=self.unit_tokens[kept],
            unit_count=self.unit_count[kept],
            units=self.units[np.repeat(kept, self.unit_count)],
            output_units=None if self.output_units is None else self.output_units[kept],
            scopes=[self.scopes[old] for old in places.tolist()] if self.scopes else (),
            nodes=[self.nodes[old] for old in places.tolist()] if self.nodes else (),
            sessions=[self.sessions[old] for old in places.tolist()] if self.sessions else (),
            retention=renumbered(self.retention, places),
            outputs=renumbered(self.outputs, places),
            served_ms=None if self.served_ms is None else self.served_ms[kept],
        )


def length_problem(input_length: int, output_length: int, unit_tokens: int) -> str | None:
    """What is wrong with lengths no request can have."""
    if input_length < 1:
        return f"input_length is {input_length}; a prompt has at least one token"
    if output_length < 0:
        return f"output_length is {output_length}; it cannot be negative"
    if unit_tokens < 1:
        return f"block_tokens is {unit_tokens}; a block has at least one token"
    if max(input_length, output_length, unit_tokens) > MAX_LENGTH:
        return f"no prompt, answer or block has more than {MAX_LENGTH} tokens"
    return None


def runs_problem(runs: Sequence[Run], input_length: int, unit_tokens: int) -> str | None:
    """What is wrong with the content of a prompt of that length."""
    if any(first < 0 for first, _ in runs):
        return "ids of tokens and blocks cannot be negative"
    count = sum(count for _, count in runs)
    if count > -(-input_length // unit_tokens):
        return _too_many(count, input_length, unit_tokens)
    return None


def _too_many(count: int, input_length: int, unit_tokens: int) -> str:
    return (
        f"{count} blocks of {unit_tokens} tokens are more than {input_length} prompt tokens fill; "
        "say how many tokens a block has (block_tokens)"
    )


def batch_of(
    requests: Sequence[WorkloadRequest], block_tokens: int | None = None, ms_per_unit: float = 1.0
) -> RequestColumns:
    """Records in columns; `block_tokens`, if given, wins over theirs, and their times count units
    of so many milliseconds.

    Ids of more than 62 bits lose what is beyond. Raises OverflowError for numbers of more bits.
    """
    unit_count, units = joined_ids(
        [request.token_ids or request.hash_ids + request.output_hash_ids for request in requests]
    )
    sizes = [
        1 if request.token_ids else block_tokens or request.block_tokens for request in requests
    ]
    return RequestColumns(
        arrival_ms=times_of(requests, "timestamp") * ms_per_unit,
        input_length=numbers_of(requests, "input_length"),
        output_length=numbers_of(requests, "output_length"),
        unit_tokens=column(sizes),
        unit_count=unit_count,
        units=units,
        output_units=_output_units(requests),
        scopes=scopes_of(requests),
        nodes=names_of(requests, "node"),
        sessions=names_of(requests, "session"),
        retention=_where_set(requests, "retention"),
        outputs=_where_set(requests, "output_ids"),
        served_ms=served_of(requests),
    )


def numbers_of(records: Sequence[Any], name: str) -> Ints:
    """One field of all records, whole numbers. Raises OverflowError for those beyond 64 bits."""
    return whole_numbers(name, [*_each(records, name)])


def whole_numbers(name: str, numbers: Sequence[int]) -> Ints:
    """Whole numbers of that name. Raises OverflowError for those beyond 64 bits."""
    try:
        return column(numbers)
    except OverflowError:
        raise OverflowError(f"{name} is a number of more than 64 bits") from None


def times_of(records: Sequence[Any], name: str) -> Floats:
    """One field of all records, numbers."""
    return np.fromiter(_each(records, name), np.float64, len(records))


def _each(records: Sequence[Any], name: str) -> "map[Any]":
    """One field of all records."""
    return map(attrgetter(name), records)


def _where_set(requests: Sequence[WorkloadRequest], name: str) -> dict[int, Any]:
    """One field by request, of those that have it: few do, or none."""
    if not any(_each(requests, name)):
        return {}
    return {index: value for index, value in enumerate(_each(requests, name)) if value}


def scopes_of(records: Sequence[Any]) -> list[tuple[str, str]]:
    """Salt and adapter of each; empty where none has any."""
    if not any(_each(records, "salt")) and not any(_each(records, "adapter")):
        return []
    return [(one.salt, one.adapter) for one in records]


def _output_units(requests: Sequence[WorkloadRequest]) -> Ints | None:
    beyond = [0 if request.token_ids else len(request.output_hash_ids) for request in requests]
    return column(beyond) if any(beyond) else None


def column(numbers: Sequence[int]) -> Ints:
    """Whole numbers as an array."""
    return np.array(numbers, dtype=np.int64)


def served_of(records: Sequence[Any]) -> Floats | None:
    """How long each took; see `served_column`."""
    return served_column([*_each(records, "served_ms")])


def served_column(served: Sequence[float | None]) -> Floats | None:
    """Times of which some may be unknown as an array with NaN for these; None if all are."""
    if all(ms is None for ms in served):
        return None
    return np.array([np.nan if ms is None else ms for ms in served], dtype=np.float64)


def names_of(records: Sequence[Any], name: str) -> list[str]:
    """One field of all records, names; empty where all are."""
    names = [*_each(records, name)]
    return names if any(names) else []


def renumbered(items: Mapping[int, Item], places: Ints) -> dict[int, Item]:
    """What some requests have, by their new places, which are those in `places`."""
    if not items:
        return {}
    return {new: items[old] for new, old in enumerate(places.tolist()) if old in items}


def runs_by_request(units: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """The unit ids of some requests as runs: their first ids, how many each has, and how many runs
    each request has."""
    ends = np.cumsum(counts)
    begins = np.ones(len(units), dtype=bool)
    np.not_equal(units[1:], units[:-1] + 1, out=begins[1:])
    begins[(ends - counts)[counts > 0]] = True
    starts = np.flatnonzero(begins)
    runs_before = np.searchsorted(starts, np.concatenate((column([0]), ends)))
    return units[starts], np.diff(starts, append=len(units)), np.diff(runs_before)


def within(starts: Ints, counts: Ints) -> Ints:
    """The places of some stretches one after another, each from its start and so long."""
    filled = counts > 0
    first, count = starts[filled], counts[filled]
    steps = np.ones(int(count.sum()), dtype=np.int64)
    steps[:1] = first[:1]
    steps[np.cumsum(count)[:-1]] = first[1:] - (first[:-1] + count[:-1] - 1)
    places: Ints = np.cumsum(steps, out=steps)
    return places


def to_runs(units: Sequence[int] | Ints) -> Ints:
    """Ids as runs that count up by one: a row of first id and count for each."""
    ids = np.asarray(units, dtype=np.int64)
    if not len(ids):
        return np.zeros((0, 2), dtype=np.int64)
    starts = np.concatenate(([0], np.flatnonzero(ids[1:] - ids[:-1] != 1) + 1))
    return np.stack((ids[starts], np.diff(starts, append=len(ids))), axis=1)
