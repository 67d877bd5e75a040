"""What the database keeps, and what is asked of it."""

from msgspec import Struct


class StoreLimits(Struct, frozen=True, kw_only=True):
    """How much is kept. The oldest goes first: what is older than `days`, what is more than
    `traffic` requests of a deployment, and what makes the whole larger than `bytes`.

    Runs and revisions stay in any case; of runs, their requests may go.
    """

    days: int = 30
    traffic: int = 50_000
    bytes: int = 500_000_000


class StoreTable(Struct, frozen=True, kw_only=True):
    """One kind of thing that is kept: how many, in how many bytes, and of which time (epoch
    seconds)."""

    name: str
    rows: int
    bytes: int
    begin: float | None = None
    end: float | None = None


class StoreStatus(Struct, frozen=True, kw_only=True):
    """What `charter-engine store status --json` prints. `spare_bytes` are in the file and hold
    nothing."""

    path: str
    schema: int
    bytes: int
    spare_bytes: int
    tables: tuple[StoreTable, ...] = ()
    limits: StoreLimits = StoreLimits()


class StoreCheck(Struct, frozen=True, kw_only=True):
    """What `charter-engine store check --json` prints. `problems` are in words; without any, all
    `records` can be read."""

    path: str
    schema: int | None = None
    records: int = 0
    problems: tuple[str, ...] = ()


class StoreBackup(Struct, frozen=True, kw_only=True):
    """A copy that was made: where, and how large."""

    path: str
    bytes: int


class StoreVacuum(Struct, frozen=True, kw_only=True):
    """What giving room back came to. `forgotten` counts the rows that were beyond what is kept."""

    path: str
    forgotten: int
    bytes_before: int
    bytes_after: int
