"""Recorded agent sessions: read in two formats, and pooled into one workload."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from charter_engine.kvcache.workload.columns import Run, Workload, WorkloadBuilder, to_runs

PACKED_UNIT_TOKENS = 64


class Turn(Struct, frozen=True):
    """One call of a session. Times in seconds: `at` from the session's start, `served` how long it
    took then.

    `agent` is the type of the sub-agent that made it, or empty.
    """

    at: float
    served: float
    input_length: int
    output_length: int
    runs: tuple[Run, ...]
    agent: str = ""


class AgentSession(Struct, frozen=True):
    """A session whose unit ids are its own, unless `shared_ids` says that they are the same content
    in all sessions."""

    name: str
    unit_tokens: int
    turns: tuple[Turn, ...]
    shared_ids: bool = False

    def add_to(
        self, builder: WorkloadBuilder, start_s: float, base: int, gap_cap_s: float | None = None
    ) -> int:
        """Add the session's calls to a workload, from `start_s` on, with `base` added to its own
        ids.

        Between two calls at most `gap_cap_s` pass on top of the time the later one was served in.
        Returns the next free id.
        """
        now = start_s
        previous: float | None = None
        top = base
        shift = 0 if self.shared_ids else base
        for turn in sorted(self.turns, key=lambda turn: turn.at):
            if previous is not None:
                gap = turn.at - previous
                now += gap if gap_cap_s is None else min(gap, gap_cap_s + turn.served)
            previous = turn.at
            runs = [(first + shift, count) for first, count in turn.runs]
            top = max(top, *(first + count for first, count in runs)) if runs else top
            builder.add(
                now * 1000,
                turn.input_length,
                turn.output_length,
                self.unit_tokens,
                runs,
                node=turn.agent or "main",
                session=self.name,
                served_ms=turn.served * 1000,
            )
        return top


def pool(
    sessions: Sequence[AgentSession], count: int, window_s: float, gap_cap_s: float, seed: int
) -> Workload:
    """`count` of the sessions in one workload: uniform starts within `window_s`, pauses capped at
    `gap_cap_s`.

    The same arguments give the same workload. Raises ValueError if there are fewer sessions than
    that.
    """
    if not 1 <= count <= len(sessions):
        raise ValueError(f"{count} sessions were asked for; the file has {len(sessions)}")
    if window_s < 0 or gap_cap_s < 0:
        raise ValueError("the window and the gap cap are seconds and cannot be negative")
    random = np.random.default_rng(seed)
    chosen = random.choice(len(sessions), count, replace=False)
    starts = random.uniform(0, window_s, count)
    builder = WorkloadBuilder()
    base = 0
    for index, start in zip(chosen.tolist(), starts.tolist(), strict=True):
        base = sessions[index].add_to(builder, start, base, gap_cap_s)
    return builder.build()


class _Packed(Struct):
    """A session packed by run length: `reqs` rows are t, think, api (s), input, output tokens, id
    ranges, agent."""

    id: str
    reqs: list[tuple[float, float, float, int, int, list[tuple[int, int]], str]]


_packed_decoder = msgspec.json.Decoder(_Packed)


def from_packed(line: bytes) -> AgentSession:
    """A session packed by run length, one JSON object. Raises msgspec.MsgspecError, ValueError."""
    packed = _packed_decoder.decode(line)
    turns = []
    for number, (at, _think, served, input_length, output_length, ranges, agent) in enumerate(
        packed.reqs, start=1
    ):
        runs = tuple((first, last - first + 1) for first, last in ranges)
        _check(packed.id, number, input_length, PACKED_UNIT_TOKENS, runs)
        turns.append(Turn(at, served, input_length, output_length, runs, agent))
    return AgentSession(packed.id, PACKED_UNIT_TOKENS, tuple(turns))


class _TesterCall(Struct):
    """A request of a kv-cache-tester trace, or the marker of a sub-agent, whose times count from
    the marker."""

    t: float
    type: str = ""
    input_length: int = msgspec.field(default=0, name="in")
    output_length: int = msgspec.field(default=0, name="out")
    hash_ids: list[int] = []
    api_time: float = 0.0
    subagent_type: str = ""
    requests: list[Any] = []


class _TesterSession(Struct):
    id: str
    requests: list[_TesterCall]
    block_size: int = PACKED_UNIT_TOKENS
    hash_id_scope: str = "local"


_tester_decoder = msgspec.json.Decoder(_TesterSession)


def from_tester(document: bytes) -> AgentSession:
    """A session as callanjfox/kv-cache-tester records it, one JSON object. Raises
    msgspec.MsgspecError, ValueError.

    Sub-agents become calls of the session at their own times.
    """
    recorded = _tester_decoder.decode(document)
    turns = tuple(_tester_turns(recorded, recorded.requests, 0.0, ""))
    return AgentSession(recorded.id, recorded.block_size, turns, recorded.hash_id_scope == "global")


def _tester_turns(
    session: _TesterSession, calls: Sequence[_TesterCall], start: float, agent: str
) -> list[Turn]:
    turns: list[Turn] = []
    for number, call in enumerate(calls, start=1):
        at = start + call.t
        if call.type == "subagent":
            nested = msgspec.convert(call.requests, list[_TesterCall])
            turns += _tester_turns(session, nested, at, call.subagent_type or "subagent")
            continue
        runs = tuple((first, count) for first, count in to_runs(call.hash_ids).tolist())
        _check(session.id, number, call.input_length, session.block_size, runs)
        turns.append(Turn(at, call.api_time, call.input_length, call.output_length, runs, agent))
    return turns


def _check(
    session: str, number: int, input_length: int, unit_tokens: int, runs: Sequence[Run]
) -> None:
    if unit_tokens < 1 or input_length < 1:
        raise ValueError(
            f"session {session}, request {number}: a prompt and a block have at least one token"
        )
    if any(first < 0 or count < 1 for first, count in runs):
        raise ValueError(f"session {session}, request {number}: block ids go from 0 up")
    if sum(count for _, count in runs) > -(-input_length // unit_tokens):
        raise ValueError(
            f"session {session}, request {number}: "
            f"more blocks than {input_length} prompt tokens fill"
        )
