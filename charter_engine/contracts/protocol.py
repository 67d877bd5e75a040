"""Messages between the engine and whoever watches it: a frame is a 4-byte big-endian length and
msgpack.

A client sends `Request(id, command)`; the engine answers with `Response` or `Failure` of the same
id. After `Subscribe`, the engine sends `Gauge` (the latest value of a topic; older ones may be
skipped for a slow reader) and `Event` (never skipped; `sequence` counts up by one).
"""

from typing import Literal

from msgspec import Raw, Struct

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.benching import BenchReport, BenchRequest
from charter_engine.contracts.canary import CanaryReport
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.deploy import (
    Change,
    Diff,
    Profile,
    PushReport,
    Revision,
    WatchReport,
)
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult, PromptParts
from charter_engine.contracts.gpu import GpuStatus
from charter_engine.contracts.graph import CompiledFile, Diagnostic
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.learning import (
    CalibrateRequest,
    CalibrateResult,
    LearnRequest,
    LearnResult,
)
from charter_engine.contracts.lint import Finding
from charter_engine.contracts.live import (
    HostSample,
    NodeStats,
    RunProgress,
    TritonSample,
)
from charter_engine.contracts.plan import Apply, Plan
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.predicting import PredictRequest, PredictResult
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.runs import RunComparison, RunDetail, RunSummary
from charter_engine.contracts.series import Tick
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.contracts.traffic import PassedRequests
from charter_engine.contracts.trial import TrialReport

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 64 * 1024 * 1024

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
]
WorkKind = Literal["plan", "predict", "learn", "calibrate", "bench"]
DeployKind = Literal["push", "rollback", "trial", "put back", "adopt", "uninstall"]


class Session(Struct, frozen=True, kw_only=True, tag=True):
    """What the engine works on. `phase` is one plain line for the operator (`starting Triton`,
    `ready`, …). `drift` is what others changed of the deployment since the last push.
    `source_changed`: the agent's files are no longer what was read."""

    engine_version: str
    mode: Literal["live", "replay"] = "live"
    phase: str = ""
    agent: str | None = None
    compiled: CompiledFile | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    plan: Plan | None = None
    revision: int = 0
    profile: Profile | None = None
    predicted: Prediction | None = None
    notice: str = ""
    read_only: bool = False
    drift: tuple[Change, ...] = ()
    source_changed: bool = False


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
    second.
    """

    kind: WorkKind | None = None
    subject: str = ""
    state: Literal["none", "running", "stopping", "done", "failed", "cancelled"] = "none"
    stage: str = ""
    done: int = 0
    total: int | None = None
    started_at: float = 0.0
    elapsed_ms: float = 0.0
    error: str = ""
    remedy: str = ""


class RevisionDetail(Struct, frozen=True, kw_only=True):
    """A revision opened: what it changed of the one before (`diff`), and the last whole runs under
    either. `back` is what making it live again would change of what is live."""

    revision: Revision
    diff: Diff
    back: Diff
    before: RunSummary | None = None
    after: RunSummary | None = None
    verdict: Verdict = Verdict()


class WorkResults(Struct, frozen=True, kw_only=True, tag=True):
    """What each kind of work found last; None where it found nothing yet."""

    plan: PlanResult | None = None
    predict: PredictResult | None = None
    learn: LearnResult | None = None
    calibrate: CalibrateResult | None = None
    bench: BenchReport | None = None


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
    """What the corruption canary knows; off until somebody asks for it."""

    report: CanaryReport = CanaryReport()


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


class Recording(Struct, frozen=True, kw_only=True, tag=True):
    """The recording being written, if any."""

    path: str = ""
    bytes_written: int = 0
    started_at: float = 0.0
    error: str = ""


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
}


class Subscribe(Struct, frozen=True, kw_only=True, tag=True):
    """`after` resumes events behind that sequence number; None starts with the most recent ones.

    `instance` is the engine the number came from (see `Subscribed`): another engine counts anew.
    `console` names who watches, for the others; `owner` says that the engine is its child.
    """

    topics: tuple[Topic, ...]
    console: str = ""
    owner: bool = False
    after: int | None = None
    instance: str = ""
    version: int = PROTOCOL_VERSION


class Subscribed(Struct, frozen=True, kw_only=True):
    """The answer to `Subscribe`. `sequence` is the last event so far; `missed` counts those no
    longer kept."""

    instance: str
    sequence: int
    missed: int = 0


class GetSession(Struct, frozen=True, tag=True):
    pass


class OpenAgent(Struct, frozen=True, kw_only=True, tag=True):
    """Read an agent's source and show it. The open one is read again, with the inputs it has."""

    path: str
    inputs: str | None = None


