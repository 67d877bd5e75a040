"""The corruption canary on an engine with and without faults; the whole table is in
tests/benchmarks/bench_canary.py."""

import asyncio
from contextlib import suppress

import pytest

from charter_engine.contracts.canary import CanaryAnswer
from charter_engine.embedded.engine.faults import CacheFault, FaultKind
from charter_engine.servers.canary import ROUNDS_BEFORE_BLIND, CorruptionCanary
from charter_engine.traffic.canary import NOISE_ROUNDS
from charter_engine.triton.errors import Unreachable
from tests.unit.servers.canary_targets import NoisyServer, SmallEngine, requests_to_alarm


def canary_on(kind: FaultKind, *, salted: bool = False) -> CorruptionCanary:
    return CorruptionCanary(SmallEngine(CacheFault(kind=kind), salted=salted), seed=3)


@pytest.mark.parametrize("kind", ["offload", "stranger", "orphan", "partial", "boundary"])
async def test_a_corrupted_cache_is_an_alarm_with_both_answers(kind: FaultKind) -> None:
    canary = canary_on(kind)
    assert await requests_to_alarm(canary, 200) is not None
    alarm = canary.report.alarm
    assert alarm is not None and alarm.reason == "another answer with reuse"
    assert alarm.pair.reference.token_ids != alarm.pair.answer.token_ids or alarm.gap
    assert alarm.pair.answer.reused_blocks
    assert "enable_kv_cache_reuse" in alarm.remedy


async def test_blocks_shared_across_salts_are_an_alarm() -> None:
    canary = canary_on("namespace", salted=True)
    assert await requests_to_alarm(canary, 40) is not None
    assert canary.report.alarm is not None
    assert canary.report.alarm.reason == "reused what nobody has"


@pytest.mark.parametrize("salted", [False, True])
async def test_a_sound_cache_under_pressure_is_none(salted: bool) -> None:
    canary = CorruptionCanary(SmallEngine(salted=salted), seed=3)
    assert await requests_to_alarm(canary, 80) is None
    assert canary.report.state == "watching"
    assert canary.report.differing == 0 < canary.report.pairs


@pytest.mark.parametrize("gaps", [0.0, 0.02])
async def test_a_server_that_is_not_deterministic_is_none(gaps: float) -> None:
    canary = CorruptionCanary(NoisyServer(0.03, gaps, seed=5), seed=5)
    assert await requests_to_alarm(canary, 4_000) is None


async def test_the_servers_own_noise_is_measured_first() -> None:
    canary = CorruptionCanary(SmallEngine(), seed=3)
    report = await canary.round()
    assert report.noise_pairs == NOISE_ROUNDS + 1
    assert report.requests == report.noise_pairs + 2


class Unsteady(NoisyServer):
    """Does not answer now and then, though it has done what was asked."""

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        answer = await super().ask(prompt, salt)
        if self._draw.random() < 0.2:
            raise Unreachable("no answer")
        return answer


async def test_a_round_that_is_broken_off_is_no_alarm() -> None:
    canary = CorruptionCanary(Unsteady(0.0, 0.0, seed=1), seed=1)
    for _ in range(100):
        with suppress(Unreachable):
            await canary.round()
    assert canary.report.rounds > 10
    assert canary.report.alarm is None


class Forgetful(NoisyServer):
    """Reuses nothing."""

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        self._seen.clear()
        return await super().ask(prompt, salt)


async def test_where_nothing_is_reused_it_says_that_it_cannot_tell() -> None:
    canary = CorruptionCanary(Forgetful(0.0, 0.0, seed=1), seed=1)
    for _ in range(ROUNDS_BEFORE_BLIND):
        report = await canary.round()
    assert (report.state, report.pairs) == ("blind", 0)
    assert "is reuse on?" in report.reason


def test_the_cost_is_told_by_the_hour() -> None:
    canary = CorruptionCanary(NoisyServer(0.0, 0.0, seed=1), seed=1, every_seconds=60)
    report = asyncio.run(canary.round())
    assert report.computed_tokens_per_hour == pytest.approx(60 * report.computed_tokens)
