"""The pools of TensorRT-LLM's second manager, of vLLM and of SGLang."""

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import BlockManager, OutOfBlocks, PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.radix import simulate_radix
from charter_engine.kvcache.predict.simulation import simulate
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.path_tree import build_paths
from tests.unit.kvcache.workloads import (
    aligned_workload,
    as_lists,
    by_block_manager,
    random_retention,
    random_settings,
    random_workload,
)

VLLM = PoolSettings(8, 4, eviction="vllm")


def _workload(*prompts: range | tuple[int, ...]) -> Workload:
    return as_workload(
        WorkloadRequest(
            timestamp=0, input_length=len(tokens), output_length=0, token_ids=tuple(tokens)
        )
        for tokens in prompts
    )


def _in_sessions(*turns: tuple[str, range | tuple[int, ...]]) -> Workload:
    return as_workload(
        WorkloadRequest(
            timestamp=0,
            input_length=len(tokens),
            output_length=0,
            token_ids=tuple(tokens),
            session=session,
        )
        for session, tokens in turns
    )


def _reused(workload: Workload, pool: PoolSettings) -> list[int]:
    found = Predictor(workload, compiled=False).simulate(pool).reused_tokens
    return [int(reused) for reused in found]


def _radix(workload: Workload, blocks: int, size: int) -> list[int]:
    pool = PoolSettings(blocks, size, eviction="sglang")
    found = simulate_radix(build_paths(workload), workload.input_length, pool)
    return [int(reused) for reused in found.reused_tokens]


@given(st.randoms(use_true_random=True))
@settings(max_examples=100, deadline=None)
def test_nothing_that_is_asked_reaches_the_second_manager(rng: Random) -> None:
    workload = random_workload(rng)
    paths = build_paths(workload)
    pool = replace(random_settings(rng, workload), eviction="v2", host_blocks=0)
    asked = random_retention(rng, workload)
    requests = workload.arrival_ms, workload.input_length
    plain = simulate(paths, *requests, pool, compiled=False)
    assert as_lists(simulate(paths, *requests, pool, asked, compiled=False)) == as_lists(plain)


V2 = PoolSettings(100, 4, eviction="v2")
FLAT = replace(V2, eviction="flat")
LONGER, SHORTER = (1, 2, 3, 4, 5, 6, 7, 0), (1, 2, 3, 4, 5, 6, 0)
"""Prompts whose last blocks hold three tokens and two of these."""


def _cached(pool: PoolSettings, *prompts: tuple[int, ...]) -> list[int]:
    """The tokens of each block that can be reused after some prompts."""
    manager = BlockManager(pool)
    for number, prompt in enumerate(prompts):
        manager.add(number, prompt)
        manager.finish(number)
    return [block.tokens for block in manager.cached()]


def test_the_second_manager_copies_a_part_where_the_first_takes_it_over() -> None:
    parting = (1, 2, 3, 4, 5, 9, 0)
    workload = _workload(SHORTER, parting, SHORTER)
    assert [_reused(workload, pool) for pool in (FLAT, V2)] == [[0, 5, 5], [0, 5, 6]]


def test_what_a_part_is_copied_from_counts_as_used() -> None:
    first, second, third = ((start, start + 1, 7, 7, 0) for start in (10, 20, 30))
    workload = _workload(first, second, (10, 11, 8, 8, 0), third, first, second)
    assert _reused(workload, replace(V2, gpu_blocks=4))[3:5] == [0, 4]


def test_the_second_manager_stores_no_part_of_what_another_block_holds() -> None:
    assert _cached(V2, LONGER, SHORTER) == [4, 3]


def test_a_longer_block_takes_the_place_of_a_part_of_it_in_the_second_manager() -> None:
    workload = _workload(SHORTER, LONGER, (*LONGER[:-1], 8, 9, 0))
    assert _cached(V2, SHORTER, LONGER) == [4, 3]
    assert _reused(workload, V2) == [0, 6, 7]


