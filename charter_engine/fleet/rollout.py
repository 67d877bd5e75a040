"""How a change rolls through servers: which is next, when it stops, what is taken back."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from msgspec.structs import replace

from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.rollout import RolloutState, ServerChange
from charter_engine.errors import CharterError

ENDED_WELL: frozenset[RolloutState] = frozenset({"changed", "unchanged", "down"})


@dataclass(frozen=True)
class Rollout:
    """Where a change stands, the servers in the order in which they are changed. With `takes_back`
    False servers that were changed stay so where another one fails."""

    servers: tuple[ServerChange, ...]
    takes_back: bool = True

    @classmethod
    def of(cls, servers: Iterable[ServerChange], *, takes_back: bool = True) -> Self:
        return cls(tuple(servers), takes_back)

    @property
    def stopped(self) -> bool:
        """It goes no further: a server failed."""
        return any(one.state == "failed" for one in self.servers)

    @property
    def next(self) -> ServerChange | None:
        """The server to change next; None where the change is over."""
        if self.stopped:
            return None
        return next((one for one in self.servers if one.state == "waiting"), None)

    @property
    def to_take_back(self) -> tuple[ServerChange, ...]:
        """The servers that were changed, the last one first; none while nothing failed."""
        if not self.stopped or not self.takes_back:
            return ()
        return tuple(one for one in reversed(self.servers) if one.state == "changed")

    @property
    def ok(self) -> bool:
        """It is live on all that were not left out, and on one at least."""
        states = {one.state for one in self.servers}
        return states <= ENDED_WELL and states != {"down"}

    def after(self, outcome: ServerChange) -> Self:
        """With what became of one of them."""
        servers = tuple(outcome if one.server == outcome.server else one for one in self.servers)
        return dataclasses.replace(self, servers=servers)


def changed(server: ServerChange, report: PushReport) -> ServerChange:
    """What a report says of a server. A push that was watched is over where it was taken back, and
    where somebody else pushed meanwhile."""
    before = report.diff.base_revision
    known = replace(server, before=before, revision=report.revision, report=report)
    replaced = report.watch is not None and report.watch.outcome == "replaced"
    if replaced:
        return replace(
            known,
            state="failed",
            kind="stale",
            message="somebody else pushed while the requests after the push were watched",
            remedy="look at what changed and decide again",
        )
    if not report.ok:
        return replace(known, state="failed", kind="failed", message=report.message)
    state: RolloutState = "unchanged" if report.revision == before else "changed"
    return replace(known, state=state, message=report.message)


def failed(server: ServerChange, error: CharterError) -> ServerChange:
    """A server on which the change failed, and which is as it was."""
    return replace(
        server, state="failed", message=error.message, remedy=error.remedy, kind=error.kind
    )


def interrupted(server: ServerChange) -> ServerChange:
    """A server at which the operator stopped the change."""
    return replace(server, state="failed", message="interrupted", kind="failed")


def taken_back(server: ServerChange, report: PushReport) -> ServerChange:
    """A server on which the change was undone."""
    message = f"revision {server.before} is live again, as revision {report.revision}"
    return replace(server, state="taken back", revision=report.revision, message=message)


def left(server: ServerChange, error: CharterError) -> ServerChange:
    """A server on which the change could not be undone."""
    return replace(
        server,
        state="left",
        message=f"not taken back: {error.message}",
        remedy=error.remedy,
        kind=error.kind,
    )
