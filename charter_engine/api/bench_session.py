"""One benchmark from its options to its report."""

import argparse
import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.bench_servers import embedded_servers, given_triton
from charter_engine.bls.prompt import Tokenizer
from charter_engine.commands.options import levers_of
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Plan
from charter_engine.embedded.engine.spec import EngineSpec
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.errors import UsageError
from charter_engine.executor.bench import work
from charter_engine.executor.bench.gains import batch_gains, lever_shares
from charter_engine.executor.bench.measure import (
    MeasuredServer,
    ServerLost,
    measure,
    measure_batches,
    warm_up,
)
from charter_engine.executor.bench.novel_inputs import HOW_IN_WORDS
from charter_engine.executor.bench.records import Batch, BenchReport
from charter_engine.executor.bench.summary import summarise
from charter_engine.executor.bench.variants import BASELINE, PLAN, Variant, variants_of
from charter_engine.executor.inputs import Inputs
from charter_engine.executor.target import TargetError
from charter_engine.executor.work import items_of
from charter_engine.plan.derive import CurrentServer
from charter_engine.plan.levers import left_alone, reduced
from charter_engine.plan.propose import propose
from charter_engine.plan.search import Levers
from charter_engine.prompts.assembly import MissingInput

if TYPE_CHECKING:
    from charter_engine.contracts.connection import TritonOptions

MOST_BATCH_ROUNDS = 3
BATCH_SEED = 1_000_000
"""Far from the iterations' own seeds, so that no batch repeats their inputs."""
EMBEDDED_NOTICE = "the embedded engine's weights are random: its text means nothing; its computing, memory and reuse are real"


