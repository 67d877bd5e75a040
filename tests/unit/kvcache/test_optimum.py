"""The ends of the bracket: the offline optimum, and LRU for every pool size."""

from itertools import product
from random import Random
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.bls.retention import ReleaseWhen
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings, Retention, TokenRange
from charter_engine.kvcache.predict.curve import hit_curve
from charter_engine.kvcache.predict.optimum import most_reuse
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.simulation import simulate
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.path_tree import build_paths
from tests.unit.kvcache.workloads import (
    aligned_workload,
    in_sessions,
    random_releases,
    random_retention,
    random_settings,
    random_workload,
)


def _naive_optimum(workload: Workload, capacity: int) -> int:
    """Whole blocks as a plain set; what is used last goes, the deepest of equally late ones
    first."""
    prompts = [tuple(workload.units_of(i).tolist()) for i in range(len(workload))]
    served = [at for at, prompt in enumerate(prompts) if len(prompt) + 1 <= capacity]
    resident: set[tuple[int, ...]] = set()
    hits = 0
    for now in served:
        prompt = prompts[now]
        needed = len(prompt) + 1
        own = [prompt[: i + 1] for i in range(len(prompt))]
        hits += sum(block in resident for block in own)

        def next_use(block: tuple[int, ...], now: int = now) -> tuple[int, int]:
            later = (at for at in served if at > now and prompts[at][: len(block)] == block)
            return next(later, 1 << 60), len(block)

        others = sorted(resident - set(own), key=next_use)
        resident = {*others[: capacity - needed], *own}
    return hits * 8


