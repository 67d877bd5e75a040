"""The one immutable snapshot every screen renders, and how a message from the engine changes it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from charter_engine.contracts.fleet import ServerNow
from charter_engine.contracts.gauges import (
    TOPIC_OF,
    UNRECORDED,
    Canary,
    Database,
    Deploying,
    Draft,
    Event,
    Fleet,
    Gauge,
    Gpu,
    Host,
    Nodes,
    Past,
    Payload,
    PushWatched,
    Recording,
    Replay,
    Run,
    Runs,
    Session,
    Ticked,
    Triton,
    Watchers,
    Work,
    WorkResults,
)
from charter_engine.contracts.gpu import GpuSample, GpuStatus
from charter_engine.contracts.graph import Call
from charter_engine.contracts.live import NodeStats, TritonSample
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import NodePrediction, Prediction
from charter_engine.contracts.series import Tick
from charter_tui.alerts import Alert
from charter_tui.naming import name_by_id, names_of
from charter_tui.trends import NO_TRENDS, Trend, Trends, grown

Told = TypeVar("Told")
KEPT_EVENTS: Final = 500
"""Assumed: what somebody scrolls back; the lookback and the engine's database hold more."""
KEPT_POOL_SAMPLES: Final = 120
"""Two minutes of a sample each second, more than a strip has columns."""
KEPT_GPU_SAMPLES: Final = 400
"""Braille has two to a column: a plot of 200 columns."""
KEPT_TICKS: Final = 600
"""Ten minutes by the second, two to a column of the widest strip of braille."""

FiguresOf = Literal["either", "run", "traffic"]
Stats = tuple[NodeStats, ...]
LinkState = Literal["connecting", "connected", "lost", "closed"]


@dataclass(frozen=True, eq=False)
class Link:
    """How the console stands with the engine.

    `others` are the consoles that watch the same engine. `detail` is why a connection was lost or
    could not be made; `anew` says that another engine answers than before, `taken_over` that an
    owned one was another console's.
    """

    state: LinkState = "connecting"
    detail: str = ""
    attempt: int = 0
    since: float = 0.0
    owned: bool = False
    taken_over: bool = False
    others: tuple[str, ...] = ()
    anew: bool = False


class LastKnown(NamedTuple, Generic[Told]):
    """What was told last of something, and when, in epoch seconds."""

    value: Told
    at: float


class MarkedStretch(NamedTuple):
    """The time an operator marked to be exported, in epoch seconds; None: not marked yet."""

    begin: float | None = None
    end: float | None = None

    def with_mark(self, at: float) -> "MarkedStretch":
        """With another moment marked: first one end of it, then the other, then it begins anew."""
        if self.begin is None or self.end is not None:
            return MarkedStretch(at)
        return MarkedStretch(min(self.begin, at), max(self.begin, at))


