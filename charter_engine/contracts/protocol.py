"""Messages between the engine and whoever watches it: a frame is a 4-byte big-endian length and
msgpack.

A client sends `Request(id, command)`; the engine answers with `Response` or `Failure` of the same
id. After `Subscribe`, the engine sends `Gauge` (the latest value of a topic; older ones may be
skipped for a slow reader) and `Event` (never skipped; `sequence` counts up by one).
"""

from typing import Literal

from msgspec import Raw, Struct

from charter_engine.contracts.commands import Command
from charter_engine.contracts.gauges import Event, Gauge

MAX_FRAME_BYTES = 64 * 1024 * 1024
"""Assumed: far above the state of an agent of thousands of calls, and little beside a machine's
memory."""


class Request(Struct, frozen=True, tag=True):
    id: int
    command: Command


class Response(Struct, frozen=True, tag=True):
    """`result` is the msgpack of the command's answer: `PushReport`, `tuple[Revision, ...]`,
    findings, or nil."""

    id: int
    result: Raw


class Failure(Struct, frozen=True, kw_only=True, tag=True):
    """`kind` maps to an exit code: `usage` 2, `unreachable` and `refused` 3, `stale` and `failed`
    1."""

    id: int
    kind: Literal["usage", "stale", "read-only", "refused", "unreachable", "failed"]
    message: str
    remedy: str = ""


class Goodbye(Struct, frozen=True, tag=True):
    """The engine ends this connection, and why (`too slow`, `shutting down`). `resume_after` is the
    last event sent."""

    reason: str
    resume_after: int | None = None


ServerMessage = Response | Failure | Gauge | Event | Goodbye
