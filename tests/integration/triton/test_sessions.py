"""Policy `next-use` on a real Triton.

Learnt reuse times are pushed, sessions recognised, answers followed up.
"""

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from charter_engine.bls.reuse_times import reuse_times_section
from charter_engine.contracts.plan import Plan
from charter_engine.plan.retention.online import online
from charter_engine.triton.bls_plan import reuse_times_of
from charter_engine.triton.client import TritonClient
from charter_engine.triton.metrics import TritonMetrics, scrape
from charter_engine.triton.release import BLS_PLAN
from charter_engine.triton.request import Generated, GenerateRequest
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import deployer
from tests.integration.triton.sessions import (
    BLOCK_TOKENS,
    LONG_TOKENS,
    POOL_TOKENS,
    SHORT_TOKENS,
    learnt,
    play,
    shrinking_worth,
)

PLAN = Plan(agent="", policy="next-use", reuse_times="waits.json")
REUSE_TIMES = online(learnt())


@pytest.fixture(scope="module")
def scarce(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    parameters = {"max_tokens_in_paged_kv_cache": str(POOL_TOKENS)}
    yield from serving(tmp_path_factory.mktemp("scarce"), parameters=parameters)


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("streaming"), decoupled=True)


async def metrics_of(served: Served) -> TritonMetrics:
    """The metrics page once nothing is on its way to it any more."""
    before = await scrape(served.state.metrics_url)
    while True:
        await asyncio.sleep(0.2)
        now = await scrape(served.state.metrics_url)
        if now == before:
            return now
        before = now


def reused(answer: Generated) -> int:
    assert answer.reused_tokens is not None
    return answer.reused_tokens


async def test_sessions_that_come_back_soon_find_more_than_by_default(scarce: Served) -> None:
    async with TritonClient(scarce.state.connection) as client:
        default = await play(client, 8.0, 100)
        await deployer(client, scarce.repository).push(PLAN, (), reuse_times=REUSE_TIMES)
        learnt_reuse_times = await play(client, 8.0, 500)
        metrics = await metrics_of(scarce)
    assert (
        learnt_reuse_times.reused_tokens / learnt_reuse_times.requests
        > 1.3 * default.reused_tokens / default.requests
    )
    served = sum(node.requests for node in metrics.nodes if node.revision == 1)
    assert (
        served == learnt_reuse_times.requests + 1
    )  # the push sends one to see whether it is answered
    assert metrics.refreshes["sent"] > 0
    assert metrics.refreshes["failed"] == 0


async def test_pushing_reuse_times_keeps_the_cache_and_a_rollback_brings_back_what_was_there(
    scarce: Served,
) -> None:
    prompt = GenerateRequest(token_ids=tuple(range(1_000, 1_500)), max_tokens=2)
    async with TritonClient(scarce.state.connection) as client:
        ready = deployer(client, scarce.repository)
        await ready.push(Plan(agent="", nodes={}, server=PLAN.server), (), force=True)
        await client.generate(prompt)
        pushed = await ready.push(PLAN, (), reuse_times=REUSE_TIMES)
        assert reused(await client.generate(prompt)) >= 480
        assert [(change.key, change.cost) for change in pushed.diff.changes] == [
            ("waits", "plan reload")
        ]
        assert (await ready.push(PLAN, (), reuse_times=REUSE_TIMES)).message == "nothing to push"
        assert reuse_times_of((scarce.repository / BLS_PLAN).read_text()) == msgspec.json.decode(
            msgspec.json.encode(reuse_times_section(REUSE_TIMES))
        )
        await ready.rollback()
        assert reuse_times_of((scarce.repository / BLS_PLAN).read_text()) is None
        await ready.rollback(pushed.revision)
        assert reuse_times_of((scarce.repository / BLS_PLAN).read_text()) is not None
        assert reused(await client.generate(prompt)) >= 480