NOTHING_MARKED: Final = MarkedStretch()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything on screen.

    Parts that did not change keep their identity from one snapshot to the next. `figures_of` says
    whose figures of the calls are asked for: of the last run, of traffic, or of what there is.
    `gpus` are the latest samples, the newest last. `frozen` is there while the screen is held
    still: where in the last hour it stands. `marked` is what an operator marked of a recording, or
    of that hour. `held`: it stands still as nobody works at the terminal. `locked` is why this
    console changes nothing, empty where it may. `last_answer` and `last_gpus` are the latest sample
    of a server that answered, and of GPUs that could be read; `last_servers` what each of several
    servers told last.
    """

    link: Link = Link()
    session: Session | None = None
    nodes: Nodes | None = None
    gpu: Gpu | None = None
    host: Host | None = None
    triton: Triton | None = None
    run: Run | None = None
    runs: Runs | None = None
    draft: Draft | None = None
    work: Work | None = None
    results: WorkResults | None = None
    replay: Replay | None = None
    past: Past | None = None
    recording: Recording | None = None
    watchers: Watchers | None = None
    canary: Canary | None = None
    deploying: Deploying | None = None
    watch: PushWatched | None = None
    fleet: Fleet | None = None
    database: Database | None = None
    events: tuple[Event, ...] = ()
    pool_used: tuple[float, ...] = ()
    gpus: tuple[GpuStatus, ...] = ()
    ticks: tuple[Tick, ...] = ()
    trends: Trends = NO_TRENDS
    as_of: float = 0.0
    epoch: int = 0
    figures_of: FiguresOf = "either"
    alerts: tuple[Alert, ...] = ()
    frozen: Replay | None = None
    held: bool = False
    locked: str = ""
    marked: MarkedStretch = NOTHING_MARKED
    last_answer: LastKnown[TritonSample] | None = None
    last_gpus: LastKnown[GpuStatus] | None = None
    last_servers: Mapping[str, LastKnown[ServerNow]] = field(default_factory=dict)

    def age(self, known: LastKnown[Any]) -> float:
        """How many seconds before what is shown something was told."""
        return max(0.0, self.as_of - known.at)

    @property
    def seeking(self) -> Replay | None:
        """Where the screen stands in a recording, or in the last hour while it is frozen."""
        return self.replay or self.frozen

    @property
    def calls(self) -> tuple[Call, ...]:
        """The agent's calls in source order."""
        return self.session.compiled.calls if self.session and self.session.compiled else ()

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return names_of(self.calls)

    def named(self, node: str) -> str:
        """What a call is called on every screen."""
        return self._names.get(node) or name_by_id(node)

    def named_in_full(self, node: str) -> str:
        """The id of a call where it ends in what the call is called, else that."""
        name = self.named(node)
        return node if node.endswith(f":{name}") else name

    @cached_property
    def _run_numbers(self) -> Mapping[str, int]:
        known = {one.run: one.number for one in self.runs.runs} if self.runs else {}
        last = self.run.progress if self.run else None
        return known | ({last.run: last.number} if last is not None and last.number else {})

    def session_named(self, session: str) -> str:
        """What a session is called on every screen; one of an own run is that run's number."""
        number = self._run_numbers.get(session)
        return session if number is None else f"run {number}"

    @property
    def plan(self) -> Plan | None:
        """The plan that is live."""
        return self.session.plan if self.session else None

    @property
    def draft_plan(self) -> Plan | None:
        """The plan as edited; the live one where nothing is edited."""
        return self.draft.plan if self.draft and self.draft.plan else self.plan

    @property
    def revision(self) -> int:
        """The live revision."""
        return self.session.revision if self.session else 0

    @property
    def live_prediction(self) -> Prediction | None:
        """What the block manager says of the live plan."""
        if self.draft and self.draft.live_predicted:
            return self.draft.live_predicted
        return self.session.predicted if self.session else None

    @property
    def has_changes(self) -> bool:
        """Whether the draft differs from what is live."""
        return bool(self.draft and self.draft.diff and self.draft.diff.changes)

    @property
    def push_is_watched(self) -> bool:
        """Whether the requests after a push are being compared with those before."""
        report = self.watch.report if self.watch else None
        return report is not None and report.outcome == "watching"

    @property
    def shown_nodes(self) -> tuple[NodeStats, ...]:
        """The measured totals of the nodes: of the run in progress or the last one, or of what
        others sent, where that is asked for or there was no run."""
        if self.nodes is None:
            return ()
        return self.nodes.traffic if self.shows_traffic else self.nodes.nodes

    @property
    def shown_trends(self) -> Mapping[str, Trend]:
        """What the latest requests of the shown nodes computed."""
        trends = self.trends.traffic if self.shows_traffic else self.trends.nodes
        return {stats.node: trend for stats, trend in zip(self.shown_nodes, trends, strict=False)}

    @property
    def shows_traffic(self) -> bool:
        """Whether the nodes' totals are of what others sent."""
        if self.figures_of != "either":
            return self.figures_of == "traffic"
        if self.nodes is None or not any(_counted(node) for node in self.nodes.traffic):
            return False
        began = self.run is not None and self.run.progress.state != "none"
        return not (began or any(_counted(node) for node in self.nodes.nodes))

    @property
    def replaying(self) -> bool:
        """Whether the figures come from a recording."""
        return self.replay is not None or bool(self.session and self.session.mode == "replay")

    def call(self, node: str) -> Call | None:
        """The call of that id."""
        return next((call for call in self.calls if call.id == node), None)

    def stats(self, node: str) -> NodeStats | None:
        """The measured totals of that node."""
        return next((stats for stats in self.shown_nodes if stats.node == node), None)


