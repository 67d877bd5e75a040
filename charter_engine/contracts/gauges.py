"""What the engine tells whoever watches it: the latest value of each topic, and events."""

from typing import Final, Literal

from msgspec import Struct

from charter_engine.contracts.answers import AnswersReport
from charter_engine.contracts.benching import BenchReport
from charter_engine.contracts.canary import CanaryReport, ServerCanary
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.deploy import Change, Diff, Profile, WatchReport
from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.fleet import FleetNow
from charter_engine.contracts.gpu import GpuStatus
from charter_engine.contracts.graph import CompiledFile, Diagnostic
from charter_engine.contracts.learning import CalibrateResult, LearnResult
from charter_engine.contracts.live import HostSample, NodeStats, RunProgress, TritonSample
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanResult
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.runs import RunSummary
from charter_engine.contracts.series import Tick
from charter_engine.contracts.server import ServerProfile

Topic = Literal[
    "session",
    "nodes",
    "gpu",
    "host",
    "triton",
    "tick",
    "run",
    "runs",
    "draft",
    "work",
    "results",
    "replay",
    "past",
    "recording",
    "watchers",
    "canary",
    "parts",
    "deploying",
    "watch",
    "fleet",
    "database",
]
EventKind = Literal[
    "engine",
    "compile",
    "triton",
    "run",
    "request",
    "failure",
    "push",
    "rollback",
    "edit",
    "recording",
    "work",
    "canary",
    "note",
]
MARKED: Final[frozenset[EventKind]] = frozenset(("note", "push", "rollback", "triton", "canary"))
"""What is marked on a time axis: an operator's notes, and what happened to the deployment."""
WorkKind = Literal["plan", "predict", "learn", "calibrate", "bench", "answers"]
DeployKind = Literal["push", "rollback", "trial", "put back", "adopt", "uninstall"]


class Session(Struct, frozen=True, kw_only=True, tag=True):
    """What the engine works on. `phase` is one plain line for the operator (`starting Triton`,
    `ready`, …). `drift` is what others changed of the deployment since the last push.
    `source_changed`: the agent's files are no longer what was read. `server` is what the server is,
    of whichever kind, and where each lever acts. `predicted` is a run under the live
    plan that begins with an empty cache, `next_run` one that begins with what earlier runs left
    there; None where there were none. `keeps_text` False: words of prompts and answers are written
    nowhere. `started_with` is a digest of the options that a console
    started the engine with (empty: it had none), by which the next one knows it again."""

    engine_version: str
    mode: Literal["live", "replay"] = "live"
    phase: str = ""
    agent: str | None = None
    compiled: CompiledFile | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    plan: Plan | None = None
    revision: int = 0
    profile: Profile | None = None
    server: ServerProfile | None = None
    predicted: Prediction | None = None
    next_run: Prediction | None = None
    notice: str = ""
    read_only: bool = False
    keeps_text: bool = True
    drift: tuple[Change, ...] = ()
    source_changed: bool = False
    started_with: str = ""


class Nodes(Struct, frozen=True, tag=True):
    """Measured totals of every node, in source order: of the run in progress or the last one, and
    of what others sent under the live revision."""

    nodes: tuple[NodeStats, ...]
    traffic: tuple[NodeStats, ...] = ()


class Gpu(Struct, frozen=True, tag=True):
    status: GpuStatus


class Host(Struct, frozen=True, tag=True):
    sample: HostSample


class Triton(Struct, frozen=True, tag=True):
    sample: TritonSample


class Ticked(Struct, frozen=True, tag=True):
    """A second is over."""

    tick: Tick


class Run(Struct, frozen=True, tag=True):
    progress: RunProgress


class Runs(Struct, frozen=True, tag=True):
    """The runs of the open agent on this deployment, the latest first.

    `as_written` and `live` are the numbers of those that answer for the agent as its source has it
    and for the live plan (None: there is none yet); `verdict` says what the second paid against the
    first.
    """

    runs: tuple[RunSummary, ...] = ()
    as_written: int | None = None
    live: int | None = None
    verdict: Verdict = Verdict()

    def numbered(self, number: int | None) -> RunSummary | None:
        """The run of that number."""
        return next((run for run in self.runs if run.number == number), None)


class Draft(Struct, frozen=True, kw_only=True, tag=True):
    """The edited plan beside the live one. `error` tells of an edit that was just refused.

    Predictions are of a run over the agent's `items`, `at_once` of them side by side. `verdict`
    says in words what the draft is predicted to pay against the live plan. `undoable` edits can be
    taken back, and `redoable` ones made again.
    """

    plan: Plan | None = None
    diff: Diff | None = None
    predicted: Prediction | None = None
    live_predicted: Prediction | None = None
    busy: bool = False
    error: str = ""
    verdict: Verdict = Verdict()
    items: int = 0
    at_once: int = 0
    undoable: int = 0
    redoable: int = 0


class Work(Struct, frozen=True, kw_only=True, tag=True):
    """The work in progress, or the last: one of what takes a while. `subject` says on what.

    `done` of `total` steps of `stage` are made (None: nobody knows how many). `error` and `remedy`
    are of work that failed. `started_at` is epoch seconds; `elapsed_ms`, so far, is told every
    second; in about `left_ms` it is done, if its other steps take as long as those before.
    """

    kind: WorkKind | None = None
    subject: str = ""
    state: Literal["none", "running", "stopping", "done", "failed", "cancelled"] = "none"
    stage: str = ""
    done: int = 0
    total: int | None = None
    started_at: float = 0.0
    elapsed_ms: float = 0.0
    left_ms: float | None = None
    error: str = ""
    remedy: str = ""


