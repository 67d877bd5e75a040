"""What a deployment can do, what a change costs, and the revisions that lead back."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.pool import Eviction

CostClass = Literal["request", "plan reload", "engine reload", "engine rebuild", "server restart"]
COST_ORDER: tuple[CostClass, ...] = (
    "request",
    "plan reload",
    "engine reload",
    "engine rebuild",
    "server restart",
)


class Profile(Struct, frozen=True, kw_only=True):
    """What a deployment can do, found by probing its models' metadata and configuration.

    `path` is that of TensorRT-LLM in Triton, or `http` for a server of OpenAI's shape.
    `parameters` is what is live, `original` what the deployment had before Charter first changed it
    (empty: it never did), `defaults` what its TensorRT-LLM takes for what is not set.
    `release` says whether the engine can be told to forget cached content.
    `reasons` maps a missing ability (`retention`, `reuse`, `kv_stats`, `token_counts`, `times`,
    `plan_push`, …), or a setting that cannot be changed from here, to why that is. `eviction` is by
    which rules its pool evicts, where it tells (None: Triton's release does).
    """

    path: Literal["engine", "llmapi", "http", "none"] = "none"
    server_version: str = ""
    models: tuple[str, ...] = ()
    charter_bls: bool = False
    retention: bool = False
    release: bool = False
    kv_stats: bool = False
    times: bool = False
    load_unload: bool = False
    repository_files: bool = False
    tokens_per_block: int | None = None
    parameters: dict[str, str] = {}
    original: dict[str, str] = {}
    defaults: dict[str, str] = {}
    reasons: dict[str, str] = {}
    eviction: Eviction | None = None


class Change(Struct, frozen=True, kw_only=True):
    """One changed key between what is live and the draft. `place` is `server` or a node's id."""

    place: str
    key: str
    old: str
    new: str
    cost: CostClass
    loses: str
    possible: bool = True
    reason: str = ""


class Diff(Struct, frozen=True, kw_only=True):
    """Everything a push would change, and the dearest cost among it (None: nothing to push).

    `notes` say what else an operator must know of what would be live. `preview` shows what layouts
    for traffic would do; None where none is for traffic.
    """

    base_revision: int
    changes: tuple[Change, ...] = ()
    cost: CostClass | None = None
    notes: tuple[str, ...] = ()
    preview: LayoutPreview | None = None

    @property
    def nothing_differs(self) -> str:
        """What is said where there are no changes. A first push makes a revision all the same, so
        that there is one to compare with and to go back from."""
        if self.base_revision:
            return f"nothing differs from revision {self.base_revision}"
        return (
            "no setting, layout or retention differs from the deployment as it was found; a first "
            "push puts the plan on record"
        )


class ServedFigures(Struct, frozen=True, kw_only=True):
    """What requests came to, as the tap of a deployment measured them between two epoch seconds.

    `computed_tokens` (prompt tokens that were not reused), `ttft_ms` and `total_ms` are means over
    the requests that were answered; None where the engine gives none.
    """

    begin: float
    end: float
    requests: int
    failures: int = 0
    computed_tokens: float | None = None
    ttft_ms: float | None = None
    total_ms: float | None = None


class Revision(Struct, frozen=True, kw_only=True):
    """One pushed state of a deployment.

    `by` is who pushed it (account@host), `note` why. `parent` is the revision it replaced, named by
    `parent_checksum` too, so that another one in its place is told. `before` is what requests came
    to under the parent, `after` what they came to under this one (None: nobody measured it).
    `restores` is the earlier revision that it went back to; None for a push. `state` is `ended` of
    the one that was live when its deployment ended, or when Charter was taken out of it.
    """

    number: int
    created_at: float
    deployment: str
    agent: str
    plan: Plan
    note: str = ""
    by: str = ""
    parent: int | None = None
    parent_checksum: str = ""
    before: ServedFigures | None = None
    after: ServedFigures | None = None
    cost: CostClass | None = None
    state: Literal["pending", "live", "superseded", "failed", "rolled back", "ended"] = "live"
    restores: int | None = None


def undone(revisions: Sequence[Revision], live: int) -> int | None:
    """What undoing the last push that still stands goes back to; None where nothing is left to
    undo.

    A revision that went back to an earlier one stands for that one: so one undo after another goes
    further back, and never forward again.
    """
    known = {item.number: item for item in revisions}
    seen: set[int] = set()
    while live in known and (restored := known[live].restores) is not None and live not in seen:
        seen.add(live)
        live = restored
    return known[live].parent if live in known else None


WatchOutcome = Literal["watching", "kept", "taken back", "not compared", "replaced", "ended early"]


class WatchedQuality(Struct, frozen=True, kw_only=True):
    """One quality of the requests before and after a push: `computed tokens`, `first token` (ms),
    `whole request` (ms) or `failures` (share of requests).

    `change` is relative to before, each request measured against its own node's mean; of failures
    the difference of the shares. `at_least` is what it is at least, at the watch's error rate. None
    where nobody can tell.
    """

    name: str
    before: float | None = None
    after: float | None = None
    change: float | None = None
    at_least: float | None = None
    worse: bool = False


class WatchReport(Struct, frozen=True, kw_only=True):
    """What the time after a push showed.

    `outcome` is `watching` (so far), `kept`, `taken back` (worse by more than `margin`), `not
    compared` (too few requests before, or after), `replaced` (somebody else pushed meanwhile) or
    `ended early` (by its operator: the push stands). Where nothing became worse, the chance of
    `taken back` is below `error_rate`. `left_out` counts requests of nodes that nothing was known
    of before.
    """

    outcome: WatchOutcome
    seconds: float
    margin: float
    error_rate: float
    requests_before: int = 0
    requests_after: int = 0
    left_out: int = 0
    qualities: tuple[WatchedQuality, ...] = ()


class PushReport(Struct, frozen=True, kw_only=True):
    """What a push or a rollback did; printed by `push --json` and `rollback --json`.

    `revision` is the one that is live in the end. `watch` is what the time after a push showed,
    where it was watched.
    """

    ok: bool
    revision: int
    diff: Diff
    elapsed_ms: float
    message: str = ""
    verified: tuple[str, ...] = ()
    watch: WatchReport | None = None
