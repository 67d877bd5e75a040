"""Agent sessions packed by run length: one a line, blocks of 64 tokens with ids of their own."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from charter_engine.kvcache.workload.batch import column
from charter_engine.kvcache.workload.formats.reading import BY_FORMAT, MS_PER_UNIT, ReadOptions
from charter_engine.kvcache.workload.sessions import AgentSession

BLOCK_TOKENS = 64
"""Taken from kv-cache-tester, whose sessions these are, packed."""


class PackedSession(Struct):
    """`reqs` rows are t, think, api (s), input, output tokens, inclusive id ranges, agent."""

    id: str
    reqs: list[tuple[float, float, float, int, int, list[tuple[int, int]], str]]


_decoder = msgspec.json.Decoder(PackedSession)


def from_packed(line: bytes, options: ReadOptions = BY_FORMAT) -> AgentSession:
    """A session, one JSON object. Raises msgspec.MsgspecError, ValueError."""
    packed = _decoder.decode(line)
    seconds = MS_PER_UNIT[options.time_unit or "s"] / 1000
    at, _, served, prompt, output, ranges, agents = [*zip(*packed.reqs, strict=True)] or [()] * 7
    ends = column([*chain.from_iterable(chain.from_iterable(ranges))]).reshape(-1, 2)
    return AgentSession(
        name=packed.id,
        unit_tokens=options.block_tokens or BLOCK_TOKENS,
        at=np.array(at, dtype=np.float64) * seconds,
        served=np.array(served, dtype=np.float64) * seconds,
        input_length=column(prompt),
        output_length=column(output),
        agents=agents,
        runs=column([*map(len, ranges)]),
        run_first=ends[:, 0],
        run_count=ends[:, 1] - ends[:, 0] + 1,
    ).checked(range(1, len(at) + 1))


def recognises(first: Mapping[str, Any]) -> bool:
    """Whether a file's first object is such a session."""
    return "reqs" in first
