"""From a compiled agent and a workload to a plan."""

from collections.abc import Mapping, Sequence
from functools import cache, partial

import pytest

from charter_engine.analysis.agent_workload import PlacedRequest
from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.plan import NodePlan, Policy, SegmentRange
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import predict
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.plan.derive import Asked, CurrentServer, Derivation, Search, derive_plan
from charter_engine.plan.plan_file import read_plan
from charter_engine.plan.propose import time_alone
from charter_engine.plan.replan import replan
from charter_engine.plan.search import Levers
from tests.unit.plan.agents import COMPANIES, DELTA_CALLS, DOCUMENT_CALLS

DOCUMENTS = [{"document": f"{index}: " + "some text of the document. " * 10} for index in range(3)]


def predicted(requests: Sequence[WorkloadRequest], settings: PoolSettings) -> Prediction:
    return predict(
        requests, settings, timing=Timing(), latency=from_first_principles(), bracket=False
    )


def keep_beginnings(
    policy: Policy, calls: Sequence[Call], placed: Sequence[PlacedRequest]
) -> Mapping[str, NodePlan]:
    return {
        call.id: NodePlan(retention=(SegmentRange(first=0, last=0, priority=90),)) for call in calls
    }


def words(text: str, ends: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """A token for every four characters, so that searches stay small."""
    return [hash(text[start : start + 4]) & 0xFFFFFF for start in range(0, len(text), 4)], [
        (end + 3) // 4 for end in ends
    ]


def search(
    calls: tuple[Call, ...], inputs: Sequence[Mapping[str, object]], pool_tokens: int = 1 << 20
) -> Search:
    return Search(
        CompiledFile(path="a.py", calls=calls, opportunities=find_opportunities(calls)),
        inputs=inputs,
        encode=words,
        predict=predicted,
        retain=keep_beginnings,
        deployment=CurrentServer(pool_tokens=pool_tokens),
        pace=partial(time_alone, from_first_principles()),
    )


@cache
def chain() -> Derivation:
    return derive_plan(search(DOCUMENT_CALLS, DOCUMENTS), "a.py")


def test_a_chain_becomes_a_conversation_close_to_its_bound() -> None:
    derivation = chain()
    assert derivation.plan.nodes["D.process:validation"].layout == "append-only"
    assert derivation.chosen.token_hit_rate >= 0.95 * derivation.chosen.bound


def test_a_loop_puts_its_template_in_front() -> None:
    derivation = derive_plan(search(DELTA_CALLS, [{"companies": COMPANIES}]), "a.py")
    assert derivation.plan.nodes["L.batch:analysis"].layout == "prefix-first"
    assert derivation.chosen.token_hit_rate > derivation.as_it_is.token_hit_rate


@pytest.mark.parametrize("lever", ["layout", "block_size", "groups"])
def test_a_lever_switched_off_is_left_as_deployed(lever: str) -> None:
    plan = derive_plan(
        search(DOCUMENT_CALLS, DOCUMENTS), "a.py", Asked(levers=Levers(**{lever: False}))
    ).plan
    untouched = {
        "layout": all(node.layout == "source" for node in plan.nodes.values()),
        "block_size": plan.server.tokens_per_block is None,
        "groups": all(node.cache_group is None for node in plan.nodes.values()),
    }
    assert untouched[lever]


def test_reuse_is_asked_for_only_where_it_is_off() -> None:
    plan = chain().plan
    assert plan.server.enable_kv_cache_reuse is None


def test_where_everything_fits_the_plan_stays_with_default_priorities_and_says_why() -> None:
    plan = chain().plan
    assert plan.policy == "default"
    assert "fits the pool" in plan.why["policy"].text


def test_every_alternative_on_the_front_is_kept_with_the_chosen_one_marked() -> None:
    plan = chain().plan
    assert sum(alternative.chosen for alternative in plan.alternatives) == 1


def test_a_plan_survives_its_file() -> None:
    plan = chain().plan
    assert read_plan(replan(plan), "plan.yaml") == plan


def test_calls_that_begin_alike_share_a_group() -> None:
    plan = chain().plan
    assert len({node.cache_group for node in plan.nodes.values()}) == 1


def test_a_scarce_pool_brings_policies_and_a_host_tier_into_the_search() -> None:
    derivation = derive_plan(search(DOCUMENT_CALLS, DOCUMENTS, pool_tokens=512), "a.py")
    assert {item.point.policy for item in derivation.evaluations} > {"default"}
    assert {item.point.host_blocks for item in derivation.evaluations} > {0}
