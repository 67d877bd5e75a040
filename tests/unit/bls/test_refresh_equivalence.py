"""A plain request and a follow-up leave the block manager as one request that knew its answer would
have."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.bls.forest import Forest
from charter_engine.bls.retention import Retention, Rule
from charter_engine.bls.reuse_times import NodeRules, RefreshWorth, ReuseTimeRules
from charter_engine.bls.sessions import LiveSession, Sent, Sessions
from charter_engine.kvcache import BlockManager, PoolSettings
from charter_engine.kvcache.manager.blocks import GPU, Block
from charter_engine.kvcache.manager.keys import encode
from charter_engine.kvcache.manager.tree import below
from tests.unit.bls.streams import record

BLOCK = 4
RULES = (Rule(0), Rule(20), Rule(35), Rule(60, 50), Rule(80), Rule(100, 5))
rules = st.sampled_from(RULES)


@dataclass
class Request:
    """A prompt, its answer, what its node asks for besides, the rules of its answer's and of the
    guessed level, and how many tokens at its end rank above the rest."""

    prompt: list[int]
    output: list[int]
    node: NodeRules
    own: Rule
    guessed: Rule
    last_tokens: int = 0


@st.composite
def requests(draw: st.DrawFn) -> Request:
    document = draw(st.integers(0, 3))
    prompt = [document // 2] * draw(st.integers(1, 9)) + [9 + document] * draw(st.integers(1, 12))
    output = [20] * draw(st.integers(1, 9))
    node = NodeRules(
        0.5, draw(st.sampled_from((0, 3, 8, 40))), draw(rules), draw(st.sampled_from((0, 5, 40)))
    )
    last_tokens = draw(st.sampled_from((0, BLOCK, 40)))
    return Request(prompt, output, node, draw(rules), draw(rules), last_tokens)


PAYS = RefreshWorth(((1.0,), (1.0,)))


@st.composite
def histories(draw: st.DrawFn) -> list[Request]:
    """Requests of which no two get the same answer: of equal contents the one that came first stays
    in the tree."""
    found = draw(st.lists(requests(), min_size=1, max_size=6))
    return [
        replace(request, output=[100 + index] * len(request.output))
        for index, request in enumerate(found)
    ]


def deciding(request: Request, own: Rule) -> Sessions:
    """What decides that the request's own part asks for this rule."""
    return Sessions(
        ReuseTimeRules("answered", PAYS, (), (own,), {}, Forest((), 0.0), request.last_tokens)
    )


def retention(inputs: dict[str, list[int]]) -> Retention:
    """The inputs as the block manager takes them."""
    return record(inputs)


def serve(manager: BlockManager, prompt: list[int], output: list[int], asked: Retention) -> int:
    """One request from start to finish; how many tokens it had to compute."""
    admission = manager.add("r", prompt, retention=asked)
    manager.store_context("r")
    for token in output:
        manager.append("r", [token])
    manager.finish("r")
    return len(prompt) - admission.reused_tokens


def kept(manager: BlockManager) -> dict[bytes, tuple[int, int | None]]:
    """What the tree holds, by path: priority and duration."""
    found: dict[bytes, tuple[int, int | None]] = {}

    def walk(block: Block, above: bytes) -> None:
        for key, child in (block.children or {}).items():
            found[above + key] = (child.priority, child.duration_ms)
            walk(child, above + key)

    for root in manager._pool.tree.roots():
        walk(root, b"")
    return found


def order(manager: BlockManager) -> list[bytes]:
    """The paths of the tree's idle blocks, in the order in which they would be evicted one after
    the other."""
    blocks = [block for root in manager._pool.tree.roots() for block in below(root)[1:]]
    candidates = [block.id for block in manager._pool.idle.candidates(GPU)]
    ranked = sorted(
        (block for block in blocks if block.id in candidates),
        key=lambda block: candidates.index(block.id),
    )
    return [path(block) for block in ranked]


def path(block: Block) -> bytes:
    return (path(block.parent) if block.parent is not None else b"") + block.key


def sent(prompt: list[int], node: NodeRules) -> Sent:
    return Sent(LiveSession("s"), 1, node, np.array(prompt, np.int32), [], 0.0, 0)


