"""Runs a program of the user's own: it sends its requests to a gateway, and they are attributed to
the calls of its source."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal

from charter_engine.client import BASE_URL
from charter_engine.contracts.gateway import (
    GatewayExchange,
    GatewayRecord,
    GatewayRequest,
    Observer,
)
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.executor.run import OnChange, OnRequest
from charter_engine.executor.run_costs import cost_of_run
from charter_engine.executor.totals import NodeTotals
from charter_engine.gateway.attributing import Attributing
from charter_engine.gateway.message_layout import MessageLayout
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.opening import dialects, model_gateway, openai_gateway
from charter_engine.gateway.reached import OpenTriton
from charter_engine.gateway.server import Gateway
from charter_engine.gateway.triton_backend import TritonBackend
from charter_engine.traffic.attribution import Attribution
from charter_engine.triton.client import TritonClient

PROGRAM = "program"
"""What such a run is called among the variants of a run."""
ANY_FREE_PORT = "127.0.0.1:0"
KEY_VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")
NO_KEY = "none-needed"
"""Clients refuse to start without a key; this gateway asks for none."""
OWN_SECONDS = 2.0
"""Ctrl-C reaches the program, too: this long it may take to end by itself."""
END_SECONDS = 5.0
"""Assumed: a program that was told to end has written what it wants to by then."""
OpensGateway = Callable[[Observer], AbstractAsyncContextManager[Gateway]]
"""Opens a gateway that tells an observer of its requests."""


@dataclass
class ProgramRun:
    """One execution of a program, served under `plan` at the deployment's `revision`. `totals` and
    the callbacks see every request as it ends."""

    run: str
    agent: str
    command: Sequence[str]
    attribution: Attribution
    plan: Plan
    totals: NodeTotals
    revision: int = 0
    output: Literal["stdout", "stderr"] = "stdout"
    on_change: OnChange = lambda: None
    on_request: OnRequest = lambda _: None
    records: list[RequestRecord] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._routes = dialects().keys()
        self._clock_start = time.monotonic()
        self._started_at = time.time()

    async def execute(self, opened: OpensGateway) -> RunReport:
        """Run the program until it ends, with a gateway that is open meanwhile. Cancelling ends
        both. Raises `UsageError` where the program cannot be started."""
        async with opened(Attributing(self.attribution, self._observe)) as gateway:
            status = await self._run(gateway.address)
        if status:
            self.errors.append(f"{self.command[0]} {ended(status)}")
        return self.report("failed" if status else "done")

    def report(self, state: str) -> RunReport:
        """What was measured so far."""
        elapsed_ms = (time.monotonic() - self._clock_start) * 1000
        return RunReport(
            run=self.run,
            agent=self.agent,
            variant=PROGRAM,
            state=state,
            items=1,
            elapsed_ms=elapsed_ms,
            nodes=self.totals.stats(),
            requests=tuple(self.records),
            errors=tuple(self.errors),
            cost=cost_of_run(self.records, 1, elapsed_ms),
            started_at=self._started_at,
            plan=self.plan,
            revision=self.revision,
            identity=self.plan.identity,
        )

    async def _run(self, address: str) -> int:
        """The program's exit status, as a process's return code tells it."""
        self._clock_start = time.monotonic()
        output = sys.stderr if self.output == "stderr" else None
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdout=output, env=environment(os.environ, address)
            )
        except OSError as error:
            raise UsageError(
                f"{self.command[0]} cannot be started: {error.strerror or error}"
            ) from None
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise

    def _observe(self, exchange: GatewayExchange) -> None:
        if exchange.record.route in self._routes:
            record = request_of(exchange.record, self.run)
            self.records.append(record)
            if record.error is not None:
                self.errors.append(record.error)
            self.totals.passed(record)
            self.on_request(record)
            self.on_change()


def gateway_to_triton(run: ProgramRun, client: TritonClient, model: ServedModel) -> OpensGateway:
    """Opens a gateway to `charter_bls`, on a free port, whose requests carry the run's name."""
    triton = OpenTriton(lambda: client, model)
    backend = TritonBackend(triton, run=run.run, agent=run.agent)
    request = GatewayRequest(listen=ANY_FREE_PORT, any_model=True)
    return lambda observe: model_gateway(request, backend, lambda: model, observe)


def gateway_to_openai(url: str, key: str, layout: MessageLayout | None = None) -> OpensGateway:
    """Opens a gateway to a server of OpenAI's shape, on a free port; with a `layout` prompts are
    laid out before."""
    request = GatewayRequest(listen=ANY_FREE_PORT, openai=(url,), openai_key=key)
    return lambda observe: openai_gateway(request, observe, layout)


def require_program(command: Sequence[str]) -> None:
    """Raises `UsageError` for a program that cannot be found."""
    if shutil.which(command[0]) is None:
        raise UsageError(
            f"there is no program {command[0]!r}",
            remedy="write it behind -- as a shell would be told: charter-engine run AGENT -- "
            "python my_agent.py",
        )


def environment(given: Mapping[str, str], address: str) -> dict[str, str]:
    """What a program is started with so that its clients speak to the gateway at an address.

    Sources: the packages `openai` and `anthropic`, which read these variables.
    """
    return {
        **dict.fromkeys(KEY_VARIABLES, NO_KEY),
        **given,
        "OPENAI_BASE_URL": f"http://{address}/v1",
        "OPENAI_API_BASE": f"http://{address}/v1",
        "ANTHROPIC_BASE_URL": f"http://{address}",
        BASE_URL: f"http://{address}",
    }


def request_of(record: GatewayRecord, run: str) -> RequestRecord:
    """What passed through the gateway as a request of a run."""
    cancelled = "the program gave it up" if record.finish == "cancelled" else ""
    return RequestRecord(
        run=run,
        node=record.node,
        item=0,
        started_at=record.at,
        prompt_tokens=record.prompt_tokens,
        output_tokens=record.output_tokens,
        reused_tokens=record.reused_tokens,
        reused_blocks=record.reused_blocks,
        missed_blocks=record.missed_blocks,
        alloc_new_blocks=record.alloc_new_blocks,
        alloc_total_blocks=record.alloc_total_blocks,
        ttft_ms=record.ttft_ms if record.engine_ttft_ms is None else record.engine_ttft_ms,
        latency_ms=record.total_ms,
        queue_ms=record.queue_ms,
        error=record.error or cancelled or None,
        source="program",
        request_id=record.request_id,
    )


def ended(status: int) -> str:
    """How a program ended that did not end well."""
    return f"was ended by signal {-status}" if status < 0 else f"ended with exit code {status}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have a program end: by itself, then at our request, then whether it will or not."""
    for seconds, end in ((OWN_SECONDS, process.terminate), (END_SECONDS, process.kill)):
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
                return
        except TimeoutError:
            end()
    await process.wait()
