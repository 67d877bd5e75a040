"""Faults of the cache that are made on purpose, and how they are asked for."""

import pytest

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.faults import CacheFault
from charter_engine.embedded.engine.settings import parse_settings
from tests.unit.embedded.small import generate, small_scheduler

PARAMETERS = {"gpt_model_path": "engine", "gpt_model_type": "inflight_fused_batching"}
PROMPT = tuple(range(2, 42))


def fault_of(text: str) -> CacheFault | None:
    return parse_settings({**PARAMETERS, "charter_fault": text}, lambda _: None).fault


def test_an_engine_has_no_fault_unless_told() -> None:
    assert parse_settings(PARAMETERS, lambda _: None).fault is None
    assert fault_of("") is None
    assert fault_of("${charter_fault}") is None


def test_a_fault_is_asked_for_by_its_kind_and_share() -> None:
    assert fault_of("orphan") == CacheFault(kind="orphan")
    assert fault_of("offload:0.25") == CacheFault(kind="offload", share=0.25)


@pytest.mark.parametrize("text", ["rust", "orphan:0", "orphan:2", "orphan:often", ":1"])
def test_an_unknown_fault_stops_the_load(text: str) -> None:
    with pytest.raises(EngineConfigError, match="charter_fault"):
        fault_of(text)


def test_a_stranger_s_block_changes_what_is_answered() -> None:
    sound, faulty = small_scheduler(64), small_scheduler(64, fault=CacheFault(kind="stranger"))
    answers = [[generate(each, PROMPT, 12).tokens for _ in range(3)] for each in (sound, faulty)]
    assert len(set(answers[0])) == 1
    assert answers[0][0] == answers[1][0] != answers[1][-1]


def test_requests_of_another_salt_share_no_blocks() -> None:
    scheduler = small_scheduler(64)
    reused = [
        generate(scheduler, PROMPT, cache_salt_id=salt).counters.reused for salt in (1, 2, 1, None)
    ]
    assert reused == [0, 0, 10, 0]


def test_unless_the_namespace_is_at_fault() -> None:
    scheduler = small_scheduler(64, fault=CacheFault(kind="namespace"))
    reused = [generate(scheduler, PROMPT, cache_salt_id=salt).counters.reused for salt in (1, 2)]
    assert reused == [0, 10]
