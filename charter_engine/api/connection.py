"""A deployment in a notebook or a script: what it can do, what is live on it, and runs on it."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from charter_engine.api import (
    deploying,
    deployments,
    drifting,
    embedded,
    recent_traffic,
    revisions,
)
from charter_engine.api.agent import Agent, AgentPlan, GivenPlan
from charter_engine.api.credentials import keep_password
from charter_engine.api.forms import synchronous, waited_for
from charter_engine.api.given import GivenInputs, PathLike, checked, text_of
from charter_engine.api.progress import Report, silent
from charter_engine.api.results import Result
from charter_engine.contracts.benching import BenchReport
from charter_engine.contracts.connection import DEFAULT_NAME, TritonOptions, is_address
from charter_engine.contracts.deploy import Diff, Profile, PushReport
from charter_engine.contracts.deploying import (
    DeploymentDrift,
    History,
    PushRequest,
    PushWatch,
    RollbackRequest,
)
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK, EmbeddedRequest
from charter_engine.contracts.explaining import MissQuery, MissResult
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Lever
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.errors import UsageError
from charter_engine.scrub import keep_secret


class ConnectedDeployment:
    """A Triton that is up. Made by `charter.connect` and `charter.embedded_triton`.

    It holds no connection between calls. Every method waits for the server, also where an event
    loop runs already, and has an asynchronous form whose name ends in `_async`. `report` hears of
    progress. All raise `CharterError`: of kind `unreachable` where the server does not answer,
    `refused` where it does not do what is asked.
    """

    def __init__(self, triton: TritonOptions) -> None:
        self._triton = triton

    def __repr__(self) -> str:
        return f"<Triton at {self.address}>"

    @property
    def address(self) -> str:
        """HOST:PORT of its gRPC endpoint."""
        return self._triton.url or ""

    async def profile_async(self) -> Result[Profile]:
        """What it can do, found by asking it."""
        return Result(await deployments.profile(self._triton))

    async def diff_async(
        self, plan: AgentPlan | PathLike, *, agent: PathLike | None = None, force: bool = False
    ) -> Result[Diff]:
        """What a push of the plan would change of what is live, and what each change costs."""
        request = _push_request(plan, agent, force=force)
        read = await asyncio.to_thread(_read_to_push, plan, request)
        return Result(await deploying.diff_read(read, request, self._triton))

    async def push_async(
        self,
        plan: AgentPlan | PathLike,
        *,
        agent: PathLike | None = None,
        base_revision: int | None = None,
        note: str = "",
        force: bool = False,
        watch: PushWatch | None = None,
        report: Report = silent,
    ) -> Result[PushReport]:
        """Make a plan live, or change nothing.

        The plan is one that was found, or a plan file; then `agent` is the agent's source (None:
        where the plan says). It is refused where another revision than `base_revision` is live,
        and, without `force`, where somebody else changed the deployment or another agent's plan is
        live. `note` is kept in the history. With `watch` it is taken back where the requests
        after it go worse than those before.
        """
        request = _push_request(
            plan, agent, base_revision=base_revision, note=note, force=force, watch=watch
        )
        read = await asyncio.to_thread(_read_to_push, plan, request)
        return Result(await deploying.push_read(read, request, self._triton, report))

    async def rollback_async(
        self,
        revision: int | None = None,
        *,
        base_revision: int | None = None,
        force: bool = False,
        report: Report = silent,
    ) -> Result[PushReport]:
        """Go back to a revision (None: the one before; 0: the deployment as it was found)."""
        request = RollbackRequest(revision=revision, base_revision=base_revision, force=force)
        return Result(await deploying.rollback(checked(request), self._triton, report))

    async def history_async(self) -> Result[History]:
        """All revisions on record, oldest first. Works while Triton is down."""
        return Result(History(revisions=await revisions.history(self._triton)))

    async def drift_async(self) -> Result[DeploymentDrift]:
        """How it differs from the revision last pushed from here: somebody else's doing."""
        return Result(await drifting.drift(self._triton))

    async def adopt_async(self, note: str = "", *, report: Report = silent) -> Result[PushReport]:
        """Put on record, as a revision, what somebody else changed."""
        return Result(await drifting.adopt(self._triton, report, note=note))

    async def put_back_async(self, *, report: Report = silent) -> Result[PushReport]:
        """Make it what was last pushed again, over what somebody else changed."""
        return Result(await drifting.put_back(self._triton, report))

    async def explain_async(
        self,
        request: str = "",
        *,
        session: str = "",
        last: int | None = None,
        since_s: float | None = None,
        agent: PathLike | None = None,
        with_text: bool = True,
    ) -> Result[MissResult]:
        """Why requests that passed through it missed what they missed: one by its number at the
        tap, those of a `session`, or the `last` so many (none of these: the last one).

        They are looked for in the last `since_s` seconds, as far as an engine kept them; None: as
        far as the tap does. `agent` is a file or folder of source whose variables are named.
        Without `with_text` no words of the prompts are told.
        """
        query = MissQuery(
            request=request, session=session, last=last, agent=text_of(agent), with_text=with_text
        )
        return Result(await recent_traffic.explain(checked(query), self._triton, since_s))

    async def uninstall_async(
        self, *, force: bool = False, report: Report = silent
    ) -> Result[PushReport]:
        """Leave it as it was found before the first push. `force` is as for a push."""
        return Result(await deploying.uninstall(self._triton, report, force=force))

    async def run_async(
        self,
        agent: Agent,
        inputs: GivenInputs | None = None,
        *,
        plan: GivenPlan = None,
        without: Iterable[Lever] = (),
        limit: int | None = None,
        concurrency: int = 4,
        report: Report = silent,
    ) -> Result[RunReport]:
        """Run an agent's calls on it under a plan (None: as written), and measure. Of the plan
        layouts and retention are applied; its server settings are live once it is pushed. For the
        parameters see `Agent.execute`."""
        return await agent.execute_async(
            inputs,
            plan=plan,
            without=without,
            limit=limit,
            concurrency=concurrency,
            triton=self._triton,
            report=report,
        )

    async def bench_async(
        self,
        agent: Agent,
        inputs: GivenInputs | None = None,
        *,
        plan: GivenPlan = None,
        without: Iterable[Lever] = (),
        iterations: int | None = None,
        passes: int | None = None,
        unseen: bool | None = None,
        max_tokens: int | None = None,
        quick: bool = False,
        report: Report = silent,
    ) -> Result[BenchReport]:
        """Measure an agent on it without reuse, as written, and under a plan (None: one is found),
        turn by turn. For the parameters see `Agent.bench`."""
        return await agent.bench_async(
            inputs,
            plan=plan,
            without=without,
            iterations=iterations,
            passes=passes,
            unseen=unseen,
            max_tokens=max_tokens,
            quick=quick,
            triton=self._triton,
            report=report,
        )

    profile = synchronous(profile_async)
    diff = synchronous(diff_async)
    push = synchronous(push_async)
    rollback = synchronous(rollback_async)
    history = synchronous(history_async)
    drift = synchronous(drift_async)
    adopt = synchronous(adopt_async)
    put_back = synchronous(put_back_async)
    explain = synchronous(explain_async)
    uninstall = synchronous(uninstall_async)
    run = synchronous(run_async)
    bench = synchronous(bench_async)