class WorkResults(Struct, frozen=True, kw_only=True, tag=True):
    """What each kind of work found last; None where it found nothing yet."""

    plan: PlanResult | None = None
    predict: PredictResult | None = None
    learn: LearnResult | None = None
    calibrate: CalibrateResult | None = None
    bench: BenchReport | None = None
    answers: AnswersReport | None = None


class Marker(Struct, frozen=True):
    """Something that happened in a recording, to jump to. `at` is epoch seconds."""

    at: float
    kind: EventKind
    text: str
    level: Literal["info", "warning", "error"] = "info"
    node: str = ""


class Replay(Struct, frozen=True, kw_only=True, tag=True):
    """Where a replay stands. Times are epoch seconds, UTC."""

    path: str
    start: float
    end: float
    position: float
    paused: bool = False
    speed: float = 1.0
    markers: tuple[Marker, ...] = ()
    damaged: str = ""


class Past(Struct, frozen=True, kw_only=True, tag=True):
    """What a replay had shown before the moment it was set to: its log and its series.

    It replaces what a console shows, up to the event of that `sequence`. `pool_used` is the share
    of the KV pool in use, 0 to 1, and `ticks` the seconds before, oldest first.
    """

    sequence: int
    events: tuple["Event", ...] = ()
    pool_used: tuple[float, ...] = ()
    ticks: tuple[Tick, ...] = ()


class Watcher(Struct, frozen=True, kw_only=True):
    """A console that watches an engine. The engine stops with the one that owns it."""

    name: str
    owner: bool = False


class Watchers(Struct, frozen=True, tag=True):
    """The consoles that watch, the longest first."""

    consoles: tuple[Watcher, ...] = ()


class Canary(Struct, frozen=True, tag=True):
    """What the corruption canary knows; off until somebody asks for it. Of several servers all
    together, and what it knows of each."""

    report: CanaryReport = CanaryReport()
    servers: tuple[ServerCanary, ...] = ()


class NodeParts(Struct, frozen=True, kw_only=True):
    """What became of the prompt tokens of a node's requests; of those that belong to none, where
    it has no name."""

    node: str
    requests: int = 0
    parts: PromptParts = PromptParts()


class TokenParts(Struct, frozen=True, tag=True):
    """What became of the prompt tokens of all that passed since the engine began, by node. What
    was known and not given counts as evicted."""

    nodes: tuple[NodeParts, ...] = ()


class DeployStep(Struct, frozen=True):
    """A step that was made towards what was asked of the deployment, and how long it took."""

    text: str
    took_ms: float


class Deploying(Struct, frozen=True, kw_only=True, tag=True):
    """What is being done to the deployment, or was done last, step by step.

    `message` says what came of it, with the `remedy` where it failed; `verified` what was looked at
    before it was called live.
    """

    kind: DeployKind | None = None
    state: Literal["none", "running", "done", "failed"] = "none"
    steps: tuple[DeployStep, ...] = ()
    elapsed_ms: float = 0.0
    message: str = ""
    remedy: str = ""
    verified: tuple[str, ...] = ()


class PushWatched(Struct, frozen=True, kw_only=True, tag=True):
    """The watch over the last push, or the last that was watched. It ends `seconds` after the epoch
    second `started_at`; `report` is what the requests showed so far (None: no push was watched)."""

    revision: int = 0
    started_at: float = 0.0
    seconds: float = 0.0
    report: WatchReport | None = None


class Fleet(Struct, frozen=True, kw_only=True, tag=True):
    """How several servers stand; told only by an engine that was given several. The first is the
    one that the engine works on."""

    now: FleetNow


class Recording(Struct, frozen=True, kw_only=True, tag=True):
    """The recording being written, if any; with an `error` it waits for room on the disk. Without a
    `path` there is none, and `error` is why the last one ended."""

    path: str = ""
    bytes_written: int = 0
    started_at: float = 0.0
    error: str = ""


class Database(Struct, frozen=True, kw_only=True, tag=True):
    """The file in which runs, traffic and history are kept; without a `path` there is none.
    `unkept` names what is not kept though it should be, such as `traffic`, or `everything`."""

    path: str = ""
    bytes: int = 0
    unkept: tuple[str, ...] = ()


Payload = (
    Session
    | Nodes
    | Gpu
    | Host
    | Triton
    | Ticked
    | Run
    | Runs
    | Draft
    | Work
    | WorkResults
    | Replay
    | Past
    | Recording
    | Watchers
    | Canary
    | TokenParts
    | Deploying
    | PushWatched
    | Fleet
    | Database
)
TOPIC_OF: dict[type, Topic] = {
    Session: "session",
    Nodes: "nodes",
    Gpu: "gpu",
    Host: "host",
    Triton: "triton",
    Ticked: "tick",
    Run: "run",
    Runs: "runs",
    Draft: "draft",
    Work: "work",
    WorkResults: "results",
    Replay: "replay",
    Past: "past",
    Recording: "recording",
    Watchers: "watchers",
    Canary: "canary",
    TokenParts: "parts",
    Deploying: "deploying",
    PushWatched: "watch",
    Fleet: "fleet",
    Database: "database",
}


UNRECORDED: frozenset[Topic] = frozenset(("recording", "replay", "past", "watchers", "database"))
"""Gauges of the recording itself, of what else is kept, and of who looks on."""


class Gauge(Struct, frozen=True, kw_only=True, tag=True):
    """`at` is epoch seconds. `epoch` counts how often a replay was set to another moment.

    Gauges of an earlier epoch say nothing about the moment that is shown.
    """

    at: float
    payload: Payload
    epoch: int = 0


class Event(Struct, frozen=True, kw_only=True, tag=True):
    """Something that happened, in words. `node` names the call it concerns."""

    sequence: int
    at: float
    kind: EventKind
    text: str
    level: Literal["info", "warning", "error"] = "info"
    node: str = ""