class StartRun(Struct, frozen=True, kw_only=True, tag=True):
    """Run the open agent over its inputs. `variant` is `plan` (as live) or `baseline` (as written);
    `repeat` names a run to make again under its own plan."""

    variant: Literal["plan", "baseline"] = "plan"
    limit: int | None = None
    repeat: int | None = None


class CancelRun(Struct, frozen=True, tag=True):
    pass


class EditNode(Struct, frozen=True, kw_only=True, tag=True):
    """Change a node in the draft. None leaves a field alone; `duration_ms` -1 means until evicted.

    `range` picks one of the node's retention ranges; None sets one range over the whole prompt.
    """

    node: str
    base_revision: int
    range: int | None = None
    priority: int | None = None
    duration_ms: int | None = None
    decode_priority: int | None = None
    decode_duration_ms: int | None = None
    layout: str | None = None
    apply: Apply | None = None


class EditServer(Struct, frozen=True, kw_only=True, tag=True):
    """Change a server setting in the draft; `value` is text as typed, parsed and checked by the
    engine."""

    key: str
    value: str
    base_revision: int


class ProposePlan(Struct, frozen=True, kw_only=True, tag=True):
    """Replace the draft by what Charter proposes.

    Whatever `request` says of agent and deployment, it is for the open agent on the live one.
    """

    base_revision: int
    request: PlanRequest = PlanRequest()


class UndoEdit(Struct, frozen=True, tag=True):
    """Take back the last edit of the draft."""


class RedoEdit(Struct, frozen=True, tag=True):
    """Make the edit of the draft again that was taken back last."""


class LoadPlan(Struct, frozen=True, kw_only=True, tag=True):
    """Replace the draft by a plan file."""

    path: str
    base_revision: int


class DiscardDraft(Struct, frozen=True, tag=True):
    pass


class FindPlan(Struct, frozen=True, kw_only=True, tag=True):
    """Work out a plan as `ProposePlan` does, and leave the draft alone."""

    request: PlanRequest = PlanRequest()


class DraftFoundPlan(Struct, frozen=True, kw_only=True, tag=True):
    """Replace the draft by the plan that was found last."""

    base_revision: int


class Predict(Struct, frozen=True, kw_only=True, tag=True):
    """Work out what settings would do on a workload.

    `settings` are as typed, `key=value[,value…]`; every combination is predicted, in place of those
    of the request.
    """

    request: PredictRequest
    settings: tuple[str, ...] = ()


class Learn(Struct, frozen=True, kw_only=True, tag=True):
    """Learn from recorded sessions when prompts come back."""

    request: LearnRequest


class Calibrate(Struct, frozen=True, kw_only=True, tag=True):
    """Fit the latency model to measured requests. Predictions use it until a run is measured."""

    request: CalibrateRequest


class Bench(Struct, frozen=True, kw_only=True, tag=True):
    """Measure the open agent without reuse, as written, and under a plan.

    On servers started for it, unless `on_deployment` asks for the given deployment itself. The
    request's agent and inputs are those that are open.
    """

    request: BenchRequest
    on_deployment: bool = False


class CancelWork(Struct, frozen=True, tag=True):
    pass


class StartCanary(Struct, frozen=True, kw_only=True, tag=True):
    """Ask the deployment again and again whether reuse changes answers. What is asked is Charter's
    own prompt of a few blocks, four times a round."""

    every_seconds: float = 60.0


class StopCanary(Struct, frozen=True, tag=True):
    pass


class Push(Struct, frozen=True, kw_only=True, tag=True):
    """Make the draft live. With `watch` the requests after it are compared with those before, and
    it is taken back where they go worse; the answer comes before that. `force` pushes over what
    others changed, and over another agent's plan."""

    base_revision: int
    note: str = ""
    watch: PushWatch | None = None
    force: bool = False


class EndWatch(Struct, frozen=True, tag=True):
    """Watch the last push no longer: it stands."""


class TryDraft(Struct, frozen=True, kw_only=True, tag=True):
    """Push the draft with its layouts on a share of the sessions, 0 to 1, to compare both."""

    share: float
    base_revision: int
    note: str = ""