def _counted(stats: NodeStats) -> bool:
    return bool(stats.requests or stats.failures)


_PARTS = frozenset(part.name for part in fields(Snapshot))
_DEPLOYMENT = tuple(sorted(_PARTS & (set(TOPIC_OF.values()) - UNRECORDED)))
"""The parts that tell of what is watched, and so belong into a recording."""


def apply_gauges(snapshot: Snapshot, gauges: Iterable[Gauge]) -> Snapshot:
    """The snapshot with the latest payload of each topic that a screen shows; no other."""
    taken = tuple(gauges)
    for gauge in taken:
        if isinstance(gauge.payload, Past) and gauge.epoch != snapshot.epoch:
            snapshot = _set_back(snapshot, gauge.payload, gauge.epoch)
    changes: dict[str, object] = {}
    pool_used, gpus, ticks = snapshot.pool_used, snapshot.gpus, snapshot.ticks
    as_of, servers = snapshot.as_of, snapshot.last_servers
    for gauge in taken:
        if gauge.epoch < snapshot.epoch:
            continue
        if isinstance(gauge.payload, Ticked):
            tick = gauge.payload.tick
            if ticks and tick.at < ticks[-1].at:
                # The engine's clock was set back: what lies ahead of it is not of this time.
                ticks, as_of = tuple(one for one in ticks if one.at < tick.at), gauge.at
            ticks = (*ticks, tick)[-KEPT_TICKS:]
            continue
        payload = gauge.payload
        if isinstance(payload, Nodes):
            payload = _sharing(payload, snapshot.nodes)
            changes["trends"] = grown(snapshot.trends, snapshot.nodes, payload)
        topic = TOPIC_OF[type(payload)]
        if topic not in _PARTS:
            continue
        changes |= {topic: payload, **_known(payload, gauge.at)}
        if isinstance(payload, Fleet):
            servers = _known_servers(payload, gauge.at, servers)
        as_of = max(as_of, gauge.at) if snapshot.replay is None else gauge.at
        if (
            isinstance(gauge.payload, Triton)
            and (pool := gauge.payload.sample.kv_pool)
            and (used := pool.used_share) is not None
        ):
            pool_used = (*pool_used, used)[-KEPT_POOL_SAMPLES:]
        if isinstance(gauge.payload, Gpu) and gauge.payload.status.answering:
            gpus = (*gpus, _paced(gauge.payload.status))[-KEPT_GPU_SAMPLES:]
    if not changes and ticks is snapshot.ticks:
        return snapshot
    series = {"pool_used": pool_used, "gpus": gpus, "ticks": ticks, "as_of": as_of}
    return replace(snapshot, **series, last_servers=servers, **changes)  # type: ignore[arg-type]


def _known(payload: Payload, at: float) -> dict[str, object]:
    """What of a payload is worth showing when the next one tells nothing."""
    match payload:
        case Triton(sample) if sample.health == "ready":
            return {"last_answer": LastKnown(sample, at)}
        case Gpu(status) if status.answering:
            return {"last_gpus": LastKnown(status, at)}
    return {}


def last_known(moments: Iterable[Snapshot]) -> dict[str, Any]:
    """`last_answer`, `last_gpus` and `last_servers` as they are after moments that followed each
    other."""
    known: dict[str, Any] = {"last_answer": None, "last_gpus": None}
    servers: Mapping[str, LastKnown[ServerNow]] = {}
    for moment in moments:
        for payload in (moment.triton, moment.gpu):
            known |= _known(payload, moment.as_of) if payload is not None else {}
        if moment.fleet is not None:
            servers = _known_servers(moment.fleet, moment.as_of, servers)
    return known | {"last_servers": servers}


