"""A server that is reached by HTTP, as an engine works with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.servers.http_deployment import HttpDeployment
from tests.unit.servers.answering import Routes, answering, sglang, trtllm_serve, vllm


@asynccontextmanager
async def watching(url: str, *, has_gateway: bool = False) -> AsyncIterator[HttpDeployment]:
    deployment = HttpDeployment(ProfileRequest(address=url), has_gateway=has_gateway)
    await deployment.start()
    try:
        yield deployment
    finally:
        await deployment.close()


@pytest.mark.parametrize(
    ("routes", "called", "pool"),
    [
        (vllm(), "vLLM", (200, 32)),
        (sglang(), "SGLang", (2_000, 16)),
        (trtllm_serve(), "trtllm-serve", (1_000, 32)),
    ],
)
async def test_a_sample_says_what_it_is_and_how_full_its_pool_is(
    routes: Routes, called: str, pool: tuple[int, int]
) -> None:
    async with answering(routes) as (_, url), watching(url) as deployment:
        sample = await deployment.sample()
    assert (sample.health, sample.called, sample.url) == ("ready", called, url)
    assert sample.kv_pool is not None
    assert (sample.kv_pool.max_blocks, sample.kv_pool.tokens_per_block) == pool


async def test_the_second_sample_tells_rates() -> None:
    counted = iter((390, 490))
    metrics = "vllm:prefix_cache_queries_total {}\nvllm:prefix_cache_hits_total 128\n"
    routes = vllm(metrics=lambda _: metrics.format(next(counted)))
    ticks = iter((0.0, 2.0))
    async with answering(routes) as (_, url):
        deployment = HttpDeployment(ProfileRequest(address=url), clock=lambda: next(ticks))
        await deployment.start()
        first, second = await deployment.sample(), await deployment.sample()
        await deployment.close()
    assert first.rates is None
    assert second.rates is not None
    assert (second.rates.prompt_tokens, second.rates.hit_rate) == (50.0, 0.0)


async def test_without_its_metrics_page_it_is_ready_and_its_pool_is_not_told() -> None:
    async with answering(vllm(metrics=404)) as (_, url), watching(url) as deployment:
        sample = await deployment.sample()
        await deployment.probe()
    assert (sample.health, sample.kv_pool) == ("ready", None)
    assert deployment.described is not None
    assert "--disable-log-stats" in deployment.described.hidden[0].option


async def test_a_server_that_is_not_up_is_a_state_and_is_found_once_it_is() -> None:
    routes: Routes = {}
    async with answering(routes) as (_, url), watching(url) as deployment:
        before = await deployment.sample()
        with pytest.raises(CharterError, match="has not answered yet"):
            await deployment.probe()
        routes.update(vllm())
        after = await deployment.sample()
    assert (before.health, before.called) == ("unreachable", "the server")
    assert "none of the five" in before.reason
    assert (after.health, after.called) == ("ready", "vLLM")


async def test_a_server_that_dies_is_told_with_the_reason() -> None:
    async with answering(vllm()) as (_, url):
        deployment = HttpDeployment(ProfileRequest(address=url))
        await deployment.start()
        await deployment.sample()
    sample = await deployment.sample()
    again = await deployment.sample()
    await deployment.close()
    assert sample.health == "unreachable"
    assert "does not answer" in sample.reason
    assert (sample.called, again.called) == ("vLLM", "vLLM")


async def test_another_kind_at_its_address_is_told_and_then_taken_for_what_it_is() -> None:
    told = vllm()
    async with answering(told) as (server, url), watching(url) as deployment:
        await deployment.sample()
        server.routes = sglang()
        between, after = await deployment.sample(), await deployment.sample()
    assert between.health == "unreachable"
    assert "several servers are behind it" in between.reason
    assert (after.health, after.called) == ("ready", "SGLang")


async def test_nothing_is_drained_unless_that_is_asked_for() -> None:
    routes = trtllm_serve(prometheus__metrics=404)
    async with answering(routes) as (server, url), watching(url) as deployment:
        sample = await deployment.sample()
    assert sample.kv_pool is None
    assert "/metrics" not in server.asked


async def test_layouts_for_programs_act_where_a_gateway_is_in_front_of_it() -> None:
    async with answering(vllm()) as (_, url):
        async with watching(url) as alone:
            await alone.sample()
            assert "--gateway" in (await alone.probe()).reasons["apply"]
        async with watching(url, has_gateway=True) as fronted:
            await fronted.sample()
            assert "apply" not in (await fronted.probe()).reasons


def test_what_is_no_address_is_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match="neither a URL nor HOST:PORT"):
        HttpDeployment(ProfileRequest(address="nonsense"))


@pytest.mark.parametrize(
    ("endpoint", "followed"),
    [("tcp://*:5557", "tcp://127.0.0.1:5557"), ("tcp://10.0.0.7:5557", "")],
)
async def test_events_are_followed_where_the_server_itself_listens(
    endpoint: str, followed: str
) -> None:
    sources = {"0": {"enable_kv_cache_events": True, "endpoint": endpoint}}
    async with answering(vllm(kv_event_sources=sources)) as (_, url), watching(url) as deployment:
        assert deployment.event_source is None
        await deployment.sample()
        await deployment.probe()
        source = deployment.event_source
    assert (source.address if source else "") == followed
