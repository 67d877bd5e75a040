"""What was asked for on the command line."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """What the command line asks for.

    `record`, `duration` (seconds) and `headless` go together; `replay` excludes them and an agent.
    `max_size` and `keep` bound recordings, as `charter-engine serve` takes them.
    `servers` names several Tritons, as `charter-engine serve` takes them; `server` is the URL of a
    vLLM, SGLang or trtllm-serve. A gateway listens at `gateway`. `canary` is the seconds between
    two rounds of the corruption canary (None: it is off); with `no_text` the engine writes no text
    of prompts and answers. `kv_events` is where the deployment's KV cache events are read, as
    `charter-engine serve` takes it. `serve` shows consoles to browsers at `port`. `write` changes
    servers that the configuration has for `read_only`.
    """

    agent: str | None = None
    triton: str | None = None
    servers: str | None = None
    server: str | None = None
    server_key: str | None = None
    server_configuration: str | None = None
    drain: bool = False
    gateway: str | None = None
    gateway_key: str | None = None
    triton_metrics: str | None = None
    triton_header: tuple[str, ...] = ()
    tls: bool = False
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    repository: str | None = None
    tokenizer: str | None = None
    attach: str | None = None
    theme: str | None = None
    inputs: str | None = None
    record: str | None = None
    replay: str | None = None
    max_size: str | None = None
    keep: str | None = None
    duration: float | None = None
    headless: bool = False
    serve: bool = False
    port: int = 0
    read_only: bool = False
    write: bool = False
    run: bool = False
    canary: float | None = None
    no_text: bool = False
    kv_events: str | None = None
    kv_events_listen: bool = False
    kv_events_replay: str | None = None
    kv_events_drain: bool = False

    @property
    def runs_by_itself(self) -> bool:
        """Whether the engine runs the agent as soon as Triton is ready: on a given one, only where
        that is asked for."""
        given = (self.triton, self.servers, self.server)
        asked = self.run or all(option is None for option in given)
        return self.agent is not None and asked and not self.read_only

    @property
    def record_path(self) -> str:
        """The recording's whole path."""
        return str(Path(self.record or "").expanduser().absolute())

    @property
    def records_from_start(self) -> bool:
        """Whether an engine of our own records by itself: one that only watches takes no orders."""
        return self.read_only and self.record is not None and self.attach is None

    def engine_arguments(self) -> list[str]:
        """Options of `charter-engine serve` for an engine of our own."""
        pairs = (
            ("--triton", self.triton),
            ("--servers", self.servers),
            ("--server", self.server),
            ("--server-key", self.server_key),
            ("--server-configuration", self.server_configuration),
            ("--gateway", self.gateway),
            ("--gateway-key", self.gateway_key),
            ("--triton-metrics", self.triton_metrics),
            ("--ca", self.ca),
            ("--client-cert", self.client_cert),
            ("--client-key", self.client_key),
            ("--repository", self.repository),
            ("--tokenizer", self.tokenizer),
            ("--inputs", self.inputs),
            ("--replay", self.replay),
            ("--max-size", self.max_size),
            ("--keep", self.keep),
            ("--kv-events", self.kv_events),
            ("--kv-events-replay", self.kv_events_replay),
            ("--canary", None if self.canary is None else f"{self.canary:g}s"),
            *(("--triton-header", header) for header in self.triton_header),
            ("--record", self.record_path if self.records_from_start else None),
        )
        arguments = [f"{flag}={value}" for flag, value in pairs if value is not None]
        switches = (
            ("--drain", self.drain),
            ("--tls", self.tls),
            ("--read-only", self.read_only),
            ("--run", self.run),
            ("--no-text", self.no_text),
            ("--kv-events-listen", self.kv_events_listen),
            ("--kv-events-drain", self.kv_events_drain),
        )
        return [*arguments, *(flag for flag, given in switches if given)]