@dataclass
class Benchmark:
    """What will be measured, on what, and for how long."""

    agent: str
    compiled: CompiledFile
    inputs: tuple[Inputs, ...]
    options: "TritonOptions"
    progress: Callable[[str], None]
    count: int
    unseen: bool
    is_batch: bool
    max_tokens: int | None
    levers: Levers
    plan: Plan | None
    tokens_per_block: int
    pool_tokens: int | None
    notes: list[str] = field(default_factory=list)
    lost: str = ""

    @classmethod
    def opened(
        cls, args: argparse.Namespace, options: "TritonOptions", progress: Callable[[str], None]
    ) -> "Benchmark":
        """Read all that is needed before a server starts. Raises `CharterError`."""
        from charter_engine.api.agents import open_agent
        from charter_engine.commands.run import agent_inputs, agent_plan

        agent = open_agent(args.agent.absolute(), args.inputs)
        inputs = tuple(agent_inputs(agent))
        max_tokens = args.max_tokens or (work.QUICK_MAX_TOKENS if args.quick else None)
        compiled = work.capped(agent.compiled, max_tokens)
        is_batch = work.is_batch(compiled, inputs)
        chain = args.iterations or (
            work.QUICK_CHAIN_ITERATIONS if args.quick else work.CHAIN_ITERATIONS
        )
        passes = args.passes or (work.QUICK_PASSES if args.quick else work.PASSES)
        session = cls(
            agent=str(args.agent),
            compiled=compiled,
            inputs=inputs,
            options=options,
            progress=progress,
            count=passes if is_batch else chain,
            unseen=not is_batch if args.unseen is None else args.unseen,
            is_batch=is_batch,
            max_tokens=max_tokens,
            levers=levers_of(args),
            plan=agent_plan(args.plan, agent) if args.plan is not None else None,
            tokens_per_block=args.tokens_per_block,
            pool_tokens=args.pool_tokens,
        )
        session.check()
        return session

    def check(self) -> None:
        """Whether the inputs fill the prompts. Raises `CharterError`."""
        try:
            items_of(self.compiled.calls, self.inputs, self.plan or Plan(agent=self.agent))
        except MissingInput as missing:
            raise UsageError(
                str(missing),
                remedy=missing.remedy,
            ) from None
        except ValueError as error:
            raise UsageError(
                str(error),
            ) from None

    async def run(self) -> BenchReport:
        """Measure; interrupted, or when a server is lost, report what there is. Raises
        `TritonError`."""
        report = None
        try:
            async with self._servers() as (plan, servers):
                report = await self._measured(plan, servers)
        except asyncio.CancelledError:
            if report is None:
                raise
            _go_on()  # what was measured outlives an interrupt while its servers stop
        return report

    async def _measured(self, plan: Plan, servers: Sequence[MeasuredServer]) -> BenchReport:
        variants = tuple(server.variant for server in servers)
        iterations = work.iterations_of(self.inputs, self.count, unseen=self.unseen)
        complete, batch = True, None
        try:
            await warm_up(servers)
            await measure(servers, self.compiled, iterations, self.progress)
            batch = await self._batch(servers) if self.is_batch else None
        except (ServerLost, TargetError) as lost:
            complete, self.lost = False, str(lost)
        except asyncio.CancelledError:
            complete = False
            _go_on()
        return self._report(plan, variants, servers, batch, complete)

    @contextlib.asynccontextmanager
    async def _servers(self) -> AsyncIterator[tuple[Plan, list[MeasuredServer]]]:
        if self.options.url is not None:
            async with given_triton(self.options) as given:
                gauges = given.gauges
                place = CurrentServer(
                    tokens_per_block=given.profile.tokens_per_block or self.tokens_per_block,
                    pool_tokens=gauges.max_blocks * gauges.tokens_per_block
                    if gauges
                    else CurrentServer().pool_tokens,
                )
                plan = await self._chosen_plan(place, given.tokenizer or tokenizer_path())
                self.notes += given.notes()
                yield (
                    plan,
                    given.servers(
                        variants_of(reduced(plan, ("block_size", "host_tier"))), self.agent
                    ),
                )
            return
        spec = EngineSpec()
        per_token = spec.pretrained_config.kv_bytes_per_token(4)
        pool = self.pool_tokens or spec.reference_engine.max_kv_cache_bytes // per_token
        place = CurrentServer(
            tokens_per_block=self.tokens_per_block, pool_tokens=pool, bytes_per_token=per_token
        )
        plan = await self._chosen_plan(place, tokenizer_path())
        self.notes.append(EMBEDDED_NOTICE)
        with tempfile.TemporaryDirectory(prefix="charter-bench-") as directory:
            async with embedded_servers(
                variants_of(plan),
                Path(directory),
                agent=self.agent,
                tokens_per_block=self.tokens_per_block,
                pool_tokens=self.pool_tokens,
                progress=self.progress,
            ) as servers:
                yield plan, servers

    async def _chosen_plan(self, place: CurrentServer, tokenizer: Path) -> Plan:
        plan = self.plan
        if plan is None:
            self.progress("deriving a plan")
            derived = await asyncio.to_thread(
                propose,
                self.compiled,
                self.inputs,
                Tokenizer(tokenizer).encode,
                place,
                levers=self.levers,
                workload=f"{len(self.inputs)} inputs of the agent",
            )
            plan = derived.plan
        return reduced(plan, left_alone(self.levers))

    async def _batch(self, servers: Sequence[MeasuredServer]) -> Batch:
        """The throughput of the items of a pass, of inputs not seen before: what they share is the
        constant text."""
        chosen = [server for server in servers if server.variant.name in (BASELINE, PLAN)]
        rounds = min(MOST_BATCH_ROUNDS, self.count)
        passes = work.iterations_of(
            self.inputs, rounds * 2 * len(chosen), unseen=True, seed=BATCH_SEED
        )
        return batch_gains(await measure_batches(chosen, self.compiled, passes, self.progress))

    def _report(
        self,
        plan: Plan,
        variants: tuple[Variant, ...],
        servers: Sequence[MeasuredServer],
        batch: Batch | None,
        complete: bool,
    ) -> BenchReport:
        reports = tuple(summarise(server.observed()) for server in servers)
        return BenchReport(
            agent=self.agent,
            target=self.options.url or "embedded Triton, a server for each variant",
            iterations=self.count,
            items_per_iteration=len(
                items_of(self.compiled.calls, self.inputs[:1], Plan(agent=self.agent))
            ),
            inputs=self._inputs_in_words(),
            variants=reports,
            levers=lever_shares(plan, variants, {one.name: one for one in reports}),
            batch=batch,
            plan=plan,
            notes=tuple(self.notes),
            complete=complete,
            lost=self.lost,
        )

    def _inputs_in_words(self) -> str:
        words = f"{len(self.inputs)} sets as given, in turn"
        if self.unseen:
            words = f"{len(self.inputs)} sets in turn, never seen before: {HOW_IN_WORDS}"
        return (
            words
            if self.max_tokens is None
            else f"{words}; at most {self.max_tokens} tokens generated a call"
        )


def _go_on() -> None:
    """Take the cancellation of this task as dealt with."""
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()
