"""When prompts come back, as far as anybody knows: by call, by edge between calls, and by kind of
reuse."""

from typing import Literal

from msgspec import Struct, field

from charter_engine.contracts.figures import Label

ReuseKind = Literal["chain", "tool", "fan-out", "loop back", "human", "other session"]
"""What lies between a request and the one that needs its prefix next: nothing but the agent's own
steps (`chain`), a tool or other work, a request side by side, the next pass of the same call, a
person, or another session."""


class RefreshCost(Struct, frozen=True):
    """The engine time of a retention refresh: that of computing `tokens` of a prompt, and
    `per_token` more for each token of the prompt it is for."""

    tokens: float
    per_token: float


class ReuseTime(Struct, frozen=True, kw_only=True):
    """A distribution of reuse times in seconds, in figures.

    `median_s` is None where most were never followed by a use.
    `spread` is the deviation of the logarithm of those that ended in a use: 1.0 is a factor of e.
    """

    requests: int
    median_s: float | None
    never_share: float
    spread: float
    label: Label


class NodeReuseTime(Struct, frozen=True, kw_only=True):
    """What was learnt of one call or agent type. Tokens are medians.

    `own` is the time until its session's next request.
    `shared` is the time until another session's that begins alike.
    `explained` is the share of the variance of how soon its sessions return that the estimate
    explained in sessions it had not seen.
    """

    node: str
    own: ReuseTime
    shared: ReuseTime
    explained: float
    shared_tokens: int
    tail_tokens: int


class EdgeReuseTime(Struct, frozen=True, kw_only=True):
    """The reuse time from a request of call `source` to the next of call `target` that can use its
    prefix."""

    source: str
    target: str
    kind: ReuseKind
    reuse_time: ReuseTime = field(name="wait")


class LearnReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine learn --json` prints. `telling` are the features the estimate asks
    most."""

    output: str
    sources: tuple[str, ...]
    sessions: int
    requests: int
    decide_at: Literal["sent", "answered"] = field(name="moment")
    explained: float
    spread: float
    usable: bool
    telling: tuple[str, ...]
    nodes: tuple[NodeReuseTime, ...]
    kinds: dict[ReuseKind, ReuseTime]
