"""What an engine is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path

from charter_engine import paths
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayRequest


@dataclass(frozen=True)
class EngineOptions:
    """A live engine. `database` None: sessions and revisions are not kept. `run_at_start` runs the
    agent as soon as Triton is ready; `gateway` is in front of it, where one is wanted."""

    triton: TritonOptions = field(default_factory=TritonOptions)
    agent: Path | None = None
    inputs: Path | None = None
    record: Path | None = None
    database: Path | None = None
    read_only: bool = False
    run_at_start: bool = True
    gateway: GatewayRequest | None = None


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where. `replay` wins over everything of a live engine."""

    socket: Path
    engine: EngineOptions = field(default_factory=EngineOptions)
    replay: Path | None = None
    metrics_port: int | None = None
    stop_with_stdin: bool = False


def default_socket() -> Path:
    """Where an engine listens unless told otherwise."""
    return paths.default_socket()


def default_database() -> Path:
    """Where sessions and revisions are kept unless told otherwise."""
    return paths.database_path()
