"""What an engine is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class TritonOptions:
    """Where Triton is and how to speak to it. `url` None: the embedded one.

    `repository` is where its models can be written from here.
    """

    url: str | None = None
    metrics_url: str | None = None
    repository: Path | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tokenizer: Path | None = None
    tls: bool = False
    root_certificates: Path | None = None


@dataclass(frozen=True)
class EngineOptions:
    """A live engine. `database` None: sessions and revisions are not kept."""

    triton: TritonOptions = field(default_factory=TritonOptions)
    agent: Path | None = None
    inputs: Path | None = None
    record: Path | None = None
    database: Path | None = None
    read_only: bool = False
    run_at_start: bool = True


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where. `replay` wins over everything of a live engine."""

    socket: Path
    engine: EngineOptions = field(default_factory=EngineOptions)
    replay: Path | None = None
    metrics_port: int | None = None
    stop_with_stdin: bool = False