def answered_at_once(manager: BlockManager, request: Request) -> None:
    """A request whose retention knew its answer; one token longer, for the follow-up computes one
    more."""
    asked = deciding(request, request.own).asked(sent(request.prompt, request.node))
    serve(manager, request.prompt, [*request.output, 99], retention(asked))


def answered_and_followed(manager: BlockManager, request: Request) -> Retention:
    """A request that asked for something else, and its follow-up, which must find all but the last
    token."""
    sessions, plain = (
        deciding(request, request.own),
        deciding(request, request.guessed),
    )
    before = sent(request.prompt, request.node)
    serve(manager, request.prompt, request.output, retention(plain.asked(before)))
    whole = [*request.prompt, *request.output]
    asked = retention(sessions.refreshed(before, 0, len(whole), 0.0))
    assert serve(manager, whole, [99], asked) == 1
    return asked


def off_the_edges(request: Request) -> Request:
    """The request, longer where a follow-up differs by the last token of a block.

    A prompt of whole blocks computes its last one twice if it is there already, and only a
    follow-up reaches the one in the tree. Where an answer ends with a block, or one token behind
    it, the follow-up takes a block more.
    """
    prompt = [*request.prompt, *request.prompt[-1:] * (len(request.prompt) % BLOCK == 0)]
    missing = {0: 2, 1: 1}.get((len(prompt) + len(request.output)) % BLOCK, 0)
    return replace(request, prompt=prompt, output=[*request.output, *request.output[:1] * missing])


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from(("leaf", "flat")))
def test_the_tree_its_priorities_durations_and_order_of_eviction_are_the_same(
    history: list[Request], eviction: Literal["leaf", "flat"]
) -> None:
    pool = PoolSettings(300, BLOCK, eviction=eviction, partial_reuse=False)
    at_once, in_two = BlockManager(pool), BlockManager(pool)
    for request in map(off_the_edges, history):
        answered_at_once(at_once, request)
        answered_and_followed(in_two, request)
        assert kept(at_once) == kept(in_two)
        assert order(at_once) == order(in_two)


@settings(max_examples=200, deadline=None)
@given(histories(), st.sampled_from(("leaf", "flat")))
def test_blocks_copied_on_a_partial_match_get_what_was_asked_too(
    history: list[Request], eviction: Literal["leaf", "flat"]
) -> None:
    """One request would leave a copy with the retention of what it was copied from."""
    manager = BlockManager(PoolSettings(300, BLOCK, eviction=eviction))
    for request in history:
        asked = answered_and_followed(manager, request)
        whole = [*request.prompt, *request.output]
        wanted = asked.per_block(BLOCK, len(whole))
        stored, above = kept(manager), b""
        for index, (priority, duration_ms) in enumerate(wanted):
            above += encode(whole[index * BLOCK : (index + 1) * BLOCK], None)
            assert stored[above] == (35 if priority is None else priority, duration_ms)


def test_deadlines_count_from_the_follow_up() -> None:
    manager = BlockManager(PoolSettings(20, BLOCK))
    request = Request([1] * 8, [2] * 4, NodeRules(0.5), Rule(60, 50), Rule(80))
    answered_and_followed(manager, request)
    manager.set_time(49)
    manager.refresh()
    assert {priority for priority, _ in kept(manager).values()} == {60}
    manager.set_time(50)
    manager.refresh()
    assert {priority for priority, _ in kept(manager).values()} == {35}


@settings(max_examples=100, deadline=None)
@given(requests())
def test_a_follow_up_takes_one_fresh_block_at_most_and_only_at_the_edge_of_one(
    request: Request,
) -> None:
    manager = BlockManager(PoolSettings(60, BLOCK))
    before = sent(request.prompt, request.node)
    serve(manager, request.prompt, request.output, Retention())
    allocated = manager.counters.allocated_total
    whole = [*request.prompt, *request.output]
    serve(
        manager,
        whole,
        [99],
        retention(deciding(request, request.own).refreshed(before, 0, len(whole), 0.0)),
    )
    assert manager.counters.allocated_total - allocated == (len(whole) % BLOCK in {0, 1})
