"""A real vLLM: what Charter says of it, and that the predictor agrees with its own counters."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from charter_engine.api.kv_log import follow_server_events
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import ProfileRequest
from charter_engine.embedded.ports import free_ports
from charter_engine.kvcache.manager.event_batches import follow_batch
from charter_engine.kvcache.manager.event_map import EventMap
from charter_engine.servers.event_stream import event_messages
from charter_engine.servers.finding import server_at
from charter_engine.servers.protocol import TokenRequest
from charter_engine.servers.proving import prove_reuse
from tests.engines.conversing import cached_blocks, converse
from tests.engines.vllm_process import BLOCK, vllm

POOL_BLOCKS = 80
FOLLOWED_SECONDS = 5.0
PATIENCE_SECONDS = 60.0
PROMPT = tuple(range(300, 300 + 4 * BLOCK + 1))


@pytest.fixture(scope="module")
def request_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfileRequest]:
    with vllm(tmp_path_factory.mktemp("vllm"), blocks=POOL_BLOCKS) as url:
        yield ProfileRequest(address=url)


async def test_a_real_vllm_is_profiled_by_what_it_says(request_of: ProfileRequest) -> None:
    async with server_at(request_of, TritonOptions()) as server:
        profile = await server.profile()
    assert (profile.kind, profile.rules, profile.tokens_per_block) == ("vllm", "vllm", BLOCK)
    assert profile.counters.pool is not None
    assert profile.counters.pool.max_blocks == POOL_BLOCKS
    assert profile.counters.reuse == "measured"


async def test_its_reuse_is_proved(request_of: ProfileRequest) -> None:
    async with server_at(request_of, TritonOptions()) as server:
        outcome = await prove_reuse(server, await server.profile(), lambda _: None)
    assert outcome.result == "acts", outcome.evidence


async def test_an_answer_has_its_tokens_and_both_its_times(request_of: ProfileRequest) -> None:
    async with server_at(request_of, TritonOptions()) as server:
        answer = await server.complete(TokenRequest(token_ids=PROMPT, max_tokens=8))
    assert len(answer.output_ids) == 8 and answer.prompt_tokens == len(PROMPT)
    assert answer.ttft_ms is not None and 0 < answer.ttft_ms < answer.latency_ms


async def test_a_salt_keeps_blocks_apart(request_of: ProfileRequest) -> None:
    salted = TokenRequest(token_ids=PROMPT, cache_salt="one")
    async with server_at(request_of, TritonOptions()) as server:
        await server.complete(salted)
        assert (await server.complete(salted)).reused_tokens == 4 * BLOCK
        other = TokenRequest(token_ids=PROMPT, cache_salt="another")
        assert (await server.complete(other)).reused_tokens == 0


async def test_every_request_reuses_what_was_predicted_under_pressure(tmp_path: Path) -> None:
    with vllm(tmp_path, blocks=POOL_BLOCKS) as url:
        async with server_at(ProfileRequest(address=url), TritonOptions()) as server:
            compared = await converse(server, await server.profile(), 72, seed=1)
    assert [one.reused for one in compared] == [one.predicted for one in compared]
    assert any(one.reused for one in compared)


async def test_its_events_describe_the_cache_that_is_predicted(tmp_path: Path) -> None:
    """Given an address of this machine, vLLM connects to it: the subscriber listens."""
    (port,) = free_ports(1)
    address, found = f"tcp://127.0.0.1:{port}", EventMap()
    with vllm(tmp_path, blocks=POOL_BLOCKS, events=address) as url:
        async with (
            aclosing(event_messages(address, listen=True)) as messages,
            server_at(ProfileRequest(address=url), TritonOptions()) as server,
        ):
            profile = await server.profile()
            first = asyncio.create_task(anext(messages))
            compared = await converse(server, profile, 40, seed=2)
            expected = cached_blocks([one.request for one in compared], profile)
            message = await first
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    follow_batch(found, message.number, message.batch)
                    report = found.report()
                    if report.trees[0].blocks == expected and report.by_type["removed"]:
                        break
                    message = await anext(messages)
    assert report.complete, report.gaps


async def test_its_events_are_followed_where_its_url_says_that_it_publishes(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with vllm(tmp_path, blocks=POOL_BLOCKS, events=f"tcp://*:{port}") as url:
        request = ProfileRequest(address=url)
        following = asyncio.create_task(follow_server_events(request, seconds=FOLLOWED_SECONDS))
        async with server_at(request, TritonOptions()) as server:
            number = 0
            while not following.done():
                number += 1
                await server.complete(TokenRequest(token_ids=(number, *PROMPT)))
        report = await following
    assert report.by_type["stored"]
    assert report.trees[0].attention_dp_rank == 0
