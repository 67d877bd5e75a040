"""Runs an agent's compiled graph under a plan: the calls and what flows between them, never the
program itself."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import DEFAULT_MAX_TOKENS
from charter_engine.bls.retention import SegmentRetention
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor import head_starts
from charter_engine.executor.run_costs import cost_of_run
from charter_engine.executor.target import Target, TargetError
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import Item, counts
from charter_engine.prompts.assembly import (
    CallInstance,
    InstanceKey,
    Piece,
    Prompt,
    assemble,
    with_head,
)
from charter_engine.prompts.identity import identity_of
from charter_engine.prompts.waves import waves_of
from charter_engine.triton.parts import parts_of
from charter_engine.triton.request import Generated, GenerateRequest

FIRST_BACKOFF_SECONDS = 0.25
"""With `BACKOFF_FACTOR` it makes the span of the attempts."""
BACKOFF_FACTOR = 4.0
"""Four attempts span 5 s: longer than the embedded Triton takes to come back."""
JITTER = (1.0, 1.2)
"""A fifth more at most, so that what failed together does not come back together."""

Clock = Callable[[], float]
OnChange = Callable[[], None]
OnRequest = Callable[[RequestRecord], None]
OnAnswer = Callable[[Item, CallInstance, Generated], None]


@dataclass(frozen=True)
class RunSettings:
    """How a run is carried out. `concurrency` bounds the items and the requests in flight.

    `in_waves` sends items that begin alike together, the first of them ahead. `revision` is what
    is live, and `earlier` the runs that its cache has served, where it is known.
    """

    run: str
    variant: str = "plan"
    concurrency: int = 4
    revision: int = 0
    earlier: int | None = None
    attempts: int = 4
    in_waves: bool = False
    request_seconds: float = 120.0


class TargetUnreachable(Exception):
    """Triton stopped answering; the rest of the run is not attempted."""


@dataclass
class AgentRun:
    """One execution of `items`. `totals` and the callbacks see every request as it starts and
    ends, and `on_answer` what each instance was answered."""

    compiled: CompiledFile
    plan: Plan
    items: Sequence[Item]
    target: Target
    totals: NodeTotals
    settings: RunSettings
    on_change: OnChange = lambda: None
    on_request: OnRequest = lambda _: None
    on_answer: OnAnswer = lambda *_: None
    clock: Clock = time.time
    items_done: int = 0
    records: list[RequestRecord] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outputs: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._items_in_flight = asyncio.Semaphore(self.settings.concurrency)
        self._requests_in_flight = asyncio.Semaphore(self.settings.concurrency)
        self._head_starts = head_starts.HeadStarts()
        self._waves: dict[int, str] = {}
        self._unreachable_because = ""
        self._numbers = itertools.count(1)
        self._started = self.clock()
        self._clock_start = time.monotonic()

    async def execute(self) -> RunReport:
        """Run everything; a failed item does not stop the others. Cancelling gives up what is in
        flight."""
        self.totals.planned(counts(self.items))
        self.on_change()
        state = "done"
        try:
            async with asyncio.TaskGroup() as group:
                for item in self._in_order():
                    group.create_task(self._run_item(item))
        except* TargetUnreachable:
            self.errors.append(f"stopped: {self._unreachable_because}")
        finally:
            self.totals.abandoned()
            self.on_change()
        if not self.records and not self.errors:
            self.errors.append("nothing was measured: no request was made")
        if self.errors or any(record.error for record in self.records):
            state = "failed"
        return self.report(state)

    def report(self, state: str) -> RunReport:
        """What the run did so far."""
        elapsed_ms = (time.monotonic() - self._clock_start) * 1000
        return RunReport(
            run=self.settings.run,
            agent=self.compiled.path,
            variant=self.settings.variant,
            state=state,
            items=self.items_done,
            elapsed_ms=elapsed_ms,
            nodes=self.totals.stats(),
            requests=tuple(self.records),
            errors=tuple(self.errors),
            outputs=tuple(self.outputs),
            cost=cost_of_run(self.records, self.items_done, elapsed_ms),
            started_at=self._started,
            revision=self.settings.revision,
            plan=self.plan,
            identity=identity_of(self.compiled.path, self.compiled.calls),
            earlier=self.settings.earlier,
        )

    def _in_order(self) -> Sequence[Item]:
        """The items as they are sent: as they come, or wave by wave."""
        if not self.settings.in_waves:
            return self.items
        waves = waves_of([item.instances for item in self.items], self.plan)
        self._waves = {
            self.items[place].number: f"wave {number}"
            for number, wave in enumerate(waves)
            for place in wave
            if len(wave) > 1
        }
        return [self.items[place] for wave in waves for place in wave]

    async def _run_item(self, item: Item) -> None:
        async with self._items_in_flight:
            chain = _Chain({instance.key: asyncio.Event() for instance in item.instances})
            async with asyncio.TaskGroup() as group:
                for instance in item.instances:
                    group.create_task(self._run_instance(item, instance, chain))
            self.outputs.append(_named_outputs(item, chain))
            self.items_done += 1
            self.on_change()

    async def _run_instance(self, item: Item, instance: CallInstance, chain: "_Chain") -> None:
        try:
            for key in instance.after:
                if key in chain.ended:
                    await chain.ended[key].wait()
            missing = [
                key[0] for key in instance.after if key in chain.ended and key not in chain.outputs
            ]
            if missing:
                self.totals.skipped(instance.call.id)
                self.errors.append(
                    f"item {item.number}: {instance.call.id} not run, {missing[0]} failed"
                )
                return
            node_plan = self.plan.nodes.get(instance.call.id, NodePlan())
            written = assemble(instance, node_plan, chain.outputs, chain.prompts)
            prompt = with_head(instance, written)
            generation = await self._send(item, instance, node_plan, prompt)
            if generation is not None:
                self.on_answer(item, instance, generation)
                chain.prompts[instance.key] = prompt
                chain.outputs[instance.key] = Piece(
                    generation.text, "upstream", instance.call.id, -1, generation.output_ids
                )
        finally:
            chain.ended[instance.key].set()

    async def _send(
        self, item: Item, instance: CallInstance, node_plan: NodePlan, prompt: Prompt
    ) -> Generated | None:
        node = instance.call.id
        wave = self._waves.get(item.number) if instance is item.instances[0] else None
        async with (
            self._head_starts.turn(node_plan.cache_group, head_starts.HEAD_START_SECONDS),
            self._head_starts.turn(wave, self._head_starts.first_token_of(_length(prompt))),
            self._requests_in_flight,
        ):
            self.totals.started(node)
            self.on_change()
            begun = RequestRecord(
                run=self.settings.run,
                node=node,
                item=item.number,
                started_at=self.clock(),
                request_id=f"{self.settings.run}-{next(self._numbers)}",
            )
            start = time.monotonic()
            request = GenerateRequest(
                request_id=begun.request_id,
                node=node,
                parts=parts_of(prompt),
                max_tokens=max_tokens_of(instance),
                retention=None
                if self.settings.variant == "baseline"
                else retention_by_segments(node_plan),
            )
            try:
                generation, attempts = await self._with_retries(node, request)
            except TargetError as failure:
                self._failed(begun, failure)
                return None
            except asyncio.CancelledError:
                self.totals.withdrawn(node)
                raise
            latency_ms = (time.monotonic() - start) * 1000
            self._head_starts.see(generation.ttft_ms, _length(prompt))
            self._ended(_record(begun, generation, latency_ms, attempts), generation.text)
            return generation

    def _failed(self, begun: RequestRecord, failure: TargetError) -> None:
        attempts = self.settings.attempts if failure.repeatable else 1
        self._ended(replace(begun, error=str(failure), attempts=attempts), "")
        if failure.repeatable:
            self._unreachable_because = str(failure)
            raise TargetUnreachable from failure

    async def _with_retries(self, node: str, request: GenerateRequest) -> tuple[Generated, int]:
        backoff = FIRST_BACKOFF_SECONDS
        for attempt in itertools.count(1):
            try:
                async with asyncio.timeout(self.settings.request_seconds):
                    return await self.target.generate(request), attempt
            except TimeoutError:
                raise TargetError(
                    f"no answer within {self.settings.request_seconds:.0f} s", repeatable=False
                ) from None
            except TargetError as failure:
                if not failure.repeatable or attempt >= self.settings.attempts:
                    raise
                self.totals.troubled(node, f"{failure}; trying again")
                self.on_change()
            # Requests that failed together don't come back together.
            await asyncio.sleep(backoff * random.uniform(*JITTER))
            backoff *= BACKOFF_FACTOR
        raise AssertionError("unreachable")

    def _ended(self, record: RequestRecord, text: str) -> None:
        self.records.append(record)
        self.totals.finished(record, text)
        self.on_request(record)
        self.on_change()


@dataclass
class _Chain:
    """What one item has so far."""

    ended: Mapping[InstanceKey, asyncio.Event]
    outputs: dict[InstanceKey, Piece] = field(default_factory=dict)
    prompts: dict[InstanceKey, Prompt] = field(default_factory=dict)


def retention_by_segments(plan: NodePlan) -> SegmentRetention:
    """What a node's plan asks the cache to keep of each of its prompts."""
    return SegmentRetention(
        ranges=plan.retention,
        decode_priority=plan.decode_priority,
        decode_duration_ms=plan.decode_duration_ms,
    )


