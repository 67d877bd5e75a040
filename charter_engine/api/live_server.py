"""The server that an engine process works with, whichever of the five kinds it is."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.deploy import Change, Profile, PushReport, Revision
from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.contracts.graph import Call
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.live import KvPool, NodeStats, TritonSample
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.server import ProfileRequest, ServerProfile
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord

if TYPE_CHECKING:
    from charter_engine.api.previewing import LayoutSubject
    from charter_engine.api.recent_texts import PromptReader
    from charter_engine.bls.reuse_times import ReuseTimeRules
    from charter_engine.executor.target import Target
    from charter_engine.gateway.server import Gateway
    from charter_engine.servers.canary import CanaryTarget
    from charter_engine.servers.deployment import Deployment
    from charter_engine.triton.deploy import Deployer


class TrafficTap(Protocol):
    """What tells of the requests that passed."""

    @property
    def is_new(self) -> bool:
        """Whether the next drain gives all that is still known."""

    @property
    def profile(self) -> Profile:
        """What is known of the deployment."""

    @property
    def reader(self) -> "PromptReader | None":
        """What still has the words of prompts, once it was drained."""

    @property
    def trouble(self) -> str:
        """Why less is told of prompts than could be; empty where nothing is amiss."""

    @property
    def sent_by_others(self) -> int | None:
        """How many requests others had answered when that was last counted; None where nobody
        counts, so that only a drain tells."""

    def begin_anew(self) -> None:
        """Tell again what is still known."""

    async def drain(self) -> TrafficBatch | None:
        """What passed since the last time; None where nothing tells. Raises `CharterError`."""

    def on_page(self, revision: int, /) -> tuple[NodeStats, ...]:
        """The totals of each node under a revision where no single request is told."""


class Revisions(Protocol):
    """What plans are made live with, and taken back. What changes something raises
    `CharterError`."""

    @property
    def is_busy(self) -> bool: ...

    async def live(self) -> Revision | None: ...

    def recorded(self) -> Revision | None: ...

    def history(self) -> Sequence[Revision]: ...

    def interruption(self) -> str: ...

    async def foreign_changes(self) -> tuple[Change, ...]: ...

    async def push(
        self,
        plan: Plan,
        calls: Sequence[Call],
        *,
        reuse_times: "ReuseTimeRules | None" = None,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
    ) -> PushReport: ...

    async def rollback(
        self, number: int | None = None, *, base_revision: int | None = None
    ) -> PushReport: ...

    async def set_share(
        self, share: float, *, base_revision: int | None = None, note: str = ""
    ) -> PushReport: ...

    async def put_back(self) -> PushReport: ...

    async def adopt(self, note: str = "", /) -> PushReport: ...

    async def uninstall(self, *, force: bool = False) -> PushReport: ...


class OpenServer(Protocol):
    """One of the servers that an engine has open."""

    @property
    def named(self) -> str:
        """What it is called among several."""

    @property
    def started(self) -> bool: ...

    @property
    def deployer(self) -> "Deployer":
        """What pushes to a Triton. Raises `CharterError` where there is none."""

    async def canary_target(self) -> "CanaryTarget":
        """What the corruption canary asks. Raises `CharterError`."""


class LiveServer(OpenServer, Protocol):
    """A server that is started or attached to, sampled once a second, asked, and given back.

    What differs between kinds stands here, and nowhere else is asked which kind it is.
    """

    profile: Profile
    described: ServerProfile | None

    @property
    def address(self) -> str:
        """Under what its runs and traffic are kept."""

    @property
    def called(self) -> str:
        """What kind of server it is, in a word."""

    @property
    def is_embedded(self) -> bool: ...

    @property
    def notice(self) -> str:
        """What an operator must know of what it answers; empty where there is nothing."""

    @property
    def items_at_once(self) -> int:
        """How many items of a run are sent side by side."""

    @property
    def event_source(self) -> KvEventSource | None:
        """Where its KV cache events can be followed without being told more; None as long as that
        is not known, and where they cannot."""

    @property
    def serving_process(self) -> int | None: ...

    @property
    def revisions(self) -> Revisions: ...

    @property
    def tokenizer_path(self) -> Path | None:
        """Its model's tokenizer, where that is on this machine."""

    async def start(self) -> None: ...

    async def probe(self) -> Profile: ...

    async def sample(self) -> TritonSample: ...

    def ask_again(self) -> None: ...

    async def close(self) -> None: ...

    def tap(self) -> TrafficTap:
        """A reader of what passes."""

    def target(self, agent: str, run: str) -> "Target":
        """What the prompts of a run are sent to. Raises `CharterError`."""

    @property
    def takes_gateway(self) -> bool:
        """Whether a gateway can be opened in front of it by now."""

    def gateway(
        self, request: GatewayRequest, observe: Observer
    ) -> AbstractAsyncContextManager["Gateway"]:
        """A gateway in front of it. Raises `CharterError`."""

    def agent_opened(self, plan: Plan, calls: Sequence[Call]) -> None:
        """An agent is open, with its plan as written: what passes is told apart by its calls."""

    def numbered_behind(self, last: int, /) -> None:
        """The revisions of earlier engines end with this number."""

    def to_measure(self, request: BenchRequest) -> tuple[BenchRequest, TritonOptions]:
        """A benchmark on it. Raises `CharterError`."""

    def to_compare(self, request: AnswersRequest) -> tuple[AnswersRequest, TritonOptions]:
        """A comparison of answers on it. Raises `CharterError`."""

    def changed_files(self, number: int, /) -> tuple[Change, ...]:
        """What a revision changed of the files that it serves."""

    @property
    def triton(self) -> "Deployment":
        """Itself as one of several Tritons. Raises `CharterError` where it is none."""

    async def preview(self, subject: "LayoutSubject", pool: KvPool | None, /) -> LayoutPreview:
        """What a plan's layouts would do to what passes. Raises `CharterError`."""

    async def diagnosis(
        self, records: Sequence[TrafficRecord], pool: KvPool | None, /
    ) -> DoctorReport:
        """What is wrong with it; `records` are what passed. Raises `CharterError`."""


def live_server(
    triton: TritonOptions,
    server: ProfileRequest | None,
    on_step: Callable[[str], None],
    *,
    has_gateway: bool,
    keeps_text: bool,
    watched_only: bool,
) -> LiveServer:
    """The server that is named by HTTP, else the Triton of the options. Raises `UsageError`."""
    if server is not None:
        from charter_engine.api.live_http import LiveHttpServer

        return LiveHttpServer(
            server, has_gateway=has_gateway, tokenizer=triton.tokenizer, keeps_text=keeps_text
        )
    from charter_engine.api.live_triton import LiveTriton

    return LiveTriton(
        triton,
        on_step,
        watched_only=watched_only,
        decoupled=has_gateway,
        keeps_text=keeps_text,
    )
