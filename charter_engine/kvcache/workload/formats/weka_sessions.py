"""Agent sessions as Weka's kv-cache-tester records them (callanjfox/kv-cache-tester), one JSON
object each.

Two conventions are in use for the times of a sub-agent's calls: the tester counts from the
sub-agent's marker, published data sets from the start of the session (AIPerf's tutorial on Weka
traces names both).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.kvcache.workload.batch import (
    length_problem,
    numbers_of,
    runs_by_request,
    times_of,
    within,
)
from charter_engine.kvcache.workload.formats.reading import BY_FORMAT, MS_PER_UNIT, ReadOptions
from charter_engine.kvcache.workload.ids import Ints, joined_ids
from charter_engine.kvcache.workload.sessions import AgentSession

BLOCK_TOKENS = 64
"""Taken from kv-cache-tester: what a session without `block_size` means."""


class WekaCall(Struct, gc=False):
    """A call, or with `type` subagent the marker of a sub-agent and its calls, which may have no
    time."""

    t: float | None = None
    type: str = ""
    input_length: int = msgspec.field(default=0, name="in")
    output_length: int = msgspec.field(default=0, name="out")
    hash_ids: Raw | UnsetType = UNSET
    api_time: float = 0.0
    subagent_type: str = ""
    requests: "list[WekaCall]" = []


class WekaSession(Struct):
    """A recorded session."""

    id: str
    requests: list[WekaCall]
    block_size: int = BLOCK_TOKENS
    hash_id_scope: str = "local"


class _Moment(Struct):
    """When a call was made, and those of a sub-agent: all that tells the convention."""

    t: float | None = None
    requests: "list[_Moment]" = []


_decoder = msgspec.json.Decoder(WekaSession)
_moments = msgspec.json.Decoder(_Moment)


def counts_from_markers(documents: Iterable[bytes]) -> bool:
    """Whether times of sub-agents' calls count from their markers, in all sessions that were
    recorded alike: some such call has a time before that of its marker, which times from the
    session's start cannot. What cannot be read tells nothing."""
    for document in filter(_may_nest, documents):
        with suppress(msgspec.MsgspecError, RecursionError):
            if any(map(_precedes_marker, _moments.decode(document).requests)):
                return True
    return False


def from_weka(
    document: bytes, options: ReadOptions = BY_FORMAT, *, from_marker: bool
) -> AgentSession:
    """A session, one JSON object. Raises msgspec.MsgspecError, ValueError, OverflowError.

    Sub-agents become calls of the session at their own times; see `counts_from_markers`.
    """
    recorded = _decoder.decode(document)
    problem = length_problem(1, 0, recorded.block_size)
    if problem is not None:
        raise ValueError(problem)
    seconds = MS_PER_UNIT[options.time_unit or "s"] / 1000
    found = [*_calls(recorded.requests, 0.0, "", from_marker=from_marker)]
    places, calls, at, agents = [*zip(*found, strict=True)] or [()] * 4
    prompt = numbers_of(calls, "input_length")
    counts, units = _ids_of(calls)
    if not options.block_tokens:
        # What is recorded of the answer, or of what was sent again, is behind the prompt.
        told = np.minimum(counts, -(-prompt // recorded.block_size))
        units, counts = units[within(np.cumsum(counts) - counts, told)], told
    run_first, run_count, runs = runs_by_request(units, counts)
    return AgentSession(
        name=recorded.id,
        unit_tokens=options.block_tokens or recorded.block_size,
        at=np.array(at, dtype=np.float64) * seconds,
        served=times_of(calls, "api_time") * seconds,
        input_length=prompt,
        output_length=numbers_of(calls, "output_length"),
        agents=agents,
        runs=runs,
        run_first=run_first,
        run_count=run_count,
        shared_ids=recorded.hash_id_scope == "global",
    ).checked(places)


def recognises(first: Mapping[str, Any]) -> bool:
    """Whether a file's first object is such a session."""
    return "requests" in first


def _may_nest(document: bytes) -> bool:
    """Whether a session may have sub-agents: its own calls are the first `requests`."""
    return document.count(b'"requests"') > 1 or b"\\" in document


def _ids_of(calls: Sequence[WekaCall]) -> tuple[Ints, Ints]:
    """How many ids each call has, and the ids of all. Raises msgspec.MsgspecError, ValueError,
    OverflowError."""
    try:
        return joined_ids([call.hash_ids for call in calls])
    except ValueError:
        return joined_ids(
            [
                msgspec.json.decode(call.hash_ids, type=list[int])
                if isinstance(call.hash_ids, Raw)
                else call.hash_ids
                for call in calls
            ]
        )


def _precedes_marker(call: _Moment) -> bool:
    marked = call.t or 0.0
    return any((nested.t or 0.0) < marked or _precedes_marker(nested) for nested in call.requests)


def _calls(
    calls: Sequence[WekaCall], start: float, agent: str, *, from_marker: bool
) -> Iterator[tuple[int, WekaCall, float, str]]:
    """The calls of a session and its sub-agents: number, call, time, and agent. Raises ValueError
    for a call without a time."""
    for number, call in enumerate(calls, start=1):
        if call.type == "subagent":
            name = call.subagent_type or "subagent"
            nested_start = start + (call.t or 0.0) if from_marker else 0.0
            yield from _calls(call.requests, nested_start, name, from_marker=from_marker)
        elif call.t is None:
            raise ValueError(f"request {number} has no time `t`")
        else:
            yield number, call, start + call.t, agent
