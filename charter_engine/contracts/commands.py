"""What the engine can be asked, what its sender must be allowed to do, and what it answers."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.deploy import Change, Diff, PushReport, Revision
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult
from charter_engine.contracts.gauges import Marker, Session, Topic
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.learning import CalibrateRequest, LearnRequest
from charter_engine.contracts.lint import Finding
from charter_engine.contracts.plan import Apply
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.predicting import PredictRequest
from charter_engine.contracts.recordings import (
    CompareRecordings,
    ListedRecording,
    RecordingComparison,
    RecordingPiece,
)
from charter_engine.contracts.runs import RunComparison, RunDetail, RunSummary
from charter_engine.contracts.series import Tick
from charter_engine.contracts.server import ServerReport
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.contracts.traffic import PassedRequests
from charter_engine.contracts.trial import TrialReport

PROTOCOL_VERSION = 1


class RevisionDetail(Struct, frozen=True, kw_only=True):
    """A revision opened: what it changed of the one before (`diff`; `files`: field by field of the
    files that it put where), and the last whole runs under either. `back` is what making it live
    again would change of what is live."""

    revision: Revision
    diff: Diff
    back: Diff
    files: tuple[Change, ...] = ()
    before: RunSummary | None = None
    after: RunSummary | None = None
    verdict: Verdict = Verdict()


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


class CheckSetting(Struct, frozen=True, kw_only=True, tag=True):
    """Whether the draft could take a value of a server setting; it is not changed."""

    key: str
    value: str


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


class SavePlan(Struct, frozen=True, kw_only=True, tag=True):
    """Write the draft, or without one the live plan, to a plan file that is not there yet."""

    path: str


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


class CompareAnswers(Struct, frozen=True, kw_only=True, tag=True):
    """Ask the live deployment the open agent's calls as written and as the draft lays them out, and
    compare the answers. The request's agent, inputs and plan are those that are open."""

    request: AnswersRequest


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


class ListMarks(Struct, frozen=True, kw_only=True, tag=True):
    """What is marked in the so many seconds before the epoch second `until` (None: until now):
    notes, and what happened to the deployment, oldest first; the last `most` of it."""

    seconds: float
    most: int = 500
    until: float | None = None


class AddNote(Struct, frozen=True, kw_only=True, tag=True):
    """Mark this moment with an operator's words; `node` names the call they concern."""

    text: str
    node: str = ""


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


class ShowServer(Struct, frozen=True, tag=True):
    """What one of several servers is and can do, by its name in the gauge of the fleet."""

    server: str


class ListRecordings(Struct, frozen=True, tag=True):
    """The recordings in a folder, those that were written last first."""

    folder: str


class CompareRecorded(Struct, frozen=True, tag=True):
    """Two recordings side by side, or one ahead of its last push and behind it."""

    request: CompareRecordings


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


class CutReplay(Struct, frozen=True, kw_only=True, tag=True):
    """What is replayed from one epoch second to another, as the file of a recording of its own: as
    many bytes from `offset` on as go at once."""

    begin: float
    end: float
    offset: int = 0


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
    | CheckSetting
    | ProposePlan
    | LoadPlan
    | SavePlan
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
    | CompareAnswers
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
    | ListMarks
    | AddNote
    | ListPassed
    | ListMisses
    | ExplainMiss
    | ListSessions
    | ShowCache
    | ShowServer
    | ListRecordings
    | CompareRecorded
    | PreviewLayouts
    | ShowTrial
    | SetShare
    | StartRecording
    | StopRecording
    | SeekReplay
    | ControlReplay
    | CutReplay
    | Shutdown
)
Right = Literal["view", "read", "edit", "record", "run", "write", "stop"]
"""`view` looks and changes nothing, on disk or elsewhere; `read` looks at recordings wherever they
lie; `edit` changes the draft and reads plan files; `record` writes recordings and notes; `run`
opens and runs agents, and works on files; `write` changes the deployment; `stop` ends the
engine."""
RIGHT_OF: dict[type, Right] = {
    Subscribe: "view",
    GetSession: "view",
    ListRevisions: "view",
    ShowRevision: "view",
    ShowRun: "view",
    CompareRuns: "view",
    Lint: "view",
    SweepSetting: "view",
    CheckSetting: "view",
    ListTicks: "view",
    ListMarks: "view",
    ListPassed: "view",
    ListMisses: "view",
    ExplainMiss: "view",
    ListSessions: "view",
    ShowCache: "view",
    ShowServer: "view",
    PreviewLayouts: "view",
    ShowTrial: "view",
    Diagnose: "view",
    SeekReplay: "view",
    ControlReplay: "view",
    CutReplay: "view",
    EditNode: "edit",
    EditServer: "edit",
    ProposePlan: "edit",
    LoadPlan: "edit",
    DiscardDraft: "edit",
    UndoEdit: "edit",
    RedoEdit: "edit",
    DraftFoundPlan: "edit",
    AddNote: "record",
    StartRecording: "record",
    StopRecording: "record",
    ListRecordings: "read",
    CompareRecorded: "read",
    OpenAgent: "run",
    StartRun: "run",
    CancelRun: "run",
    SavePlan: "run",
    FindPlan: "run",
    Predict: "run",
    Learn: "run",
    Calibrate: "run",
    Bench: "run",
    CompareAnswers: "run",
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
    ListMarks: tuple[Marker, ...],
    ListPassed: PassedRequests,
    ListMisses: MissReport,
    ExplainMiss: MissResult,
    ListSessions: tuple[SessionTraffic, ...],
    ShowCache: ContentsReport,
    ShowServer: ServerReport,
    ListRecordings: tuple[ListedRecording, ...],
    CompareRecorded: RecordingComparison,
    CutReplay: RecordingPiece,
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