@pytest.mark.parametrize(("others", "reused"), [(31, 3), (32, 0)])
def test_the_second_manager_looks_for_no_part_among_many_blocks(others: int, reused: int) -> None:
    prompts = [(1, 2, 3, 100 + number, 0) for number in range(others)]
    workload = _workload(*prompts, (1, 2, 3, 9, 0))
    assert _reused(workload, V2)[-1] == reused
    assert by_block_manager(workload, V2, None).reused_tokens[-1] == reused
    assert _reused(workload, FLAT)[-1] == 3


def test_a_whole_part_is_found_among_however_many_blocks() -> None:
    prompts = [(1, 2, 100 + number, 0) for number in range(40)]
    workload = _workload(*prompts, prompts[7])
    assert _reused(workload, V2)[-1] == 3
    assert by_block_manager(workload, V2, None).reused_tokens[-1] == 3


@given(st.randoms(use_true_random=True), st.integers(25, 45))
@settings(max_examples=50, deadline=None)
def test_crowded_pages_are_predicted_as_the_block_manager_has_them(
    rng: Random, prompts: int
) -> None:
    tails = [tuple(rng.choices(range(2, 12), k=rng.randint(1, 6))) for _ in range(prompts)]
    workload = _workload(*((1, 1, 1, *tail, 0) for tail in tails))
    pool = PoolSettings(rng.randint(20, 100), rng.choice((4, 5, 8)), rng.choice((0, 9)))
    pool = replace(pool, eviction="v2")
    paths = build_paths(workload)
    found = simulate(paths, workload.arrival_ms, workload.input_length, pool, compiled=False)
    assert as_lists(found) == as_lists(by_block_manager(workload, pool, None))


def test_retention_has_nothing_to_gain_where_nobody_heeds_it() -> None:
    workload = _workload(range(9), range(50, 59), range(9))
    for eviction in ("v2", "vllm", "sglang"):
        pool = PoolSettings(4, 4, eviction=eviction)
        bracket = Predictor(workload).predict(pool).bracket
        assert bracket is not None
        assert bracket.optimum == bracket.default_lru


@pytest.mark.parametrize("eviction", ["vllm", "sglang"])
def test_what_cannot_be_told_to_forget_releases_nothing(eviction: Eviction) -> None:
    workload = _in_sessions(("s", range(9)), ("s", (*range(4), *range(70, 75))), ("", range(9)))
    predictor = Predictor(workload, compiled=False)
    deaf = PoolSettings(20, 4, partial_reuse=False, eviction=eviction)
    found = [
        predictor.simulate(pool, release="superseded").reused_tokens.tolist()
        for pool in (deaf, replace(deaf, eviction="v2"))
    ]
    assert found == [[0, 4, 8], [0, 4, 4]]


def test_vllm_keeps_one_block_back() -> None:
    manager = BlockManager(replace(VLLM, gpu_blocks=3))
    with pytest.raises(OutOfBlocks):
        manager.add(0, range(9))
    manager.add(0, range(8))


def test_vllm_shares_whole_blocks_as_soon_as_their_request_is_scheduled() -> None:
    manager = BlockManager(VLLM)
    manager.add(0, range(9))
    assert manager.add(1, range(9)).reused_tokens == 8
    assert manager.add(2, [*range(6), 9]).reused_tokens == 4


def test_vllm_takes_blocks_that_were_never_filled_first() -> None:
    manager = BlockManager(replace(VLLM, gpu_blocks=5))
    manager.add(0, range(8))
    manager.finish(0)
    manager.add(1, [50, 51, 52])
    manager.finish(1)
    manager.add(2, [60, 61, 62])
    assert manager.lookup(range(9)).matched_tokens == 4
    assert manager.counters.evictions_by_priority == {}