class EmbeddedDeployment(ConnectedDeployment):
    """An embedded Triton for a block: `with charter.embedded_triton() as triton`, or `async with`.
    It ends with the block, or with this process."""

    def __init__(self, request: EmbeddedRequest, report: Report = silent) -> None:
        super().__init__(TritonOptions())
        self._request = request
        self._report = report
        self._server: EmbeddedTriton | None = None

    async def __aenter__(self) -> Self:
        self._server = await embedded.start(self._request, self._report)
        self._triton = TritonOptions(url=self._server.state.grpc_url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            await self._server.stop()

    def __enter__(self) -> Self:
        return waited_for(self.__aenter__())

    def __exit__(self, *_: object) -> None:
        waited_for(self.__aexit__())


def connect(
    address: str | None = None,
    *,
    name: str = DEFAULT_NAME,
    metrics_url: str | None = None,
    repository: PathLike | None = None,
    tokenizer: PathLike | None = None,
    headers: Mapping[str, str] | None = None,
    tls: bool = False,
    root_certificates: PathLike | None = None,
    client_certificate: PathLike | None = None,
    client_key: PathLike | None = None,
) -> ConnectedDeployment:
    """A Triton by its gRPC address HOST:PORT; without one, the embedded Triton of that `name` that
    is up (`charter-engine triton up`).

    `metrics_url` is its metrics page (None: port 8002 of the same host), `repository` its model
    repository where it is on this machine, `tokenizer` its model's. `headers` are sent with every
    call; their values are masked in whatever Charter says. With `tls` the certificates are files of
    PEM. Nothing is asked of the server yet. Raises `UsageError` for what is no address, and
    `CharterError` where no embedded one is up.
    """
    if address is not None and not is_address(address):
        raise UsageError(f"{address}: not of the form HOST:PORT", remedy="its gRPC port, 8001")
    if (client_certificate is None) != (client_key is None):
        raise UsageError("client_certificate and client_key go together")
    for value in (headers or {}).values():
        keep_secret(value)
    keep_password(metrics_url)
    options = TritonOptions(
        url=address,
        metrics_url=metrics_url,
        repository=_path(repository),
        headers=tuple((headers or {}).items()),
        tokenizer=_path(tokenizer),
        tls=tls,
        root_certificates=_path(root_certificates),
        name=name,
        client_certificate=_path(client_certificate),
        client_key=_path(client_key),
    )
    return ConnectedDeployment(deployments.located(options))


def embedded_triton(
    *,
    tokens_per_block: int = DEFAULT_TOKENS_PER_BLOCK,
    parameters: Mapping[str, str] | None = None,
    repository: PathLike | None = None,
    report: Report = silent,
) -> EmbeddedDeployment:
    """A Triton on this machine for a block of code, without a GPU. Its weights are random, so its
    text means nothing; its computing, memory and reuse are real.

    `parameters` are those of the model `tensorrt_llm`. `repository` is served where it holds
    models, and written where it is empty (None: one that goes with the server). It answers only to
    who has its key, as every function here has. Entering the block raises `CharterError` where it
    does not start.
    """
    request = EmbeddedRequest(
        repository=text_of(repository) or None,
        tokens_per_block=tokens_per_block,
        parameters=dict(parameters or {}),
        private=True,
    )
    return EmbeddedDeployment(checked(request), report)


def _push_request(
    plan: AgentPlan | PathLike,
    agent: PathLike | None,
    *,
    base_revision: int | None = None,
    note: str = "",
    force: bool = False,
    watch: PushWatch | None = None,
) -> PushRequest:
    request = PushRequest(
        plan="" if isinstance(plan, AgentPlan) else str(plan),
        agent=text_of(agent) or None,
        base_revision=base_revision,
        note=note,
        force=force,
        watch=watch,
    )
    return checked(request)


def _read_to_push(plan: AgentPlan | PathLike, request: PushRequest) -> deploying.ToPush:
    return plan.to_push() if isinstance(plan, AgentPlan) else deploying.read_to_push(request)


def _path(given: PathLike | None) -> Path | None:
    return None if given is None else Path(given)
