"""Benchmarks: what a plan is worth, measured beside a baseline."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from charter_engine.api.agents import OpenedAgent, open_agent
from charter_engine.api.bench_servers import (
    ITEM_BYTES,
    embedded_servers,
    given_triton,
    notes_on_server,
    servers_on,
)
from charter_engine.api.pools import eviction_of, host_bytes_of
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.running import agent_inputs, agent_plan, go_on
from charter_engine.api.token_servers import NOT_BY_REQUEST, token_server
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.api.waves import predicted_order
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.benching import Batch, BenchReport, BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Lever, Plan
from charter_engine.contracts.server import KIND_IN_WORDS, ProfileRequest
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import EngineSpec, read_spec
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.errors import UsageError
from charter_engine.executor.bench import work
from charter_engine.executor.bench.gains import batch_gains, differences_of, lever_shares
from charter_engine.executor.bench.measure import (
    MeasuredServer,
    ServerLost,
    measure,
    measure_batches,
    warm_up,
)
from charter_engine.executor.bench.novel_inputs import HOW_IN_WORDS
from charter_engine.executor.bench.summary import summarise
from charter_engine.executor.bench.variants import BASELINE, PLAN, Variant, variants_of
from charter_engine.executor.inputs import Inputs
from charter_engine.executor.target import TargetError
from charter_engine.executor.work import items_of
from charter_engine.plan.levers import levers_but, reduced
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.propose import propose
from charter_engine.prompts.assembly import MissingInput

MOST_BATCH_ROUNDS = 3
"""Assumed: each is a pass of every variant, and a throughput is a mean of many requests already."""
BATCH_SEED = 1_000_000
"""Far from the iterations' own seeds, so that no batch repeats their inputs."""
EMBEDDED_NOTICE = (
    "the embedded engine's weights are random: its text means nothing; "
    "its computing, memory and reuse are real"
)


async def bench(
    request: BenchRequest,
    triton: TritonOptions,
    report: Report = silent,
    *,
    use_cache: bool = True,
) -> BenchReport:
    """Measure on servers started for it, or on the given Triton. Cancelled, or when a server is
    lost, it reports what there is. `use_cache` False reads and writes no cache of compilations.
    Raises `CharterError`."""
    benchmark = await asyncio.to_thread(
        opened_benchmark, request, triton, report, use_cache=use_cache
    )
    return await benchmark.run()


def opened_benchmark(
    request: BenchRequest,
    triton: TritonOptions,
    report: Report = silent,
    *,
    use_cache: bool = True,
) -> "Benchmark":
    """All that is needed before a server starts. Blocks. Raises `UsageError`."""
    inputs_path = Path(request.inputs) if request.inputs else None
    agent = open_agent(Path(request.agent).absolute(), inputs_path, use_cache=use_cache)
    inputs = tuple(agent_inputs(agent))
    plan = agent_plan(request.plan, agent) if request.plan is not None else None
    return benchmark_of(request, agent, inputs, plan, triton, report)


def benchmark_of(
    request: BenchRequest,
    agent: OpenedAgent,
    inputs: tuple[Inputs, ...],
    plan: Plan | None,
    triton: TritonOptions,
    report: Report = silent,
) -> "Benchmark":
    """As `opened_benchmark`, of what the request names and was read already. Without a plan one is
    derived. Raises `UsageError`."""
    max_tokens = request.max_tokens or (work.QUICK_MAX_TOKENS if request.quick else None)
    compiled = work.capped(agent.compiled, max_tokens)
    is_batch = work.is_batch(compiled, inputs)
    benchmark = Benchmark(
        request=request,
        triton=triton,
        progress=report,
        compiled=compiled,
        inputs=inputs,
        count=_count(request, is_batch),
        unseen=not is_batch if request.unseen is None else request.unseen,
        is_batch=is_batch,
        max_tokens=max_tokens,
        plan=plan,
    )
    benchmark.check()
    return benchmark


def _count(request: BenchRequest, is_batch: bool) -> int:
    """How many iterations, or passes of a loop."""
    if is_batch:
        return request.passes or (work.QUICK_PASSES if request.quick else work.PASSES)
    return request.iterations or (
        work.QUICK_CHAIN_ITERATIONS if request.quick else work.CHAIN_ITERATIONS
    )