class PutBack(Struct, frozen=True, kw_only=True, tag=True):
    """Make the deployment what was last pushed, over what others changed since."""

    base_revision: int


class Adopt(Struct, frozen=True, kw_only=True, tag=True):
    """Put on record, as a revision of its own, what others changed."""

    base_revision: int
    note: str = ""


class Uninstall(Struct, frozen=True, kw_only=True, tag=True):
    """Leave the deployment as it was found before the first push. `force`: over what others
    changed, too."""

    base_revision: int
    force: bool = False


class ResetBreaker(Struct, frozen=True, tag=True):
    """Ask a server again at once that did not answer."""


class Diagnose(Struct, frozen=True, tag=True):
    """What is wrong with the deployment and with the machine the engine runs on, by weight."""


class Rollback(Struct, frozen=True, kw_only=True, tag=True):
    """Go back to `revision`, or to the one before the live one."""

    base_revision: int
    revision: int | None = None


class SweepSetting(Struct, frozen=True, kw_only=True, tag=True):
    """Predict runs of the agent's inputs under several values of one setting of the draft."""

    key: str


class ListRevisions(Struct, frozen=True, tag=True):
    pass


class ShowRevision(Struct, frozen=True, tag=True):
    """What a revision changed, and what the runs before and after it cost."""

    number: int


class ShowRun(Struct, frozen=True, tag=True):
    """A run with its requests."""

    number: int


class CompareRuns(Struct, frozen=True, tag=True):
    """How the second run differs from the first, with intervals."""

    before: int
    after: int


class Lint(Struct, frozen=True, tag=True):
    pass


class ListTicks(Struct, frozen=True, kw_only=True, tag=True):
    """What was measured in the so many seconds before the epoch second `until` (None: until now),
    at most `most` ticks: neighbours are put together where there are more, and where nobody
    measured there are none."""

    seconds: float
    most: int
    until: float | None = None


class ListPassed(Struct, frozen=True, kw_only=True, tag=True):
    """The last requests that passed, whoever sent them; with `after`, only those behind that number
    of the tap. The `hashes` of their prompts are most of what is sent."""

    last: int = 500
    after: int | None = None
    hashes: bool = True


class ListMisses(Struct, frozen=True, kw_only=True, tag=True):
    """What was computed again, by cause: of what passed since the epoch second, or of all that is
    kept."""

    since: float | None = None


class ExplainMiss(Struct, frozen=True, kw_only=True, tag=True):
    """Why requests missed. Those that only the deployment saw are shown with their words for as
    long as it remembers them."""

    query: MissQuery = MissQuery()


class ListSessions(Struct, frozen=True, tag=True):
    """The sessions of what passed, those that were active last first."""


class ShowCache(Struct, frozen=True, tag=True):
    """What lies in the deployment's pool, by the block manager over what passed."""


class PreviewLayouts(Struct, frozen=True, tag=True):
    """What the draft's layouts for traffic would do to what passed, or to the agent's inputs."""


class ShowTrial(Struct, frozen=True, tag=True):
    """How the arms of the live trial stand, by the usual margins."""


class SetShare(Struct, frozen=True, kw_only=True, tag=True):
    """Have the live plan's layouts for traffic apply to another share of the sessions; 0 stops a
    trial."""

    share: float
    base_revision: int
    note: str = ""


class StartRecording(Struct, frozen=True, kw_only=True, tag=True):
    path: str


class StopRecording(Struct, frozen=True, tag=True):
    pass


class SeekReplay(Struct, frozen=True, kw_only=True, tag=True):
    """Exactly one of: `to` (epoch seconds, clamped), `by` (seconds, signed), `marker` (+1 next, -1
    previous)."""

    to: float | None = None
    by: float | None = None
    marker: int | None = None


class ControlReplay(Struct, frozen=True, kw_only=True, tag=True):
    paused: bool | None = None
    speed: float | None = None


class Shutdown(Struct, frozen=True, tag=True):
    pass


