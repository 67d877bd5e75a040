"""A fleet as a Prometheus that is already there knows it."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.series import Tick

ServerKind = Literal["engine", "triton"]


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
