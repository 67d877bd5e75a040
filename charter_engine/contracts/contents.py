"""What lies in the pool of KV blocks, and what had to go."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.figures import Label
from charter_engine.contracts.notes import Note

HeldBy = Literal["node", "session", "priority"]


class Holding(Struct, frozen=True, kw_only=True):
    """What one node, session or priority has in the pool.

    `name` is the id of the node, the session's name, or the priority as text; empty for what
    belongs to none. `shared_blocks` were reused by others as well. `host_blocks` lie in host
    memory. `used_at` is the epoch second at which any of it was used last; `held_until` when the
    last deadline of its retention comes (None: there is none).
    """

    name: str
    blocks: int = 0
    tokens: int = 0
    shared_blocks: int = 0
    host_blocks: int = 0
    used_at: float = 0.0
    held_until: float | None = None


class MapRun(Struct, frozen=True):
    """So many blocks side by side on the map: who holds them, by node, session and priority."""

    blocks: int
    node: str
    session: str
    priority: int
    host: bool = False


class HeldPrefix(Struct, frozen=True, kw_only=True):
    """A stretch of cached content that several requests begin with, from token `begin` on.

    `requests` used it, of `nodes`; `saved_tokens` is what they did not compute for it.
    """

    begin: int
    tokens: int
    requests: int
    nodes: tuple[str, ...]
    saved_tokens: int
    priority: int
    used_at: float = 0.0
    held_until: float | None = None


class Displacement(Struct, frozen=True, kw_only=True):
    """Blocks of one node that had to go for requests of another.

    `again_blocks` of them were computed again later.
    """

    evicted: str
    by: str
    blocks: int
    tokens: int
    again_blocks: int = 0


class KvEventSource(Struct, frozen=True, kw_only=True):
    """Where KV cache events are read: a growing log (FILE), publishers (tcp://HOST:PORT, one a
    rank, with commas between them), or a trtllm-serve (URL), whose buffer is emptied by reading it
    and is only read with `drain`.

    With `listen` the addresses are bound, and publishers connect to them. `replay` are the
    publishers' own addresses for what was sent before, or lost, in the same order (empty: they have
    none). `key` and `root_certificates` are as in `ProfileRequest`.
    """

    address: str
    listen: bool = False
    drain: bool = False
    replay: str = ""
    key: str = ""
    root_certificates: str = ""


class MeasuredContents(Struct, frozen=True, kw_only=True):
    """The pool as the server's own KV cache events tell of it, at the epoch second `at`.

    `agreed_blocks` are there as predicted; `absent_blocks` are predicted and are not there,
    `unpredicted_blocks` are there and are not predicted. Blocks are compared by what they hold, to
    a grain of 16 tokens. A block that a request took over in place, or copied since it was in use,
    which no event says, is there where that is predicted. `ranks` engines tell, each of a pool of
    its own, and are predicted as if one served all. `unattributed_blocks` hold what no known
    request sent. `lost_events` were sent and did not come; with `complete` False some of the pool
    is not known for that or another reason. `trouble` is why no events come (empty: they do).
    """

    label: Label = "measured"
    at: float = 0.0
    source: str = ""
    events: int = 0
    blocks: int = 0
    host_blocks: int = 0
    tokens: int = 0
    agreed_blocks: int = 0
    absent_blocks: int = 0
    unpredicted_blocks: int = 0
    unattributed_blocks: int = 0
    lost_events: int = 0
    restarts: int = 0
    ranks: int = 1
    complete: bool = True
    trouble: str = ""
    nodes: tuple[Holding, ...] = ()
    sessions: tuple[Holding, ...] = ()
    priorities: tuple[Holding, ...] = ()
    map: tuple[MapRun, ...] = ()


class ContentsReport(Struct, frozen=True, kw_only=True):
    """The pool after some traffic, by the block manager.

    It is that of the epoch second `at`. `cached_blocks` hold content that can be reused,
    `host_blocks` of `host_size` in host memory. `requests` were followed, from the epoch second
    `begin` on. Of `compared_tokens`, the prompts that the server told of, `predicted_reused` come
    out of the pool by the block manager and `measured_reused` did by the server. `evicted_blocks`
    is over the whole time; `pressure` is how many pools were allocated in an hour. `emptied_at` is
    when a push emptied the pool last, since the engine was loaded again (None: none did).
    `measured` is the same pool by the server's own events, where there are any.
    """

    label: Label = "predicted"
    at: float = 0.0
    gpu_blocks: int = 0
    tokens_per_block: int = 0
    host_size: int = 0
    cached_blocks: int = 0
    host_blocks: int = 0
    requests: int = 0
    begin: float | None = None
    end: float | None = None
    emptied_at: float | None = None
    predicted_reused: int = 0
    measured_reused: int = 0
    compared_tokens: int = 0
    evicted_blocks: int = 0
    evictions_by_priority: dict[int, int] = {}
    allocated_blocks: int = 0
    pressure: float = 0.0
    nodes: tuple[Holding, ...] = ()
    sessions: tuple[Holding, ...] = ()
    priorities: tuple[Holding, ...] = ()
    map: tuple[MapRun, ...] = ()
    prefixes: tuple[HeldPrefix, ...] = ()
    displacements: tuple[Displacement, ...] = ()
    notes: tuple[Note, ...] = ()
    measured: MeasuredContents | None = None