@dataclass
class Benchmark:
    """What will be measured, on what, and for how long."""

    request: BenchRequest
    triton: TritonOptions
    progress: Report
    compiled: CompiledFile
    inputs: tuple[Inputs, ...]
    count: int
    unseen: bool
    is_batch: bool
    max_tokens: int | None
    plan: Plan | None
    variants: Callable[[Plan], tuple[Variant, ...]] = variants_of
    notes: list[str] = field(default_factory=list)
    lost: str = ""
    target: str = ""
    chunk_tokens: int | None = None

    def check(self) -> None:
        """Whether the inputs fill the prompts. Raises `UsageError`."""
        try:
            items_of(self.compiled.calls, self.inputs, self.plan or self._as_written)
        except MissingInput as missing:
            raise UsageError(str(missing), remedy=missing.remedy) from None
        except ValueError as error:
            raise UsageError(str(error)) from None

    async def run(self) -> BenchReport:
        """Measure; cancelled, or when a server is lost, report what there is. Raises
        `CharterError`."""
        result = None
        try:
            async with self.servers() as (plan, servers):
                result = await self._measured(plan, servers)
        except asyncio.CancelledError:
            if result is None:
                raise
            go_on()  # what was measured outlives an interrupt while its servers stop
        return result

    @property
    def _as_written(self) -> Plan:
        return Plan(agent=self.request.agent)

    async def _measured(self, plan: Plan, servers: Sequence[MeasuredServer]) -> BenchReport:
        variants = tuple(server.variant for server in servers)
        iterations = work.iterations_of(self.inputs, self.count, unseen=self.unseen)
        complete, batch = True, None
        try:
            await warm_up(servers)
            await measure(servers, self.compiled, iterations, self.step)
            batch = await self._batch(servers) if self.is_batch else None
        except (ServerLost, TargetError) as lost:
            complete, self.lost = False, str(lost)
        except asyncio.CancelledError:
            complete = False
            go_on()
        return self._result(plan, variants, servers, batch, complete)

    @contextlib.asynccontextmanager
    async def servers(self) -> AsyncIterator[tuple[Plan, list[MeasuredServer]]]:
        """The plan, and a server that serves each of its variants. Raises `CharterError`."""
        if self.request.server is not None:
            served = self._on_server(self.request.server)
        else:
            served = self._on_embedded() if self.triton.url is None else self._on_given()
        async with served as found:
            yield found

    @contextlib.asynccontextmanager
    async def _on_server(
        self, request: ProfileRequest
    ) -> AsyncIterator[tuple[Plan, list[MeasuredServer]]]:
        async with token_server(request, self.request.tokenizer) as given:
            pool, rules = given.profile.counters.pool, given.profile.rules
            assumed = CurrentServer()
            current = CurrentServer(
                tokens_per_block=given.profile.tokens_per_block or assumed.tokens_per_block,
                pool_tokens=pool.tokens if pool else assumed.pool_tokens,
                eviction=rules or assumed.eviction,
            )
            plan = await self._chosen_plan(current, given.tokenizer, NOT_BY_REQUEST)
            self.notes += notes_on_server(given.profile)
            self.target = f"{KIND_IN_WORDS[given.profile.kind]} at {given.profile.address}"
            yield plan, servers_on(given, self.variants(plan))

    @contextlib.asynccontextmanager
    async def _on_given(self) -> AsyncIterator[tuple[Plan, list[MeasuredServer]]]:
        async with given_triton(self.triton) as given:
            gauges = given.gauges
            current = CurrentServer(
                tokens_per_block=given.profile.tokens_per_block or DEFAULT_TOKENS_PER_BLOCK,
                pool_tokens=gauges.tokens if gauges else CurrentServer().pool_tokens,
                host_bytes=host_bytes_of(given.profile),
                eviction=eviction_of(given.profile),
            )
            tokenizer = open_tokenizer(given.tokenizer or tokenizer_path())
            plan = await self._chosen_plan(current, tokenizer)
            self.notes += given.notes()
            variants = self.variants(reduced(plan, ("block_size", "host_tier")))
            yield plan, given.servers(variants, self.request.agent)

    @contextlib.asynccontextmanager
    async def _on_embedded(self) -> AsyncIterator[tuple[Plan, list[MeasuredServer]]]:
        engine = Path(self.request.engine) if self.request.engine else None
        spec = _engine_spec(engine)
        per_token = spec.pretrained_config.kv_bytes_per_token(ITEM_BYTES)
        pool = self.request.pool_tokens or spec.reference_engine.max_kv_cache_bytes // per_token
        block = self.request.tokens_per_block or spec.tokens_per_block
        self.chunk_tokens = spec.reference_engine.chunk_tokens
        current = CurrentServer(
            tokens_per_block=block,
            pool_tokens=pool,
            bytes_per_token=per_token,
            chunk_tokens=self.chunk_tokens,
        )
        plan = await self._chosen_plan(current, open_tokenizer(engine or tokenizer_path()))
        if spec.reference_engine.weights is None:
            self.notes.append(EMBEDDED_NOTICE)
        with tempfile.TemporaryDirectory(prefix="charter-bench-") as directory:
            async with embedded_servers(
                self.variants(plan),
                Path(directory),
                agent=self.request.agent,
                tokens_per_block=block,
                pool_tokens=self.request.pool_tokens,
                engine=engine,
                progress=self.step,
            ) as servers:
                yield plan, servers

    async def _chosen_plan(
        self, current: CurrentServer, tokenizer: Tokenizer, without: tuple[Lever, ...] = ()
    ) -> Plan:
        plan, without = self.plan, (*self.request.without, *without)
        if plan is None:
            self.step("deriving a plan")
            derived = await asyncio.to_thread(
                propose,
                self.compiled,
                self.inputs,
                tokenizer.encode,
                current,
                levers=levers_but(without),
                workload=f"{len(self.inputs)} inputs of the agent",
            )
            plan = derived.plan
        return reduced(plan, without)

    async def _batch(self, servers: Sequence[MeasuredServer]) -> Batch:
        """The throughput of the items of a pass, of inputs not seen before: what they share is the
        constant text."""
        chosen = [server for server in servers if server.variant.name in (BASELINE, PLAN)]
        rounds = min(MOST_BATCH_ROUNDS, self.count)
        passes = work.iterations_of(
            self.inputs, rounds * 2 * len(chosen), unseen=True, seed=BATCH_SEED
        )
        for server in chosen:
            await self._choose_order(server, passes[0])
        return batch_gains(await measure_batches(chosen, self.compiled, passes, self.step))

    async def _choose_order(self, server: MeasuredServer, inputs: Sequence[Inputs]) -> None:
        """Whether the plan's batches go in waves; the baseline's go as they are given."""
        tokenizer = server.recorder.tokenizer
        if server.variant.name == BASELINE or server.pool is None or tokenizer is None:
            return
        plan = server.variant.plan
        predicted = await asyncio.to_thread(
            predicted_order,
            self.compiled.calls,
            inputs,
            plan,
            server.pool,
            tokenizer.encode,
            at_once=len(items_of(self.compiled.calls, inputs, plan)),
            chunk_tokens=self.chunk_tokens,
        )
        server.batch_in_waves = predicted.chosen.in_waves
        if predicted.chosen.words:
            self.notes.append(f"batches at once: {predicted.chosen.words}")

    def _result(
        self,
        plan: Plan,
        variants: tuple[Variant, ...],
        servers: Sequence[MeasuredServer],
        batch: Batch | None,
        complete: bool,
    ) -> BenchReport:
        reports = tuple(summarise(server.observed()) for server in servers)
        items = items_of(self.compiled.calls, self.inputs[:1], self._as_written)
        return BenchReport(
            agent=self.request.agent,
            target=self.target_in_words,
            iterations=self.count,
            items_per_iteration=len(items),
            inputs=self._inputs_in_words(),
            variants=reports,
            differences=differences_of({one.variant.name: one.exchanges for one in servers}),
            levers=lever_shares(plan, variants, {one.name: one for one in reports}),
            batch=batch,
            plan=plan,
            notes=tuple(self.notes),
            complete=complete,
            lost=self.lost,
        )

    @property
    def target_in_words(self) -> str:
        """What it is measured on."""
        return self.target or self.triton.url or "embedded Triton, a server for each variant"

    def _inputs_in_words(self) -> str:
        words = f"{len(self.inputs)} sets as given, in turn"
        if self.unseen:
            words = f"{len(self.inputs)} sets in turn, never seen before: {HOW_IN_WORDS}"
        return (
            words
            if self.max_tokens is None
            else f"{words}; at most {self.max_tokens} tokens generated a call"
        )

    def step(self, step: str) -> None:
        """Tell what is done at the moment."""
        self.progress(Progress(step))


def _engine_spec(engine: Path | None) -> EngineSpec:
    """Of an engine's directory, or of the random weights. Raises `UsageError`."""
    try:
        return EngineSpec() if engine is None else read_spec(engine)
    except EngineConfigError as error:
        raise UsageError(
            f"--engine {engine}: {error}", remedy="charter-engine triton build DIR builds one"
        ) from None
