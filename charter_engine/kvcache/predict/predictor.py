"""What settings would do on a workload, and the bracket every such figure stands in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from functools import cached_property, partial
from itertools import compress

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from charter_engine.bls.retention import ReleaseWhen, Retention, TokenRange
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import Bracket, NodePrediction, Prediction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt, WithDemotions
from charter_engine.kvcache.predict.known_outputs import (
    first_of_pairs,
    simulate_with_outputs,
    storing_twice,
)
from charter_engine.kvcache.predict.latency import LatencyModel, from_first_principles
from charter_engine.kvcache.predict.optimum import most_reuse
from charter_engine.kvcache.predict.per_conversation import simulate_per_conversation
from charter_engine.kvcache.predict.queueing import QueuedTimes, queued_times
from charter_engine.kvcache.predict.radix import simulate_radix
from charter_engine.kvcache.predict.releases import Releases, of_pairs, releases_of
from charter_engine.kvcache.predict.simulation import (
    Outcome,
    code_is_kept,
    code_is_possible,
    simulate,
)
from charter_engine.kvcache.predict.timeline import Timeline, Timing, UsedCache
from charter_engine.kvcache.workload.columns import Floats, Ints, Workload, as_workload
from charter_engine.kvcache.workload.path_tree import PathTree, build_paths, depths

Bools = NDArray[np.bool_]
Retain = Mapping[str, Retention] | Sequence[Retention | None]
"""What requests ask for: by node, or one entry a request. It replaces what the requests carry
themselves."""

_SECONDS_PER_EDGE, _SECONDS_PER_TURN, _SECONDS_PER_MOVE = 5e-6, 6e-8, 6e-7
"""What Python takes, about: for an edge of a request's path, and for a block evicted by the leaf
rule, without a host tier and to one."""
_WORTH_LOADING_S, _WORTH_COMPILING_S = 0.15, 10.0
"""What Python must take for a prediction so that machine code is faster, if it is on disk, and if
it has to be made first."""
_MOST_BY_MANAGER = 2_000_000
"""Prompt tokens up to which the block manager itself serves requests whose outputs are known."""


def predict(
    requests: Workload | Iterable[WorkloadRequest],
    settings: PoolSettings,
    *,
    timing: Timing | None = None,
    latency: LatencyModel | None = None,
    retention: Retain | None = None,
    bracket: bool = True,
    kv_bytes_per_token: int | None = None,
    cache: UsedCache | None = None,
) -> Prediction:
    """Predict one setting; see `Predictor`, which saves work when several settings are asked
    for."""
    return Predictor(requests).predict(
        settings,
        timing=timing,
        latency=latency,
        retention=retention,
        bracket=bracket,
        kv_bytes_per_token=kv_bytes_per_token,
        cache=cache,
    )


@dataclass
class Predictor:
    """Predictions of any number of settings on one workload, exactly as the block manager has it.

    `compiled` chooses between machine code and Python; None takes what is faster for a workload of
    this size.
    """

    requests: Workload | Iterable[WorkloadRequest]
    compiled: bool | None = None
    _brackets: dict[tuple[PoolSettings, bool], Bracket] = field(
        default_factory=dict, init=False, repr=False
    )
    _released: dict[ReleaseWhen, Releases | None] = field(
        default_factory=dict, init=False, repr=False
    )

    @cached_property
    def workload(self) -> Workload:
        """The workload in columns."""
        return as_workload(self.requests)

    @cached_property
    def paths(self) -> PathTree:
        """Its prompts as one tree, the same for all settings."""
        return build_paths(self.workload)

    def predict(
        self,
        settings: PoolSettings,
        *,
        timing: Timing | None = None,
        latency: LatencyModel | None = None,
        retention: Retain | None = None,
        demotions: Sequence[DemotedPrompt] = (),
        release: ReleaseWhen = "never",
        bracket: bool = True,
        kv_bytes_per_token: int | None = None,
        queue: Timing | None = None,
        cache: UsedCache | None = None,
    ) -> Prediction:
        """Predict one setting.

        Without `timing` each request starts and ends at once at its arrival, which is what hit
        rates are published for; durations still run by the arrivals. With a latency model they are
        then timed as they would wait and run, scheduled by `queue`, each reusing what it does so.
        With `timing` requests wait, are computed, hold their blocks and end by the latency model
        (without one: first principles, *assumed*), and reuse what is there then; with `cache`,
        which is used up by that, also what it holds of earlier workloads. The last token of a
        prompt is never reused. Beside the requests go those `demotions` that a deployment
        sends: what they compute counts as not reused, and takes its time. Raises ValueError for
        retention that does not fit the workload, and InvalidRetention.
        """
        asked = resolve_retention(self.workload, retention)
        if timing is not None:
            latency = latency or from_first_principles()
        serve = partial(
            Predictor._served,
            settings=settings,
            timing=timing,
            latency=latency,
            release=release,
            queue=queue,
            cache=cache,
        )
        result = self._beside(demotions, asked, serve) if demotions else serve(self, asked)
        is_plain = timing is None and asked is None and not demotions and release == "never"
        plain = result if is_plain else None
        ends = self._bracket(settings, plain, release) if bracket else None
        return _prediction(self.workload, settings, result, latency, ends, kv_bytes_per_token)

    def _beside(
        self,
        demotions: Sequence[DemotedPrompt],
        asked: Sequence[Retention | None] | None,
        serve: "Callable[[Predictor, Sequence[Retention | None]], _Result]",
    ) -> "_Result":
        """What the workload's own requests get beside demotions."""
        beside = WithDemotions.of(self.workload, asked, demotions)
        result = serve(Predictor(beside.workload, self.compiled), beside.retention)
        sent = [*compress(demotions, beside.sent(result.reused_tokens))]
        if len(sent) < len(demotions):
            return self._beside(sent, asked, serve)
        return result.of_own(beside)

    def _served(
        self,
        asked: Sequence[Retention | None] | None,
        *,
        settings: PoolSettings,
        timing: Timing | None,
        latency: LatencyModel | None,
        release: ReleaseWhen,
        queue: Timing | None,
        cache: UsedCache | None,
    ) -> "_Result":
        if timing is not None and latency is not None:
            releases = self._releases(release, settings)
            timeline = Timeline(self.workload, settings, timing, latency, asked, releases, cache)
            timeline.run()
            return _Result.of_timeline(self.workload, timeline)
        outcome = self.simulate(settings, asked, release)
        times = None
        if latency is not None:
            times = queued_times(
                self.workload,
                outcome.reused_tokens,
                outcome.onboarded_blocks,
                settings,
                queue or Timing(),
                latency,
            )
        return _Result.of_outcome(self.workload, settings, outcome, times)

    def simulate(
        self,
        settings: PoolSettings,
        retention: Sequence[Retention | None] | None = None,
        release: ReleaseWhen = "never",
    ) -> Outcome:
        """What each request gets if it starts and ends at its arrival.

        Where outputs are known and many, and nobody asks for retention, an output is stored by a
        request of its own that goes on from its prompt: that takes a fifth of the time, and gave at
        most 25 of ten thousand conversing requests some tokens more or fewer. Pools that go by
        sessions or by radix release nothing.
        """
        workload = self.workload
        if not settings.reuse:
            return _without_reuse(workload, settings)
        if workload.knows_outputs:
            many = retention is None and workload.prompt_tokens > _MOST_BY_MANAGER
            if many or settings.eviction == "sglang" or settings.goes_by_sessions:
                doubled = replace(settings, max_num_turns=2 * settings.max_num_turns)
                return first_of_pairs(self._storing.simulate(doubled, None, release))
            return simulate_with_outputs(
                workload, settings, retention, self._releases(release, settings)
            )
        if settings.eviction == "sglang":
            return simulate_radix(
                self.paths, workload.input_length, settings, workload.conversation
            )
        if settings.max_num_turns:
            return simulate_per_conversation(
                self.paths, workload.input_length, workload.conversation, settings
            )
        return simulate(
            self.paths,
            workload.arrival_ms,
            workload.input_length,
            settings,
            retention,
            self._releases(release, settings),
            compiled=self.prefers_compiled(settings) if self.compiled is None else self.compiled,
        )

    def _releases(self, when: ReleaseWhen, settings: PoolSettings) -> Releases | None:
        if not settings.heeds_release:
            return None
        if when not in self._released:
            self._released[when] = (
                of_pairs(self._storing._releases(when, settings))
                if self.workload.knows_outputs
                else releases_of(self.workload, self.paths, when)
            )
        return self._released[when]

    def prefers_compiled(self, settings: PoolSettings) -> bool:
        """Whether machine code is the faster way to predict a setting now, each request starting
        and ending at once."""
        seconds = self._python_seconds(settings)
        if seconds <= _WORTH_LOADING_S or not code_is_possible():
            return False
        return seconds > _WORTH_COMPILING_S or code_is_kept()

    def profits_from_machine_code(self, settings: PoolSettings) -> bool:
        """Whether machine code would be the faster way if it were there."""
        return self._python_seconds(settings) > _WORTH_LOADING_S

    def _python_seconds(self, settings: PoolSettings) -> float:
        seconds = _SECONDS_PER_EDGE * self._edges_on_paths
        if settings.eviction == "leaf":
            per_block = _SECONDS_PER_MOVE if settings.host_blocks else _SECONDS_PER_TURN
            seconds += per_block * self.workload.prompt_tokens / settings.tokens_per_block
        return seconds

    @cached_property
    def _edges_on_paths(self) -> int:
        return int(depths(self.paths)[self.paths.node].sum())

    def _bracket(
        self, settings: PoolSettings, plain: "_Result | None", release: ReleaseWhen
    ) -> Bracket:
        """Default priorities below, the offline optimum above, on the same blocks, one request at a
        time.

        In a pool that heeds no retention, and releases nothing, default priorities are the upper
        end, too. So they are where outputs are known and reused beyond what requests that stand for
        them are.

        `plain` is the result with default priorities where it is known already.
        """
        gains = settings.heeds_retention or (release != "never" and settings.heeds_release)
        key = settings, gains
        if key not in self._brackets:
            total = max(1, self.workload.prompt_tokens)
            lower = int(
                (
                    plain.reused_tokens if plain else self.simulate(settings).reused_tokens.clip(0)
                ).sum()
            )
            upper = max(lower, self._optimum(settings)) if gains else lower
            self._brackets[key] = Bracket(lower / total, upper / total)
        return self._brackets[key]

    def _optimum(self, settings: PoolSettings) -> int:
        """Prompt tokens that no policy reuses more of, outputs stored where they are known."""
        if not self.workload.has_content:
            return 0
        if not self.workload.knows_outputs:
            return most_reuse(self.paths, self.workload.input_length, settings)
        stored = self._storing
        stores = np.arange(len(stored.workload)) % 2 == 1
        return most_reuse(stored.paths, stored.workload.input_length, settings, stores=stores)

    @cached_property
    def _storing(self) -> "Predictor":
        """The same for the workload in which requests stand for what outputs store."""
        return Predictor(storing_twice(self.workload), self.compiled)