async def test_what_a_session_rewrote_is_released(scarce: Served) -> None:
    async with TritonClient(scarce.state.connection) as client:
        await deployer(client, scarce.repository).push(Plan(agent="", release="superseded"), ())
        for attempt in range(50):
            head = (attempt, *range(100, 300))
            ends = (range(100 * end, 100 * end + 100) for end in (5, 6))
            first, second = (
                GenerateRequest(token_ids=(*head, *end), max_tokens=1, session=f"{attempt}")
                for end in ends
            )
            await client.generate(first)
            await client.generate(second)
            # The release follows the answer, and nobody is told when it is through.
            await asyncio.sleep(0.1)
            if reused(await client.generate(replace(first, session=""))) < 250:
                return
    raise AssertionError("the end that was rewritten is cached still")


async def test_a_client_that_went_away_is_not_followed_up(scarce: Served) -> None:
    async with TritonClient(scarce.state.connection) as client:
        await deployer(client, scarce.repository).push(
            PLAN, (), reuse_times=REUSE_TIMES, force=True
        )
        before = (await metrics_of(scarce)).refreshes
        request = GenerateRequest(
            token_ids=tuple(range(3_000, 3_400)), max_tokens=400, session="gone"
        )
        task = asyncio.ensure_future(client.generate(request))
        await asyncio.sleep(0.4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(1.0)
        assert (await metrics_of(scarce)).refreshes == before


async def test_streamed_answers_are_followed_up_and_the_follow_up_keeps_the_whole_answer(
    streaming: Served,
) -> None:
    async with TritonClient(streaming.state.connection) as client:
        await deployer(client, streaming.repository).push(PLAN, (), reuse_times=REUSE_TIMES)
        before = (await metrics_of(streaming)).refreshes["sent"]
        prompt = tuple(range(500, 900))
        pieces = [
            piece async for piece in client.stream(GenerateRequest(token_ids=prompt, max_tokens=8))
        ]
        # The refresh waits for an idle engine, and nobody is told when it is through.
        while (await metrics_of(streaming)).refreshes["sent"] == before:
            pass
        longer = (*prompt, *pieces[-1].output_ids, *range(100, 140))
        # A request alone leaves its last token without keys and values.
        assert reused(await client.generate(GenerateRequest(token_ids=longer, max_tokens=1))) == 408


async def test_a_session_that_stays_away_gives_way_to_one_that_ranked_below_it(
    scarce: Served,
) -> None:
    def prompt(session: str, first_token: int, tokens: int) -> GenerateRequest:
        ids = tuple(range(first_token, first_token + tokens))
        return GenerateRequest(token_ids=ids, max_tokens=1, session=session)

    away, below = prompt("away", 2_500, LONG_TOKENS), prompt("below", 3_200, SHORT_TOKENS)
    async with TritonClient(scarce.state.connection) as client:
        await deployer(client, scarce.repository).push(
            PLAN, (), reuse_times=shrinking_worth(), force=True
        )
        before = await metrics_of(scarce)

        async def demoted() -> bool:
            """Whether a prompt was, once the one that stays away is worth less than the other.

            It is so unless the machine took so long that it was before the other was ranked.
            """
            await client.generate(away)
            await client.generate(below)
            for _ in range(20):
                await client.generate(prompt("other", 1_300, BLOCK_TOKENS))
                if (await metrics_of(scarce)).refreshes["demoted"] > before.refreshes["demoted"]:
                    return True
            return False

        attempts = 10
        while not await demoted():
            attempts -= 1
            assert attempts
        assert (await metrics_of(scarce)).refreshes["failed"] == before.refreshes["failed"]
        await client.generate(prompt("new", 200, POOL_TOKENS - SHORT_TOKENS - LONG_TOKENS // 2))
        assert reused(await client.generate(below)) >= SHORT_TOKENS - BLOCK_TOKENS
        assert reused(await client.generate(away)) < LONG_TOKENS // 2