def _length(prompt: Prompt) -> int:
    return sum(len(piece.text) for piece in prompt)


def max_tokens_of(instance: CallInstance) -> int:
    """The call's own `max_tokens`, where the source gives a number."""
    value = instance.call.parameters.get("max_tokens")
    return int(value) if isinstance(value, int) and value > 0 else DEFAULT_MAX_TOKENS


def _named_outputs(item: Item, chain: _Chain) -> dict[str, str]:
    named = {}
    for instance in item.instances:
        if instance.key in chain.outputs:
            name = instance.call.output or instance.call.id
            several = instance.iteration and name in named
            named[f"{name}[{instance.iteration}]" if several else name] = chain.outputs[
                instance.key
            ].text
    return named


def _record(
    unfinished: RequestRecord, generation: Generated, latency_ms: float, attempts: int
) -> RequestRecord:
    return replace(
        unfinished,
        prompt_tokens=generation.prompt_tokens,
        output_tokens=generation.output_tokens,
        reused_tokens=generation.reused_tokens,
        reused_blocks=generation.reused_blocks,
        missed_blocks=generation.missed_blocks,
        alloc_new_blocks=generation.alloc_new_blocks,
        alloc_total_blocks=generation.alloc_total_blocks,
        ttft_ms=generation.ttft_ms,
        latency_ms=latency_ms,
        queue_ms=generation.queue_ms,
        attempts=attempts,
    )