def resolve_retention(
    workload: Workload, retention: Retain | None
) -> list[Retention | None] | None:
    """One entry a request, or None if nobody asks for anything.

    Raises ValueError for a sequence of another length.
    """
    if retention is None:
        return one_a_request(workload.retention, len(workload))
    if isinstance(retention, Mapping):
        if not retention:
            return None
        by_node = [retention.get(node) for node in workload.nodes]
        return [by_node[node] for node in workload.node.tolist()]
    if len(retention) != len(workload):
        raise ValueError(f"{len(retention)} retention settings for {len(workload)} requests")
    return list(retention)


def one_a_request(asked: Mapping[int, Retention], requests: int) -> list[Retention | None] | None:
    """What requests ask for by their index, as one entry for each of so many, or None if nobody
    asks for anything. Equal settings are one object."""
    if not asked:
        return None
    known: dict[Retention, Retention] = {}
    shared = {index: known.setdefault(one, one) for index, one in asked.items()}
    return [shared.get(index) for index in range(requests)]


def plan_retention(plan: Plan) -> dict[str, Retention]:
    """What a plan asks for by node, for workloads that know no segments.

    Raises ValueError where the plan asks for a part of a prompt: only the agent's own workload
    tells where that lies.
    """
    found = {}
    for node, asked in plan.nodes.items():
        if any(part.first or part.last is not None for part in asked.retention):
            raise ValueError(
                f"node {node}: retention of segments needs the agent's own workload; "
                "a trace has whole prompts only"
            )
        ranges = tuple(
            TokenRange(0, None, part.priority, part.duration_ms) for part in asked.retention
        )
        found[node] = Retention(ranges, asked.decode_priority, asked.decode_duration_ms)
    return found


