"""A Triton as an engine process works with it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.runs import EMBEDDED
from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.deploy import Change, Profile
from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.contracts.graph import Call
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.server import ServerProfile
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.servers.deployment import Deployment
from charter_engine.triton.deploy import Deployer

if TYPE_CHECKING:
    from charter_engine.api.previewing import LayoutSubject
    from charter_engine.api.traffic import DeploymentTap
    from charter_engine.executor.target import Target
    from charter_engine.gateway.server import Gateway


class LiveTriton(Deployment):
    """As `LiveServer` says, of both paths of TensorRT-LLM in Triton."""

    called = "Triton"
    described: ServerProfile | None = None

    @property
    def address(self) -> str:
        return self.options.url or EMBEDDED

    @property
    def revisions(self) -> Deployer:
        return self.deployer

    @property
    def event_source(self) -> KvEventSource | None:
        """The log that an embedded one writes."""
        return KvEventSource(address=str(self.event_log)) if self.event_log else None

    @property
    def tokenizer_path(self) -> Path | None:
        return self.options.tokenizer

    async def probe(self) -> Profile:
        """Find out anew what it can do. Raises `CharterError`."""
        from charter_engine.servers.triton_server import TritonServer

        profile = await super().probe()
        try:
            self.described = await TritonServer(self.deployer).profile()
        except CharterError:  # no model of TensorRT-LLM's: the profile says so
            self.described = None
        return profile

    def tap(self) -> "DeploymentTap":
        from charter_engine.api.traffic import DeploymentTap

        return DeploymentTap(self)

    def target(self, agent: str, run: str) -> "Target":
        from charter_engine.executor.triton_target import TritonTarget

        return TritonTarget(
            self.client, self.profile, agent=agent, run=run, tokenizer=self.options.tokenizer
        )

    @property
    def takes_gateway(self) -> bool:
        return self.started and self.profile.charter_bls

    def gateway(
        self, request: GatewayRequest, observe: Observer
    ) -> AbstractAsyncContextManager["Gateway"]:
        from charter_engine.api.gateway import before_deployment

        return before_deployment(request, self, observe)

    def agent_opened(self, plan: Plan, calls: Sequence[Call]) -> None:
        """`charter_bls` tells what passes apart by the plan that is live."""

    def numbered_behind(self, _last: int) -> None:
        """Its journal numbers its revisions."""

    def to_measure(self, request: BenchRequest) -> tuple[BenchRequest, TritonOptions]:
        if self.is_embedded:
            raise UsageError(
                "the deployment is this engine's own embedded Triton",
                remedy="measure on servers started for the benchmark",
            )
        return request, self.options

    def to_compare(self, request: AnswersRequest) -> tuple[AnswersRequest, TritonOptions]:
        return request, self.found

    def changed_files(self, number: int) -> tuple[Change, ...]:
        from charter_engine.api.revisions import changed_files

        return changed_files(self.deployer.journal, number)

    @property
    def triton(self) -> Deployment:
        return self

    async def preview(self, subject: "LayoutSubject", _pool: KvPool | None) -> LayoutPreview:
        from charter_engine.api.previewing import preview

        return await preview(subject, self.deployer)

    async def diagnosis(
        self, _records: Sequence[TrafficRecord], _pool: KvPool | None
    ) -> DoctorReport:
        from charter_engine.api.doctor import examined

        return await examined(self.deployer)
