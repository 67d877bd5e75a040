"""What a deployment can do, what a change costs, and the revisions that lead back."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.plan import Plan

CostClass = Literal["request", "plan reload", "engine reload", "engine rebuild", "server restart"]
COST_ORDER: tuple[CostClass, ...] = (
    "request",
    "plan reload",
    "engine reload",
    "engine rebuild",
    "server restart",
)


class Profile(Struct, frozen=True, kw_only=True):
    """What a Triton deployment can do, found by probing its models' metadata and configuration.

    `parameters` is what is live, `original` what the deployment had before Charter first changed it
    (empty: it never did), `defaults` what its TensorRT-LLM takes for what is not set.
    `reasons` maps a missing ability (`retention`, `reuse`, `kv_stats`, `times`, `plan_push`, …) to
    why it is missing.
    """

    path: Literal["engine", "llmapi", "none"] = "none"
    server_version: str = ""
    models: tuple[str, ...] = ()
    charter_bls: bool = False
    retention: bool = False
    kv_stats: bool = False
    times: bool = False
    load_unload: bool = False
    repository_files: bool = False
    tokens_per_block: int | None = None
    parameters: dict[str, str] = {}
    original: dict[str, str] = {}
    defaults: dict[str, str] = {}
    reasons: dict[str, str] = {}


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
    """Everything a push would change, and the dearest cost among it (None: nothing to push)."""

    base_revision: int
    changes: tuple[Change, ...] = ()
    cost: CostClass | None = None


class Revision(Struct, frozen=True, kw_only=True):
    """One pushed state of a deployment. `restores` is the earlier revision that it went back to;
    None for a push."""

    number: int
    created_at: float
    deployment: str
    agent: str
    plan: Plan
    note: str = ""
    parent: int | None = None
    cost: CostClass | None = None
    state: Literal["pending", "live", "superseded", "failed", "rolled back"] = "live"
    restores: int | None = None


class PushReport(Struct, frozen=True, kw_only=True):
    """What a push or a rollback did; printed by `push --json` and `rollback --json`."""

    ok: bool
    revision: int
    diff: Diff
    elapsed_ms: float
    message: str = ""
    verified: tuple[str, ...] = ()