@dataclass(frozen=True)
class _Result:
    """What the requests got, however they were served. What is not of the pool has one entry a
    request."""

    reused_tokens: Ints
    reused_blocks: Ints
    missed_blocks: Ints
    fitted: Bools
    evictions: dict[int, int]
    offloads: int
    onboards: int
    peak_blocks: int
    ttft_ms: Floats | None
    makespan_ms: float | None
    demotions: int = 0

    @classmethod
    def of_outcome(
        cls,
        workload: Workload,
        settings: PoolSettings,
        outcome: Outcome,
        times: QueuedTimes | None,
    ) -> "_Result":
        size = settings.tokens_per_block
        served = outcome.reused_tokens >= 0
        blocks = -(-workload.input_length // size)
        reused = outcome.reused_tokens.clip(0)
        return cls(
            reused_tokens=reused,
            reused_blocks=outcome.reused_blocks,
            missed_blocks=blocks - outcome.reused_blocks,
            fitted=served,
            evictions=outcome.evicted_by_priority,
            offloads=outcome.offloaded,
            onboards=outcome.onboarded,
            peak_blocks=int(blocks[served].max(initial=0)),
            ttft_ms=None if times is None else times.ttft_ms,
            makespan_ms=None if times is None else times.makespan_ms,
        )

    @classmethod
    def of_timeline(cls, workload: Workload, timeline: Timeline) -> "_Result":
        served, counters = timeline.served, timeline.manager.counters
        reused = np.array([one.reused_tokens for one in served], dtype=np.int64)
        fitted = reused >= 0
        first = np.array([one.first_token_ms - one.arrived_ms for one in served])
        start = float(workload.arrival_ms.min(initial=np.inf)) if len(served) else 0.0
        return cls(
            reused_tokens=reused.clip(0),
            reused_blocks=np.array([one.reused_blocks for one in served], dtype=np.int64),
            missed_blocks=np.array([one.missed_blocks for one in served], dtype=np.int64),
            fitted=fitted,
            evictions=dict(counters.evictions_by_priority),
            offloads=counters.offloads,
            onboards=counters.onboards,
            peak_blocks=timeline.peak_blocks,
            ttft_ms=np.where(fitted, first, np.nan),
            makespan_ms=timeline.now - start,
        )

    def of_own(self, beside: WithDemotions) -> "_Result":
        """What a workload's own requests got. What a demotion computed counts as not reused by the
        request whose prompt it demotes."""
        own = beside.own
        reused = self.reused_tokens[own]
        computed = beside.computed_by_demotions(self.reused_tokens)
        np.subtract.at(reused, beside.demoted, computed)
        return replaced(
            self,
            reused_tokens=reused,
            reused_blocks=self.reused_blocks[own],
            missed_blocks=self.missed_blocks[own],
            fitted=self.fitted[own],
            ttft_ms=None if self.ttft_ms is None else self.ttft_ms[own],
            demotions=len(beside.demotions),
        )


def _prediction(
    workload: Workload,
    settings: PoolSettings,
    result: _Result,
    latency: LatencyModel | None,
    bracket: Bracket | None,
    kv_bytes_per_token: int | None,
) -> Prediction:
    tokens, reused_blocks = workload.prompt_tokens, int(result.reused_blocks.sum())
    missed_blocks = int(result.missed_blocks.sum())
    blocks = reused_blocks + missed_blocks
    ttft = result.ttft_ms
    first = np.zeros(0) if ttft is None else ttft[~np.isnan(ttft)]
    makespan = result.makespan_ms
    return Prediction(
        settings=setting_values(settings),
        requests=len(workload),
        prompt_tokens=tokens,
        token_hit_rate=float(result.reused_tokens.sum() / tokens) if tokens else 0.0,
        block_hit_rate=reused_blocks / blocks if blocks else 0.0,
        reused_blocks=reused_blocks,
        missed_blocks=missed_blocks,
        rejected=int((~result.fitted).sum()),
        demotions=result.demotions,
        evictions_by_priority=dict(sorted(result.evictions.items())),
        offloads=result.offloads,
        onboards=result.onboards,
        peak_blocks=result.peak_blocks,
        memory_bytes=(
            None
            if kv_bytes_per_token is None
            else settings.gpu_blocks * settings.tokens_per_block * kv_bytes_per_token
        ),
        ttft_ms_mean=float(first.mean()) if len(first) else None,
        ttft_ms_p95=float(np.percentile(first, 95)) if len(first) else None,
        makespan_ms=makespan,
        requests_per_s=1000 * len(first) / makespan if makespan and len(first) else None,
        times_source=latency.source if latency else "",
        times_label=latency.label if latency else "assumed",
        nodes=_by_node(workload, result),
        bracket=bracket,
        notes=workload.notes,
    )


def _by_node(workload: Workload, result: _Result) -> tuple[NodePrediction, ...]:
    counts = np.bincount(workload.node, minlength=len(workload.nodes))
    tokens = np.bincount(
        workload.node, weights=workload.input_length, minlength=len(workload.nodes)
    )
    reused = np.bincount(workload.node, weights=result.reused_tokens, minlength=len(workload.nodes))
    whole = result.ttft_ms is not None and not np.isnan(result.ttft_ms).any()
    times = (
        np.bincount(workload.node, weights=result.ttft_ms, minlength=len(workload.nodes))
        if whole
        else None
    )
    return tuple(
        NodePrediction(
            node=name,
            requests=int(counts[i]),
            prompt_tokens=int(tokens[i]),
            reused_tokens=int(reused[i]),
            ttft_ms=None if times is None else float(times[i] / counts[i]),
        )
        for i, name in enumerate(workload.nodes)
        if counts[i]
    )


def setting_values(settings: PoolSettings) -> dict[str, str | int | float | bool]:
    """A setting by the names it is given with."""
    return {name: getattr(settings, name) for name in settings.__struct_fields__}


def _without_reuse(workload: Workload, settings: PoolSettings) -> Outcome:
    """Nothing is looked up or stored: blocks are blank and stay so."""
    blocks = -(-workload.input_length // settings.tokens_per_block)
    fits = blocks <= settings.gpu_blocks
    taken = int(blocks[fits].sum())
    none = np.zeros(len(workload), dtype=np.int64)
    return Outcome(np.where(fits, 0, -1), none, none, taken, taken, 0, 0, 0, {})