class NaiveVllm:
    """vLLM's pool from its rules: a free queue, and blocks by all tokens up to their end."""

    def __init__(self, pool: PoolSettings) -> None:
        self._size = pool.tokens_per_block
        self._free: list[list[tuple[int, ...] | None]] = [
            [None] for _ in range(pool.gpu_blocks - 1)
        ]
        self._cached: dict[tuple[int, ...], list[tuple[int, ...] | None]] = {}

    def serve(self, tokens: list[int]) -> int | None:
        """One request from start to end; gives the tokens it reuses, None if it does not fit."""
        size = self._size
        keys = [tuple(tokens[:end]) for end in range(size, len(tokens), size)]
        held = []
        for key in keys:
            if key not in self._cached:
                break
            held.append(self._cached[key])
        reused, count = len(held), -(-len(tokens) // size)
        free = [block for block in self._free if not any(block is one for one in held)]
        if count - reused > len(free):
            return None
        taken, self._free = free[: count - reused], free[count - reused :]
        for place, block in enumerate(taken, start=reused):
            if block[0] is not None:
                del self._cached[block[0]]
            block[0] = keys[place] if place < len(keys) else None
            if block[0] is not None:
                self._cached[block[0]] = block
        for block in reversed(held + taken):
            self._free.insert(0 if block[0] is None else len(self._free), block)
        return reused * size


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_vllms_pool_does_what_its_rules_say(rng: Random) -> None:
    workload = random_workload(rng)
    pool = replace(random_settings(rng, workload), eviction="vllm", host_blocks=0)
    naive, content = NaiveVllm(pool), Content(workload)
    found = simulate(
        build_paths(workload), workload.arrival_ms, workload.input_length, pool, compiled=False
    ).reused_tokens
    served = [naive.serve(content.prompt(index)) for index in range(len(workload))]
    assert [None if reused < 0 else reused for reused in found.tolist()] == served


@pytest.mark.parametrize("eviction", ["vllm", "sglang"])
def test_a_host_tier_is_refused_where_none_is_modelled(eviction: Eviction) -> None:
    with pytest.raises(ValueError, match="host tier"):
        PoolSettings(8, 4, host_blocks=1, eviction=eviction)


def test_a_radix_cache_finds_whole_pages() -> None:
    assert _radix(_workload(range(10), range(10), range(7)), 10, 4) == [0, 8, 4]


def test_a_radix_cache_evicts_the_leaf_used_longest_ago_as_a_whole() -> None:
    """Of a pool of six pages the second prompt needs one more than are free, and the whole first
    prompt goes for it."""
    workload = _workload(range(17), range(100, 109), range(17))
    assert _radix(workload, 6, 4) == [0, 0, 0]
    assert _radix(workload, 7, 4) == [0, 0, 16]


def test_a_radix_cache_keeps_what_a_younger_branch_continues() -> None:
    """The second prompt splits the first one; only what it does not share goes for the third."""
    branches = _workload((*range(8), *range(20, 29)), (*range(8), *range(30, 35)), range(50, 60))
    assert _radix(branches, 7, 4) == [0, 8, 0]
    again = _workload(
        (*range(8), *range(20, 29)), (*range(8), *range(30, 35)), range(50, 60), range(9)
    )
    assert _radix(again, 7, 4) == [0, 8, 0, 8]


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_an_ample_radix_cache_finds_what_vllm_does(rng: Random) -> None:
    workload = random_workload(rng)
    paths = build_paths(workload)
    pool = PoolSettings(10_000, rng.choice((1, 2, 4, 16)), eviction="vllm")
    whole = simulate(paths, workload.arrival_ms, workload.input_length, pool, compiled=False)
    radix = simulate_radix(paths, workload.input_length, replace(pool, eviction="sglang"))
    assert radix.reused_tokens.tolist() == whole.reused_tokens.tolist()


@given(st.randoms(use_true_random=True), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_a_scarce_radix_cache_finds_no_more_than_an_ample_one(rng: Random, blocks: int) -> None:
    workload = random_workload(rng)
    scarce, ample = _radix(workload, blocks, 4), _radix(workload, 10_000, 4)
    assert all(few <= many for few, many in zip(scarce, ample, strict=True))


class NaiveNode:
    """A run of pages in SGLang's tree."""

    def __init__(self, pages: list[tuple[int, ...]], used: int, parent: "NaiveNode | None") -> None:
        self.pages = pages
        self.used = used
        self.parent = parent
        self.children: dict[tuple[int, ...], NaiveNode] = {}


class NaiveRadix:
    """SGLang's radix cache as its source has it (mem_cache/radix_cache.py): `match_prefix`, then
    `evict` with the matched nodes locked, then `insert`."""

    def __init__(self, pool: PoolSettings) -> None:
        self._size, self._free = pool.tokens_per_block, pool.gpu_blocks
        self._root = NaiveNode([], 0, None)
        self._clock = 0

    def serve(self, tokens: list[int]) -> int:
        """One request from start to end; gives the tokens it reuses, -1 if it does not fit."""
        size = self._size
        pages = [tuple(tokens[end - size : end]) for end in range(size, len(tokens), size)]
        matched, node = self._match(pages)
        needed = -(-len(tokens) // size)
        locked = self._path(node)
        while self._free < needed - matched:
            leaves = [leaf for leaf in self._leaves(self._root) if leaf not in locked]
            leaf = min(leaves, key=lambda leaf: leaf.used)
            assert leaf.parent is not None
            del leaf.parent.children[leaf.pages[0]]
            self._free += len(leaf.pages)
        self._clock += 1
        for one in locked:
            one.used = self._clock
        if pages[matched:]:
            node.children[pages[matched]] = NaiveNode(pages[matched:], self._clock, node)
            self._free -= len(pages) - matched
        return matched * size

    def _match(self, pages: list[tuple[int, ...]]) -> tuple[int, NaiveNode]:
        self._clock += 1
        node, matched = self._root, 0
        while pages[matched:] and pages[matched] in node.children:
            child = node.children[pages[matched]]
            child.used = self._clock
            common = 0
            for own, asked in zip(child.pages, pages[matched:], strict=False):
                if own != asked:
                    break
                common += 1
            matched += common
            if common < len(child.pages):
                return matched, self._split(child, common)
            node = child
        return matched, node

    def _split(self, child: NaiveNode, common: int) -> NaiveNode:
        assert child.parent is not None
        upper = NaiveNode(child.pages[:common], self._clock, child.parent)
        child.parent.children[child.pages[0]] = upper
        child.pages, child.parent = child.pages[common:], upper
        upper.children[child.pages[0]] = child
        return upper

    def _path(self, node: NaiveNode | None) -> list[NaiveNode]:
        path = []
        while node is not None and node is not self._root:
            path.append(node)
            node = node.parent
        return path

    def _leaves(self, node: NaiveNode) -> list[NaiveNode]:
        if not node.children:
            return [] if node is self._root else [node]
        return [leaf for child in node.children.values() for leaf in self._leaves(child)]


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_a_radix_cache_does_what_sglangs_source_says(rng: Random) -> None:
    workload = random_workload(rng)
    size = rng.choice((1, 2, 3, 4, 8, 16))
    longest = -(-int(workload.input_length.max()) // size)
    pool = PoolSettings(int(longest * rng.choice((1, 1.3, 2, 4))) + 1, size, eviction="sglang")
    content, naive = Content(workload), NaiveRadix(pool)
    expected = [naive.serve(content.prompt(index)) for index in range(len(workload))]
    assert _reused(workload, pool) == expected


def test_what_a_request_leaves_of_a_node_counts_as_used() -> None:
    first, other = (1, 2, 3, 4, 0), (5, 6, 7, 8, 0)
    workload = _workload(first, other, (1, 2, 9, 9, 0), (20, 21, 0), first)
    assert _radix(workload, 5, 2)[-1] == 4


def test_a_radix_cache_is_predicted_with_one_request_at_a_time_only() -> None:
    with pytest.raises(ValueError, match="one at a time"):
        BlockManager(PoolSettings(8, 4, eviction="sglang"))


FIRST_AND_SECOND: list[tuple[str, range | tuple[int, ...]]] = [
    ("a", range(17)),
    ("a", (*range(8), *range(50, 55))),
]
"""A session that rewrites what followed its first eight tokens."""


@pytest.mark.parametrize("eviction", ["v2", "sglang"])
def test_what_goes_by_sessions_serves_one_request_at_a_time(eviction: Eviction) -> None:
    by_turns = PoolSettings(8, 4, eviction="v2", max_num_turns=1)
    by_sessions = PoolSettings(8, 4, eviction="sglang", protect_sessions=True)
    with pytest.raises(ValueError, match="one at a time"):
        BlockManager(by_turns if eviction == "v2" else by_sessions)


@pytest.mark.parametrize(
    "settings",
    [
        {"eviction": "flat", "max_num_turns": 1},
        {"eviction": "v2", "protect_sessions": True},
        {"eviction": "v2", "max_num_turns": -1},
        {"eviction": "v2", "max_num_turns": 1, "host_blocks": 1},
    ],
)
def test_settings_of_another_manager_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_num_turns|protect_sessions"):
        PoolSettings(8, 4, **settings)


def test_a_conversation_gives_up_what_its_last_turns_do_not_hold() -> None:
    workload = _in_sessions(*FIRST_AND_SECOND, ("d", range(17)))
    ample = PoolSettings(100, 4, eviction="v2", max_num_turns=1)
    assert _reused(workload, ample)[-1] == 8
    assert _reused(workload, replace(ample, max_num_turns=2))[-1] == 16
    assert _reused(workload, replace(ample, max_num_turns=0))[-1] == 16


def test_what_a_conversation_gives_up_makes_room_for_others() -> None:
    before, after = range(100, 109), range(300, 309)
    workload = _in_sessions(("b", before), *FIRST_AND_SECOND, ("e", after), ("c", before))
    scarce = PoolSettings(8, 4, eviction="v2")
    assert _reused(workload, scarce)[-1] < 8
    assert _reused(workload, replace(scarce, max_num_turns=1))[-1] == 8


def test_what_another_conversation_holds_is_kept() -> None:
    shared = _in_sessions(
        ("a", range(17)), ("b", range(17)), ("a", range(50, 60)), ("b", range(17))
    )
    assert _reused(shared, PoolSettings(100, 4, eviction="v2", max_num_turns=1))[-1] == 16


def _naive_lru(workload: Workload, capacity: int) -> int:
    """Whole pages as a plain set; what was used longest ago goes, of one prompt the deepest first.
    The page of the last token is free again at once."""
    used: dict[tuple[int, ...], int] = {}
    hits = 0
    for now in range(len(workload)):
        prompt = tuple(workload.units_of(now).tolist())
        if len(prompt) + 1 > capacity:
            continue
        own = [prompt[: end + 1] for end in range(len(prompt))]
        hits += sum(page in used for page in own)
        others = sorted(used.keys() - set(own), key=lambda page: (used[page], -len(page)))
        for page in others[: max(0, len(others) + len(prompt) + 1 - capacity)]:
            del used[page]
        used.update(dict.fromkeys(own, now))
    return hits * 8


@given(st.randoms(use_true_random=True), st.integers(1, 60), st.integers(0, 1))
@settings(max_examples=200, deadline=None)
def test_without_conversations_pages_go_by_their_last_use(
    rng: Random, capacity: int, turns: int
) -> None:
    workload = aligned_workload(rng)
    pool = PoolSettings(capacity, 8, eviction="v2", max_num_turns=turns)
    assert sum(max(0, one) for one in _reused(workload, pool)) == _naive_lru(workload, capacity)


def test_open_sessions_are_evicted_last() -> None:
    others = ("", range(50, 59)), ("", range(70, 79))
    workload = _in_sessions(("a", range(9)), *others, ("a", range(13)))
    scarce = PoolSettings(6, 4, eviction="sglang")
    assert _reused(workload, scarce)[-1] == 0
    assert _reused(workload, replace(scarce, protect_sessions=True))[-1] == 8


def test_a_session_that_closed_is_evicted_as_any_other() -> None:
    others = ("", range(50, 59)), ("", range(70, 79))
    workload = _in_sessions(("a", range(9)), *others, ("", range(13)))
    scarce = PoolSettings(6, 4, eviction="sglang", protect_sessions=True)
    assert _reused(workload, scarce)[-1] == 0


@given(st.randoms(use_true_random=True), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_protected_or_not_a_radix_cache_finds_no_more_than_an_ample_one(
    rng: Random, blocks: int
) -> None:
    workload = random_workload(rng)
    paths, lengths = build_paths(workload), workload.input_length
    sessions = np.array([rng.randrange(4) for _ in range(len(workload))])
    pool = PoolSettings(blocks, 4, eviction="sglang", protect_sessions=True)
    scarce = simulate_radix(paths, lengths, pool, sessions).reused_tokens
    ample = simulate_radix(paths, lengths, replace(pool, gpu_blocks=10_000), sessions).reused_tokens
    assert (scarce <= ample).all()
