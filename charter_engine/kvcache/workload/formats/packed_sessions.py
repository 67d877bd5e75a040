"""Agent sessions packed by run length: one a line, blocks of 64 tokens with ids of their own."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from charter_engine.kvcache.workload.formats.reading import BY_FORMAT, MS_PER_UNIT, ReadOptions
from charter_engine.kvcache.workload.sessions import AgentSession, Turn, check_turn

BLOCK_TOKENS = 64


class PackedSession(Struct):
    """`reqs` rows are t, think, api (s), input, output tokens, inclusive id ranges, agent."""

    id: str
    reqs: list[tuple[float, float, float, int, int, list[tuple[int, int]], str]]


_decoder = msgspec.json.Decoder(PackedSession)


def from_packed(line: bytes, options: ReadOptions = BY_FORMAT) -> AgentSession:
    """A session, one JSON object. Raises msgspec.MsgspecError, ValueError."""
    packed = _decoder.decode(line)
    block_tokens = options.block_tokens or BLOCK_TOKENS
    seconds = MS_PER_UNIT[options.time_unit or "s"] / 1000
    turns = []
    for number, (at, _think, served, input_length, output_length, ranges, agent) in enumerate(
        packed.reqs, start=1
    ):
        turn = Turn(
            at=at * seconds,
            served=served * seconds,
            input_length=input_length,
            output_length=output_length,
            runs=tuple((first, last - first + 1) for first, last in ranges),
            agent=agent,
        )
        check_turn(turn, block_tokens, f"session {packed.id}, request {number}")
        turns.append(turn)
    return AgentSession(packed.id, block_tokens, tuple(turns))


def recognises(first: Mapping[str, Any]) -> bool:
    """Whether a file's first object is such a session."""
    return "reqs" in first
