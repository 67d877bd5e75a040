"""`charter_bls` in front of other deployments, and clients that go away.

One deployment is an older release, one streams.
"""

import asyncio
import time
from collections.abc import Iterator

import pytest

from charter_engine.contracts.plan import Plan, ServerSettings
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.metrics import scrape
from charter_engine.triton.profile import probe
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest, Sampling
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import CALLS, ask, deployer, plan_with


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("older"), profile="24.12")


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("streaming"), decoupled=True)


async def test_an_older_release_gives_what_it_has(older: Served) -> None:
    async with TritonClient(older.state.connection) as client:
        profile = await probe(client)
        assert (profile.retention, profile.kv_stats, profile.times) == (False, True, False)
        request = GenerateRequest(
            text="Hello there. " * 30, max_tokens=2, sampling=Sampling(seed=1, min_tokens=2)
        )
        await client.generate(request)
        answer = await client.generate(request)
    assert answer.output_tokens == 2
    assert answer.ttft_ms is None
    assert answer.reused_blocks is not None and answer.reused_blocks > 0
    assert answer.reused_tokens is not None and answer.prompt_tokens is not None
    assert answer.reused_tokens <= answer.prompt_tokens - 1


async def test_retention_for_a_release_without_it_is_refused_before_anything_changes(
    older: Served,
) -> None:
    async with TritonClient(older.state.connection) as client:
        ready = deployer(client, older.repository)
        with pytest.raises(InvalidInput, match=r"0\.17"):
            await ready.push(plan_with(80), CALLS)
        assert (await ask(client)).revision == 0


@pytest.mark.parametrize("model", ["charter_bls", ENGINE_MODEL])
async def test_a_streaming_deployment_also_answers_at_once(model: str, streaming: Served) -> None:
    async with TritonClient(streaming.state.connection) as client:
        answer = await client.generate(
            GenerateRequest(token_ids=tuple(range(50, 90)), max_tokens=6), model=model
        )
    assert len(answer.output_ids) == 6
    assert answer.ttft_ms is not None


async def test_text_streams_piece_by_piece_and_counters_come_last(streaming: Served) -> None:
    request = GenerateRequest(text="Tell me about blocks.", max_tokens=12)
    async with TritonClient(streaming.state.connection) as client:
        pieces = [piece async for piece in client.stream(request)]
        whole = await client.generate(request)
    assert len(pieces) > 3
    assert "".join(piece.text for piece in pieces) == whole.text
    assert pieces[-1].reused_blocks is not None
    assert pieces[0].latency_ms < pieces[-1].latency_ms


async def test_a_client_that_goes_away_frees_the_engine(older: Served) -> None:
    async def active(served: Served) -> int | None:
        return (await scrape(served.state.metrics_url)).active_requests

    async def until(served: Served, wanted: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (found := await active(served)) != wanted:
            assert time.monotonic() < deadline, f"{found} requests are active"
            await asyncio.sleep(0.05)

    async with TritonClient(older.state.connection) as client:
        endless = asyncio.create_task(
            client.generate(GenerateRequest(text="Go on and on.", max_tokens=8000))
        )
        await until(older, 1, 5)
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        await until(older, 0, 5)


@pytest.fixture(scope="module")
def llmapi(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("llmapi"), profile="llmapi")


async def test_the_llm_api_serves_text_with_counters_and_says_what_it_lacks(llmapi: Served) -> None:
    async with TritonClient(llmapi.state.connection) as client:
        profile = await probe(client)
        request = GenerateRequest(text="Hello there. " * 40, max_tokens=3)
        await client.generate(request, model=ENGINE_MODEL)
        answer = await client.generate(request, model=ENGINE_MODEL)
    assert (profile.path, profile.retention, profile.kv_stats) == ("llmapi", False, True)
    assert "retention inputs" in profile.reasons["retention"]
    assert answer.reused_blocks is not None and answer.reused_blocks > 0


async def test_settings_of_the_llm_api_are_pushed_through_its_yaml_and_back(llmapi: Served) -> None:
    plan = Plan(agent="agent.py", server=ServerSettings(tokens_per_block=16))
    path = llmapi.repository / "tensorrt_llm" / "1" / "model.yaml"
    before = path.read_text()
    async with TritonClient(llmapi.state.connection) as client:
        ready = deployer(client, llmapi.repository)
        report = await ready.push(plan, CALLS)
        assert report.diff.cost == "engine reload"
        assert "tokens_per_block: 16" in path.read_text().replace('"', "")
        assert "tensorrt_llm answered a request" in report.verified
        await ready.rollback()
        assert path.read_text() == before
        with pytest.raises(InvalidInput, match="retention"):
            await ready.push(plan_with(80), CALLS)