Command = (
    Subscribe
    | GetSession
    | OpenAgent
    | StartRun
    | CancelRun
    | EditNode
    | EditServer
    | ProposePlan
    | LoadPlan
    | DiscardDraft
    | UndoEdit
    | RedoEdit
    | SweepSetting
    | FindPlan
    | DraftFoundPlan
    | Predict
    | Learn
    | Calibrate
    | Bench
    | CancelWork
    | StartCanary
    | StopCanary
    | Push
    | EndWatch
    | TryDraft
    | PutBack
    | Adopt
    | Uninstall
    | ResetBreaker
    | Diagnose
    | Rollback
    | ListRevisions
    | ShowRevision
    | ShowRun
    | CompareRuns
    | Lint
    | ListTicks
    | ListPassed
    | ListMisses
    | ExplainMiss
    | ListSessions
    | ShowCache
    | PreviewLayouts
    | ShowTrial
    | SetShare
    | StartRecording
    | StopRecording
    | SeekReplay
    | ControlReplay
    | Shutdown
)

Right = Literal["view", "edit", "record", "run", "write", "stop"]
"""`view` looks and changes nothing, on disk or elsewhere; `edit` changes the draft and reads plan
files; `record` writes recordings; `run` opens and runs agents, and works on files; `write` changes
the deployment; `stop` ends the engine."""

RIGHT_OF: dict[type, Right] = {
    Subscribe: "view",
    GetSession: "view",
    ListRevisions: "view",
    ShowRevision: "view",
    ShowRun: "view",
    CompareRuns: "view",
    Lint: "view",
    SweepSetting: "view",
    ListTicks: "view",
    ListPassed: "view",
    ListMisses: "view",
    ExplainMiss: "view",
    ListSessions: "view",
    ShowCache: "view",
    PreviewLayouts: "view",
    ShowTrial: "view",
    Diagnose: "view",
    SeekReplay: "view",
    ControlReplay: "view",
    EditNode: "edit",
    EditServer: "edit",
    ProposePlan: "edit",
    LoadPlan: "edit",
    DiscardDraft: "edit",
    UndoEdit: "edit",
    RedoEdit: "edit",
    DraftFoundPlan: "edit",
    StartRecording: "record",
    StopRecording: "record",
    OpenAgent: "run",
    StartRun: "run",
    CancelRun: "run",
    FindPlan: "run",
    Predict: "run",
    Learn: "run",
    Calibrate: "run",
    Bench: "run",
    CancelWork: "run",
    StartCanary: "run",
    StopCanary: "run",
    ResetBreaker: "run",
    Push: "write",
    EndWatch: "write",
    TryDraft: "write",
    PutBack: "write",
    Adopt: "write",
    Uninstall: "write",
    Rollback: "write",
    SetShare: "write",
    Shutdown: "stop",
}
"""What a sender must be allowed to do. A command without a right is refused."""


class Request(Struct, frozen=True, tag=True):
    id: int
    command: Command


class Response(Struct, frozen=True, tag=True):
    """`result` is the msgpack of the command's answer: `PushReport`, `tuple[Revision, ...]`,
    findings, or nil."""

    id: int
    result: Raw


class Failure(Struct, frozen=True, kw_only=True, tag=True):
    """`kind` maps to an exit code: `usage` 2, `unreachable` and `refused` 3, `stale` and `failed`
    1."""

    id: int
    kind: Literal["usage", "stale", "read-only", "refused", "unreachable", "failed"]
    message: str
    remedy: str = ""


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


class Goodbye(Struct, frozen=True, tag=True):
    """The engine ends this connection, and why (`too slow`, `shutting down`). `resume_after` is the
    last event sent."""

    reason: str
    resume_after: int | None = None


ServerMessage = Response | Failure | Gauge | Event | Goodbye
RevisionList = tuple[Revision, ...]
FindingList = tuple[Finding, ...]

RESULT_OF: dict[type, object] = {
    Subscribe: Subscribed,
    GetSession: Session,
    Push: PushReport,
    Rollback: PushReport,
    ListRevisions: RevisionList,
    ShowRevision: RevisionDetail,
    ShowRun: RunDetail,
    CompareRuns: RunComparison,
    Lint: FindingList,
    SweepSetting: SettingSweep,
    ListTicks: tuple[Tick, ...],
    ListPassed: PassedRequests,
    ListMisses: MissReport,
    ExplainMiss: MissResult,
    ListSessions: tuple[SessionTraffic, ...],
    ShowCache: ContentsReport,
    PreviewLayouts: LayoutPreview,
    ShowTrial: TrialReport,
    SetShare: PushReport,
    TryDraft: PushReport,
    PutBack: PushReport,
    Adopt: PushReport,
    Uninstall: PushReport,
    Diagnose: DoctorReport,
}
"""What `Response.result` holds for each command; commands not listed answer nil."""
