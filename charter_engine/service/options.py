"""What an engine is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from charter_engine import paths
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.gateway import GatewayRequest
from charter_engine.contracts.recordings import RecordingLimits
from charter_engine.contracts.server import ProfileRequest


class Servers(Protocol):
    """Which servers there are. `servers` blocks and raises `CharterError`; `trouble` says why they
    could not be looked up again."""

    @property
    def trouble(self) -> str: ...

    def servers(self) -> tuple[TritonOptions, ...]: ...


UNLIMITED = RecordingLimits()


@dataclass(frozen=True)
class EngineOptions:
    """A live engine. `database` None: sessions and revisions are not kept. `run_at_start` runs the
    agent as soon as Triton is ready. `canary_seconds` is between two rounds of the corruption
    canary (None: it is off). `keeps_text` False: no text of prompts and answers is written
    anywhere. `gateway` is in front of it, where one is wanted. `otlp` is the base address of who
    collects OpenTelemetry; None: what its own variables name, if they do. `recording` bounds what
    is kept of recordings. `server` is one that is reached by HTTP, in place of a Triton. `servers`
    are all servers where it was given several: it works on the first, which `triton` is, and
    watches and changes the others with it. `kv_events` is where the deployment's KV cache events
    are read (None: an embedded one's own). `started_with` tells the options of the console that
    started it from others."""

    triton: TritonOptions = field(default_factory=TritonOptions)
    agent: Path | None = None
    inputs: Path | None = None
    record: Path | None = None
    database: Path | None = None
    read_only: bool = False
    run_at_start: bool = True
    gateway: GatewayRequest | None = None
    canary_seconds: float | None = None
    keeps_text: bool = True
    otlp: str | None = None
    recording: RecordingLimits = UNLIMITED
    server: ProfileRequest | None = None
    servers: Servers | None = None
    kv_events: KvEventSource | None = None
    started_with: str = ""


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where. `replay` wins over everything of a live engine.
    `metrics` is HOST:PORT of the Prometheus page; None: there is none. `outlive`: where standard
    input ends without a word, stop only when no console came for so many seconds."""

    socket: Path
    engine: EngineOptions = field(default_factory=EngineOptions)
    replay: Path | None = None
    metrics: str | None = None
    stop_with_stdin: bool = False
    outlive: float | None = None


def default_socket() -> Path:
    """Where an engine listens unless told otherwise."""
    return paths.default_socket()


def default_database() -> Path:
    """Where sessions and revisions are kept unless told otherwise."""
    return paths.database_path()