@given(st.randoms(use_true_random=True), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_the_optimum_is_that_of_a_plain_set_of_blocks(rng: Random, capacity: int) -> None:
    workload = aligned_workload(rng)
    pool = PoolSettings(capacity, 8)
    found = most_reuse(build_paths(workload), workload.input_length, pool)
    assert found == _naive_optimum(workload, capacity)


@given(st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=None)
def test_no_policy_beats_the_optimum(rng: Random) -> None:
    workload = random_workload(rng)
    paths = build_paths(workload)
    pool = random_settings(rng, workload)
    most = most_reuse(paths, workload.input_length, pool)
    for retention in (None, random_retention(rng, workload), random_retention(rng, workload)):
        reused = simulate(
            paths, workload.arrival_ms, workload.input_length, pool, retention,
            random_releases(rng, paths), compiled=False,
        ).reused_tokens  # fmt: skip
        assert reused.clip(0).sum() <= most


POOLS: tuple[dict[str, Any], ...] = (
    {"eviction": "leaf"},
    {"eviction": "flat"},
    {"eviction": "v2"},
    {"eviction": "v2", "max_num_turns": 2},
    {"eviction": "vllm"},
    {"eviction": "sglang"},
    {"eviction": "sglang", "protect_sessions": True},
)


@given(st.randoms(use_true_random=True))
@settings(max_examples=40, deadline=None)
def test_no_manager_is_above_its_bracket_or_the_optimum_whatever_is_released(rng: Random) -> None:
    workload = in_sessions(rng, random_workload(rng))
    predictor = Predictor(workload, compiled=False)
    small = replace(random_settings(rng, workload), eviction="flat", host_blocks=0)
    asked = random_retention(rng, workload)
    for changes, release in product(POOLS, get_args(ReleaseWhen)):
        pool = replace(small, **changes)
        found = predictor.predict(pool, retention=asked, release=release)
        assert found.bracket is not None
        assert found.token_hit_rate <= found.bracket.optimum + 1e-12
        most = most_reuse(predictor.paths, workload.input_length, pool)
        assert predictor.simulate(pool, asked, release).reused_tokens.clip(0).sum() <= most


@given(st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=None)
def test_a_pool_that_need_not_forget_reaches_the_optimum_of_whole_blocks(rng: Random) -> None:
    workload = random_workload(rng)
    pool = replace(random_settings(rng, workload), partial_reuse=False, eviction="flat")
    unlimited = replace(pool, gpu_blocks=10_000, host_blocks=0)
    paths = build_paths(workload)
    reached = simulate(
        paths, workload.arrival_ms, workload.input_length, unlimited, compiled=False
    ).reused_tokens
    assert reached.sum() == most_reuse(paths, workload.input_length, unlimited)


@given(st.randoms(use_true_random=True))
@settings(max_examples=150, deadline=None)
def test_the_optimum_is_never_above_what_earlier_prompts_share(rng: Random) -> None:
    workload = random_workload(rng)
    pool = random_settings(rng, workload)
    found = most_reuse(build_paths(workload), workload.input_length, pool)
    assert found <= _allowed(workload, pool)


def _allowed(workload: Workload, pool: PoolSettings) -> int:
    """Prompt tokens that a pool which forgets nothing could reuse under the settings: what an
    earlier prompt shares, in whole blocks where parts are not matched, but for a prompt that comes
    again as it was. The last token of a prompt is never looked up."""
    content = Content(workload)
    total = 0
    earlier: list[list[int]] = []
    for index in range(len(workload)):
        own = content.prompt(index)
        fits = -(-len(own) // pool.tokens_per_block) <= pool.usable_gpu_blocks
        own = own[:-1]
        shared = max((_common(own, other) for other in earlier), default=0)
        if not pool.matches_parts and own not in earlier:
            shared -= shared % pool.tokens_per_block
        if fits:
            earlier.append(own)
            total += shared if pool.reuse else 0
    return total


def _common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _of_any_manager(rng: Random, pool: PoolSettings) -> PoolSettings:
    """The pool as it is, or that of a manager that goes by sessions."""
    if rng.random() < 0.6:
        return pool
    without_host = replace(pool, host_blocks=0)
    if rng.random() < 0.5:
        return replace(without_host, eviction="v2", max_num_turns=rng.randint(0, 3))
    return replace(without_host, eviction="sglang", protect_sessions=rng.random() < 0.5)


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_no_bracket_reaches_above_what_the_settings_allow(rng: Random) -> None:
    workload = in_sessions(rng, random_workload(rng))
    pool = _of_any_manager(rng, random_settings(rng, workload))
    pool = replace(pool, reuse=rng.random() < 0.9)
    bracket = Predictor(workload, compiled=False).predict(pool).bracket
    assert bracket is not None
    assert bracket.default_lru <= bracket.optimum
    assert round(bracket.optimum * workload.prompt_tokens) <= _allowed(workload, pool)


def _short_shared_head() -> Workload:
    """Prompts of 130 tokens that share their first 100."""
    return as_workload(
        WorkloadRequest(
            timestamp=at,
            input_length=130,
            output_length=0,
            token_ids=(*range(100), *range(1000 * at, 1000 * at + 30)),
        )
        for at in range(1, 41)
    )


@pytest.mark.parametrize(
    ("pool", "reused"),
    [
        (PoolSettings(2000, 128), 100),
        (PoolSettings(2000, 128, partial_reuse=False), 0),
        (PoolSettings(2000, 64, partial_reuse=False), 64),
        (PoolSettings(2000, 32, reuse=False), 0),
        (PoolSettings(4, 32), 0),
    ],
)
def test_the_optimum_is_what_the_settings_allow(pool: PoolSettings, reused: int) -> None:
    workload = _short_shared_head()
    found = most_reuse(build_paths(workload), workload.input_length, pool)
    assert found == 39 * reused


def test_where_no_block_is_copied_a_low_priority_behind_it_lets_its_part_be_found() -> None:
    workload, pool = _short_shared_head(), PoolSettings(2000, 128, copy_on_partial_reuse=False)
    paths = build_paths(workload)
    asked = [Retention((TokenRange(128, None, 0),))] * len(workload)
    reached = [
        simulate(
            paths, workload.arrival_ms, workload.input_length, pool, retention, compiled=False
        ).reused_tokens.sum()
        for retention in (None, asked)
    ]
    assert reached == [0, 3800]
    assert most_reuse(paths, workload.input_length, pool) == 3900


def test_host_blocks_nothing_may_move_to_are_no_help() -> None:
    prompts = [tuple(range(first, first + 9)) for first in (0, 100, 0, 100)]
    workload = as_workload(
        WorkloadRequest(timestamp=0, input_length=9, output_length=0, token_ids=tokens)
        for tokens in prompts
    )
    paths = build_paths(workload)
    for floor, reused in ((30, 16), (101, 0)):
        pool = PoolSettings(3, 4, host_blocks=2, offload_min_priority=floor)
        assert most_reuse(paths, workload.input_length, pool) == reused


def _naive_distances(workload: Workload) -> list[int]:
    """The place in a plain LRU stack, from 1, of every block that is used again; a prompt's head is
    its youngest."""
    stack: list[tuple[int, ...]] = []
    distances = []
    for index in range(len(workload)):
        prompt = tuple(workload.units_of(index).tolist())
        own = [prompt[: i + 1] for i in range(len(prompt))]
        distances += [stack.index(block) + 1 for block in own if block in stack]
        stack = own + [block for block in stack if block not in own]
    return distances


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_the_curve_has_a_hit_from_each_stack_distance_on(rng: Random) -> None:
    workload = aligned_workload(rng)
    curve = hit_curve(build_paths(workload), workload.input_length, 8)
    distances = _naive_distances(workload)
    capacities = np.arange(0, max(distances, default=0) + 3)
    assert curve.hits_at(capacities).tolist() == [
        sum(d <= c for d in distances) for c in capacities
    ]


@given(st.randoms(use_true_random=True))
@settings(max_examples=50, deadline=None)
def test_an_unlimited_pool_hits_what_the_curve_ends_with(rng: Random) -> None:
    workload = aligned_workload(rng)
    paths = build_paths(workload)
    curve = hit_curve(paths, workload.input_length, 8)
    unlimited = PoolSettings(curve.blocks, 8, eviction="flat")
    reused = simulate(
        paths, workload.arrival_ms, workload.input_length, unlimited, compiled=False
    ).reused_blocks.sum()
    assert round(curve.hit_rate(curve.blocks) * curve.blocks) == reused


def test_a_workload_without_reuse_has_a_flat_curve() -> None:
    workload = as_workload(
        [
            WorkloadRequest(
                timestamp=0, input_length=9, output_length=0, hash_ids=(1,), block_tokens=8
            )
        ]
    )
    curve = hit_curve(build_paths(workload), workload.input_length, 8)
    assert curve.hit_rate(100) == 0
    assert curve.sampled()[1].tolist() == [0.0]
