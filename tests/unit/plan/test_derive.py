"""From a compiled agent and a workload to a plan."""

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.planning import Derivation, Levers
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.plan.agent_inputs import AgentInputs
from charter_engine.plan.decide import Asked, decide
from charter_engine.plan.derive import plan_of_agent
from charter_engine.plan.plan_file import read_plan
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.replan import replan
from tests.unit.plan.agents import COMPANIES, DELTA_CALLS, DOCUMENT_CALLS

AMPLE = CurrentServer(pool_tokens=1 << 20)
DOCUMENTS = [{"document": f"{index}: " + "some text of the document. " * 10} for index in range(3)]


def words(text: str, ends: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """A token for every four characters, so that searches stay small."""
    return [hash(text[start : start + 4]) & 0xFFFFFF for start in range(0, len(text), 4)], [
        (end + 3) // 4 for end in ends
    ]


def source(
    calls: tuple[Call, ...],
    inputs: Sequence[Mapping[str, object]],
    deployment: CurrentServer = AMPLE,
) -> AgentInputs:
    return AgentInputs(
        CompiledFile(path="a.py", calls=calls, opportunities=find_opportunities(calls)),
        inputs,
        words,
        deployment,
        from_first_principles(),
    )


def derive(source: AgentInputs, asked: Asked | None = None) -> Derivation:
    asked = asked or Asked()
    return plan_of_agent(source, "a.py", asked, decide(source, asked))


@cache
def chain() -> Derivation:
    return derive(source(DOCUMENT_CALLS, DOCUMENTS))


def test_a_chain_becomes_a_conversation_close_to_its_bound() -> None:
    derivation = chain()
    assert derivation.plan.nodes["D.process:validation"].layout == "append-only"
    assert derivation.chosen.token_hit_rate >= 0.95 * derivation.chosen.bound


def test_a_loop_puts_its_template_in_front() -> None:
    derivation = derive(source(DELTA_CALLS, [{"companies": COMPANIES}]))
    assert derivation.plan.nodes["L.batch:analysis"].layout == "prefix-first"
    assert derivation.chosen.token_hit_rate > derivation.as_it_is.token_hit_rate


@pytest.mark.parametrize("lever", ["layout", "block_size", "groups"])
def test_a_lever_switched_off_is_left_as_deployed(lever: str) -> None:
    plan = derive(source(DOCUMENT_CALLS, DOCUMENTS), Asked(levers=Levers(**{lever: False}))).plan
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
    derivation = derive(source(DOCUMENT_CALLS, DOCUMENTS, CurrentServer(pool_tokens=512)))
    assert {item.point.policy for item in derivation.evaluations} > {"default"}
    assert {item.point.host_blocks for item in derivation.evaluations} > {0}


def test_a_plan_that_keeps_the_host_tier_there_is_asks_for_none() -> None:
    deployment = CurrentServer(pool_tokens=512, bytes_per_token=1_024, host_bytes=512 * 1_024)
    derivation = derive(source(DOCUMENT_CALLS, DOCUMENTS, deployment))
    assert derivation.as_it_is.point.host_blocks == 16
    assert derivation.plan.server.kv_cache_host_memory_bytes is None
    assert "kv_cache_host_memory_bytes" not in derivation.plan.why
