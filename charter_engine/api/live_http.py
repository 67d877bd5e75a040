"""A vLLM, SGLang or trtllm-serve as an engine process works with it.

Nothing is pushed to it. What passes is told by the engine's own gateway in front of it, and layouts
apply there.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace

from charter_engine.api.engine_revisions import EngineRevisions
from charter_engine.bls.tokenizer import TOKENIZER_FILE
from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Change, Profile, Revision
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest, Observer
from charter_engine.contracts.graph import Call
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.live import KvPool, NodeStats
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.server import ProfileRequest
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.executor.server_target import ServerTarget
from charter_engine.gateway.message_layout import SwitchedLayout
from charter_engine.gateway.model import ServedModel, read_model
from charter_engine.gateway.traffic_memory import PassedTokens, TrafficMemory
from charter_engine.servers.http_deployment import HttpDeployment
from charter_engine.servers.session_releases import ServerReleases

if TYPE_CHECKING:
    from charter_engine.api.previewing import LayoutSubject
    from charter_engine.executor.target import Target
    from charter_engine.gateway.server import Gateway
    from charter_engine.servers.deployment import Deployment
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.request import Generated, GenerateRequest


log = logging.getLogger(__name__)
Asked = TypeVar("Asked", bound=BenchRequest)


class GatewayTap:
    """As `TrafficTap` says, of what an engine remembers itself."""

    is_new = False
    sent_by_others = None

    def __init__(
        self, memory: TrafficMemory, deployment: HttpDeployment, releases: ServerReleases
    ) -> None:
        self.reader = memory
        self._deployment = deployment
        self._releases = releases

    @property
    def profile(self) -> Profile:
        return self._deployment.profile

    @property
    def trouble(self) -> str:
        """By which option cached tokens are told that are not, or why tokens are not known, or
        sessions not released."""
        if not (self.reader.is_silent and self._deployment.started):
            return self.reader.trouble or self._releases.trouble
        option = self._deployment.server.cached_option
        told = f"{self._deployment.called} does not tell how much of a request it reused"
        return f"{told}: start it with {option}" if option else told

    def begin_anew(self) -> None:
        """What was told once is kept by whoever was told."""

    async def drain(self) -> TrafficBatch | None:
        return await asyncio.to_thread(self.reader.told)

    def on_page(self, _revision: int) -> tuple[NodeStats, ...]:
        """No page of these servers tells of nodes."""
        return ()


class LiveHttpServer(HttpDeployment):
    """As `LiveServer` says. `tokenizer` is its model's; None: where the server says, if that is on
    this machine. With `keeps_text` False no prompts are remembered."""

    def __init__(
        self,
        request: ProfileRequest,
        *,
        has_gateway: bool = False,
        tokenizer: Path | None = None,
        keeps_text: bool = True,
    ) -> None:
        """Raises `UsageError` for what is no address, and a tokenizer that is not there."""
        super().__init__(request, has_gateway=has_gateway)
        if tokenizer is not None and not tokenizer.exists():
            raise UsageError(
                f"--tokenizer {tokenizer}: there is no such file or directory",
                remedy="name a tokenizer.json, or a folder that holds one",
            )
        self._given = tokenizer
        self._memory = TrafficMemory(keeps_prompts=keeps_text)
        self._layout = SwitchedLayout()
        self._releases = ServerReleases(lambda: self.server)
        self._memory.on_told = self._told
        self.revisions = EngineRevisions(
            self._layout, self.address, lambda: self.profile, self._went_live
        )

    @property
    def deployer(self) -> "Deployer":
        """Raises `CharterError`: there is none."""
        self._refuse(f"nothing is pushed to {self.called}")

    @property
    def tokenizer_path(self) -> Path | None:
        named = self.described.tokenizer if self.described is not None else ""
        found = self._given or (Path(named) if named else None)
        if found is None:
            return None
        return found if found.is_file() or (found / TOKENIZER_FILE).is_file() else None

    async def probe(self) -> Profile:
        """Find out anew what it is and can do. Raises `CharterError`."""
        profile = await super().probe()
        self._memory.named = self.described.model if self.described is not None else ""
        try:
            self._memory.model = await asyncio.to_thread(read_model, self.tokenizer_path, None)
        except UsageError as error:
            self._memory.model = ServedModel()
            log.warning("no tokenizer: %s", error)
        return profile

    def tap(self) -> GatewayTap:
        return GatewayTap(self._memory, self, self._releases)

    def target(self, agent: str, run: str) -> "Target":
        tokenizer = self._memory.model.tokenizer
        if tokenizer is None:
            raise UsageError(
                f"{self.address}: its model's tokenizer is not on this machine, and prompts are "
                "sent as token ids",
                remedy="give --tokenizer FILE",
            )

        def on_sent(request: "GenerateRequest", ids: tuple[int, ...], found: "Generated") -> None:
            self._memory.sent(_sent_by_run(request, ids, found, agent, run))

        return ServerTarget(
            self.server,
            tokenizer,
            tokens_per_block=self.profile.tokens_per_block,
            on_sent=on_sent,
        )

    @property
    def takes_gateway(self) -> bool:
        return True

    def gateway(
        self, request: GatewayRequest, observe: Observer
    ) -> AbstractAsyncContextManager["Gateway"]:
        return self._before_it(request, observe)

    def agent_opened(self, plan: Plan, calls: Sequence[Call]) -> None:
        self.revisions.agent_opened(plan, calls)

    def numbered_behind(self, last: int) -> None:
        self.revisions.numbered_behind(last)

    def to_measure(self, request: BenchRequest) -> tuple[BenchRequest, TritonOptions]:
        return self._asked_of_it(request), TritonOptions()

    def to_compare(self, request: AnswersRequest) -> tuple[AnswersRequest, TritonOptions]:
        return self._asked_of_it(request), TritonOptions()

    def changed_files(self, _number: int) -> tuple[Change, ...]:
        """Nothing of it is in files."""
        return ()

    @property
    def triton(self) -> "Deployment":
        """Raises `CharterError`: it is none."""
        self._refuse(f"{self.address} is no Triton")

    async def preview(self, subject: "LayoutSubject", pool: KvPool | None) -> LayoutPreview:
        from charter_engine.api.previewing import preview_passed

        return await preview_passed(subject, self._memory, pool, self.profile)

    async def diagnosis(
        self, records: Sequence[TrafficRecord], pool: KvPool | None
    ) -> DoctorReport:
        from charter_engine.api.doctor import examined_by_http

        described = self.described or await self.server.profile()
        return await examined_by_http(described, self.profile, records, pool)

    def _asked_of_it(self, request: Asked) -> Asked:
        path = self.tokenizer_path
        return replace(request, server=self.request, tokenizer=str(path or request.tokenizer))

    @asynccontextmanager
    async def _before_it(
        self, request: GatewayRequest, observe: Observer
    ) -> AsyncIterator["Gateway"]:
        from charter_engine.gateway.opening import openai_gateway

        def both(exchange: "GatewayExchange") -> None:
            self._memory.exchanged(exchange)
            observe(exchange)

        asked = msgspec.structs.replace(
            request,
            openai=(self.address,),
            openai_key=self.request.key,
            root_certificates=self.request.root_certificates,
        )
        async with openai_gateway(asked, both, self._layout) as gateway:
            yield gateway

    async def close(self) -> None:
        """Leave it as it is, once what is to be released was."""
        await self._releases.close()
        await super().close()

    async def _went_live(self, revision: Revision) -> None:
        self._memory.revision = revision.number
        await self._releases.follow(revision.plan.release)

    def _told(self, passed: PassedTokens) -> None:
        """A request of a program passed, whose session may have left something behind."""
        if passed.record.source == "gateway" and len(passed.prompt):
            tokens = np.concatenate((passed.prompt, passed.answer))
            self._releases.answered(passed.record.session, tokens, ends=passed.ends_session)

    def _refuse(self, why: str) -> NoReturn:
        raise CharterError(why, kind="refused")


def _sent_by_run(
    request: "GenerateRequest", ids: tuple[int, ...], found: "Generated", agent: str, run: str
) -> PassedTokens:
    """A request of a run, as a tap would tell it: one that has just been answered."""
    return PassedTokens(
        TrafficRecord(
            at=time.time() - found.latency_ms / 1000,
            source="run",
            agent=agent,
            run=run,
            request_id=request.request_id,
            session=run,
            node=request.node or "",
            prompt_tokens=found.prompt_tokens or len(ids),
            output_tokens=found.output_tokens,
            reused_tokens=found.reused_tokens,
            reused_blocks=found.reused_blocks,
            missed_blocks=found.missed_blocks,
            ttft_ms=found.ttft_ms,
            total_ms=found.latency_ms,
        ),
        np.array(ids, np.int32),
        np.array(found.output_ids, np.int32),
    )
