"""Several servers: as they answer themselves, and as a Prometheus that is already there knows
them."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.series import Tick

ServerKind = Literal["engine", "triton"]


class ServerDifference(Struct, frozen=True, kw_only=True):
    """Where one of several servers is not as most of the others are: `path` is there `found`, and
    `usual` with the others. `remedy` says what makes them alike."""

    server: str
    path: str
    usual: str
    found: str
    remedy: str = ""


class ServerNow(Struct, frozen=True, kw_only=True):
    """One of several servers, as it answers itself.

    `revision` is the one that is live there (0: nothing was pushed; None: nobody can tell), `drift`
    counts the fields that others changed since. `total` is what passed in the time that is looked
    at; None where its tap tells of nothing.
    """

    server: str
    sample: TritonSample
    revision: int | None = None
    drift: int = 0
    total: Tick | None = None


class FleetNow(Struct, frozen=True, kw_only=True):
    """What `charter-engine fleet --json` prints of servers that are asked themselves: what passed
    in the last `seconds`, and where they differ. `trouble` says why they could not be looked up
    again."""

    seconds: float
    servers: tuple[ServerNow, ...] = ()
    differences: tuple[ServerDifference, ...] = ()
    trouble: str = ""

    @property
    def up(self) -> int:
        """How many are ready."""
        return sum(one.sample.health == "ready" for one in self.servers)

    @property
    def drifted(self) -> bool:
        """Whether others changed one of them since the last push to it."""
        return any(one.drift for one in self.servers)

    def differing(self, server: str) -> int:
        """In how many places one of them is not as the others."""
        return sum(one.server == server for one in self.differences)


class FleetRequest(Struct, frozen=True, kw_only=True):
    """What to ask a Prometheus at a base address: the last so many seconds, at most `columns` ticks
    of each server. `job` is that of its scrape configuration (empty: all). `key` is a bearer
    token."""

    prometheus: str
    seconds: float = 3_600.0
    columns: int = 120
    job: str = ""
    key: str = ""


class FleetServer(Struct, frozen=True, kw_only=True):
    """One scraped page: a Charter engine's, or a Triton's own.

    `up`: the last scrape succeeded; None: nobody tells. `history` is what was measured, in runs
    without a gap; `total` is all of it together, None where there is nothing.
    """

    instance: str
    kind: ServerKind
    up: bool | None = None
    history: tuple[tuple[Tick, ...], ...] = ()
    total: Tick | None = None

    @property
    def last(self) -> Tick | None:
        """What was measured last."""
        return self.history[-1][-1] if self.history else None


class FleetReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine fleet --json` prints: the most computed tokens first. Times are epoch
    seconds."""

    prometheus: str
    begin: float
    end: float
    servers: tuple[FleetServer, ...] = ()
