"""A change that rolls through several servers, one after another."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.deploy import Diff, PushReport, Revision
from charter_engine.contracts.deploying import DeploymentDrift
from charter_engine.errors import FailureKind

RolloutState = Literal["waiting", "changed", "unchanged", "failed", "taken back", "left", "down"]
"""`unchanged`: nothing differed there. `left`: it was changed, and could not be taken back or was
changed by somebody else meanwhile. `down`: it does not answer, and was left out."""


class ServerChange(Struct, frozen=True, kw_only=True):
    """What a change came to on one of the servers.

    `before` is the revision that was live there, `revision` the one that is live in the end. Where
    something failed, `message`, `remedy` and `kind` say what, what to do and of which kind it is.
    `report` is the server's own of its push or rollback.
    """

    server: str
    state: RolloutState = "waiting"
    before: int = 0
    revision: int = 0
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None
    report: PushReport | None = None


class RolloutReport(Struct, frozen=True, kw_only=True):
    """What commands that change a deployment print with --json where they go through several
    servers: these in the order in which they were changed. `ok`: the change is live on all that
    were not left out."""

    ok: bool
    servers: tuple[ServerChange, ...]
    elapsed_ms: float

    @property
    def failure(self) -> ServerChange | None:
        """The server at which the change stopped; None where it did not."""
        return next((one for one in self.servers if one.state == "failed"), None)


class ServerDiff(Struct, frozen=True, kw_only=True):
    """What a push would change on one of the servers; where nobody can tell, why not."""

    server: str
    diff: Diff | None = None
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None


class FleetDiff(Struct, frozen=True, kw_only=True):
    """What `push --dry-run --json` prints of several servers."""

    servers: tuple[ServerDiff, ...]


class ServerDrift(Struct, frozen=True, kw_only=True):
    """What others changed of one of the servers; where nobody can tell, why not."""

    server: str
    drift: DeploymentDrift | None = None
    message: str = ""
    remedy: str = ""
    kind: FailureKind | None = None


class ServerHistory(Struct, frozen=True, kw_only=True):
    """The revisions of one of the servers, oldest first; where they cannot be read, why not."""

    server: str
    revisions: tuple[Revision, ...] = ()
    message: str = ""
    kind: FailureKind | None = None