def _known_servers(
    fleet: Fleet, at: float, before: Mapping[str, LastKnown[ServerNow]]
) -> Mapping[str, LastKnown[ServerNow]]:
    """What each of the servers told last, those that do not answer before."""
    return {
        one.server: known
        for one in fleet.now.servers
        if (known := LastKnown(one, at) if one.sample.health == "ready" else before.get(one.server))
    }


def changed_gauges(before: Snapshot, after: Snapshot, at: float) -> list[Gauge]:
    """What is told of the deployment in `after` and was not in `before`, as of that epoch
    second."""
    payloads = [getattr(after, topic) for topic in _DEPLOYMENT if _differs(before, after, topic)]
    return [Gauge(at=at, payload=payload) for payload in payloads if payload is not None]


def _differs(before: Snapshot, after: Snapshot, part: str) -> bool:
    return getattr(before, part) is not getattr(after, part)


def _sharing(nodes: Nodes, before: Nodes | None) -> Nodes:
    """The nodes, with the very records of before where nothing changed."""
    if before is None:
        return nodes

    def shared(later: Stats, earlier: Stats) -> Stats:
        if len(later) != len(earlier):
            return later
        return tuple(old if old == new else new for old, new in zip(earlier, later, strict=True))

    return Nodes(shared(nodes.nodes, before.nodes), shared(nodes.traffic, before.traffic))


def _set_back(snapshot: Snapshot, past: Past, epoch: int) -> Snapshot:
    """The snapshot of a replay that was set to another moment: only what was then."""
    return Snapshot(
        link=snapshot.link,
        watchers=snapshot.watchers,
        events=past.events,
        pool_used=past.pool_used,
        ticks=past.ticks,
        past=past,
        epoch=epoch,
    )


def gpu_history(moments: Iterable[Snapshot]) -> tuple[GpuStatus, ...]:
    """The samples of moments as `Snapshot.gpus` has them."""
    told = (moment.gpu.status for moment in moments if moment.gpu is not None)
    return tuple(_paced(status) for status in told if status.answering)[-KEPT_GPU_SAMPLES:]


def _paced(status: GpuStatus) -> GpuStatus:
    """A sample with what is drawn over time alone."""
    gpus = tuple(
        GpuSample(
            index=gpu.index,
            name="",
            mig_instance=gpu.mig_instance,
            memory_used_bytes=gpu.memory_used_bytes,
            utilization=gpu.utilization,
            memory_utilization=gpu.memory_utilization,
            power_w=gpu.power_w,
            temperature_c=gpu.temperature_c,
        )
        for gpu in status.gpus
    )
    return GpuStatus(gpus=gpus, stale=status.stale)


def behind(snapshot: Snapshot, earlier: Sequence[Tick]) -> Snapshot:
    """The snapshot with the ticks that an engine remembers before those that were seen."""
    first = snapshot.ticks[0].at if snapshot.ticks else math.inf
    before = tuple(one for one in earlier if one.at < first)
    return replace(snapshot, ticks=(*before, *snapshot.ticks)[-KEPT_TICKS:])


def apply_events(snapshot: Snapshot, events: Iterable[Event]) -> Snapshot:
    """The snapshot with the newest events last.

    Events already seen are not repeated after a reconnect.

    A new engine counts from the start again, so a later time also makes an event new.
    """
    last = snapshot.events[-1] if snapshot.events else None
    shown = snapshot.past.sequence if snapshot.past else 0
    fresh = tuple(
        event
        for event in events
        if event.sequence > shown
        and (last is None or event.sequence > last.sequence or event.at > last.at)
    )
    return (
        replace(snapshot, events=(*snapshot.events, *fresh)[-KEPT_EVENTS:]) if fresh else snapshot
    )


def node_prediction(prediction: Prediction | None, node: str) -> NodePrediction | None:
    """That node's share of a prediction."""
    return (
        next((share for share in prediction.nodes if share.node == node), None)
        if prediction
        else None
    )


def is_for_traffic(plan: Plan | None) -> bool:
    """Whether layouts of a plan apply to what programs send."""
    return plan is not None and any(node.apply == "traffic" for node in plan.nodes.values())


def share(part: int, whole: int) -> float | None:
    """`part` of `whole` as 0 to 1; None of nothing."""
    return part / whole if whole else None
