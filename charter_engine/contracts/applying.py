"""A deployment as a file says it is to be, and what was done to make it that."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.connection import DEFAULT_NAME
from charter_engine.contracts.deploy import Change, Diff, PushReport
from charter_engine.contracts.rollout import RolloutReport
from charter_engine.errors import FailureKind


class WatchSetting(Struct, frozen=True, kw_only=True, rename={"duration": "for"}):
    """How long a push is watched (`5m`), and by what share it may be worse (`5%`)."""

    duration: str
    max_regression: str = "5%"


class ServerEntry(Struct, frozen=True, kw_only=True):
    """One of several servers, by what is its own: as in `DeploymentFile`."""

    triton: str
    metrics: str | None = None
    repository: str | None = None
    tokenizer: str | None = None


class DeploymentFile(Struct, frozen=True, kw_only=True):
    """A deployment and the plan that is to be live on it. Paths are relative to the file.

    `triton` is HOST:PORT (None: the embedded one of that `name`), `metrics` its metrics page,
    `repository` its model repository, `tokenizer` its model's; `headers` give the source of each
    header's value (`env:VARIABLE` or `@FILE`), the certificates are files of PEM. `agent` is the
    agent's source (None: where the plan says). `why` goes into the history. `drift` says what
    becomes of what others changed: `refuse`, `put-back` or `adopt`.
    """

    plan: str
    version: int = 1
    triton: str | None = None
    servers: tuple[str | ServerEntry, ...] = ()
    discover: str | None = None
    name: str = DEFAULT_NAME
    metrics: str | None = None
    repository: str | None = None
    tokenizer: str | None = None
    headers: dict[str, str] = {}
    tls: bool = False
    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    agent: str | None = None
    why: str = ""
    drift: Literal["refuse", "put-back", "adopt"] = "refuse"
    watch: WatchSetting | None = None


class ServerApplied(Struct, frozen=True, kw_only=True):
    """What differed from the file on one of several servers; where nobody can tell, why not."""

    server: str
    found: "ApplyReport | None" = None
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None


class FleetApplied(Struct, frozen=True, kw_only=True):
    """What `apply --json` prints of several servers: what differed on each, and how the plan rolled
    through them (None: only the plan was asked for)."""

    servers: tuple[ServerApplied, ...]
    rollout: RolloutReport | None = None

    @property
    def changed(self) -> bool:
        return any(one.found is not None and one.found.changed for one in self.servers)


class ApplyReport(Struct, frozen=True, kw_only=True):
    """What differed from the file, and what was done (None: nothing, or only the plan was asked
    for). `changed` says whether anything differed; `interruption` tells of a push that was cut
    short."""

    changed: bool
    diff: Diff
    drift: tuple[Change, ...] = ()
    interruption: str = ""
    settled: PushReport | None = None
    pushed: PushReport | None = None
