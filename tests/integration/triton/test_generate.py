"""Requests through `charter_bls` and directly, against a real Triton."""

import asyncio
import json
from collections.abc import AsyncIterator

import openai
import pytest

from charter_engine.api.gateway import listening
from charter_engine.bls.retention import Retention, SegmentRetention, TokenRange
from charter_engine.bls.tokenizer import load_tokenizer
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayRequest
from charter_engine.contracts.plan import SegmentRange
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, ModelFailed, TritonRefused, Unreachable
from charter_engine.triton.metrics import TritonMetrics, scrape
from charter_engine.triton.profile import probe
from charter_engine.triton.request import (
    BLS_MODEL,
    ENGINE_MODEL,
    GenerateRequest,
    PromptPart,
    Sampling,
)
from tests.integration.triton.conftest import Served
from tests.waiting import until_found

TEXT = "The committee met on Tuesday and agreed to publish every figure it had been given. " * 12


async def metrics_of(served: Served) -> TritonMetrics:
    return await scrape(served.state.metrics_url)


async def test_the_profile_is_found_by_asking(served: Served, client: TritonClient) -> None:
    profile = await probe(
        client, repository=served.repository, metrics_url=served.state.metrics_url
    )
    assert (profile.path, profile.charter_bls, profile.retention, profile.load_unload) == (
        "engine",
        True,
        True,
        True,
    )
    assert profile.tokens_per_block == 32
    assert profile.reasons == {}


async def test_a_profile_without_a_repository_says_why_files_are_out_of_reach(
    client: TritonClient,
) -> None:
    profile = await probe(client)
    assert not profile.repository_files
    assert "--repository" in profile.reasons["repository_files"]


async def test_the_second_of_two_equal_prompts_is_reused_up_to_its_last_token(
    client: TritonClient,
) -> None:
    first = await client.generate(GenerateRequest(text=TEXT, max_tokens=4))
    second = await client.generate(GenerateRequest(text=TEXT, max_tokens=4))
    assert second.output_ids == first.output_ids
    assert second.prompt_tokens is not None
    assert second.reused_tokens == second.prompt_tokens - 1
    assert second.missed_blocks == 0
    assert second.ttft_ms is not None and second.ttft_ms > 0


async def test_segments_give_the_tokens_of_their_joined_text(client: TritonClient) -> None:
    whole = await client.generate(GenerateRequest(text=TEXT + "Now say so.", max_tokens=3))
    parts = (PromptPart(TEXT, 0), PromptPart("Now say so.", 1))
    assert (
        await client.generate(GenerateRequest(parts=parts, max_tokens=3))
    ).output_ids == whole.output_ids


async def test_a_continued_prompt_finds_the_tokens_the_server_generated(
    client: TritonClient,
) -> None:
    begun = await client.generate(
        GenerateRequest(parts=(PromptPart("Tell a story. " + TEXT, 0),), max_tokens=40)
    )
    parts = (
        PromptPart("Tell a story. " + TEXT, 0),
        PromptPart(begun.text, 1, begun.output_ids),
        PromptPart("\nAnd how does it end?", 2),
    )
    continued = await client.generate(GenerateRequest(parts=parts, max_tokens=2))
    assert begun.prompt_tokens is not None and continued.reused_tokens is not None
    # The last generated token has no keys and values yet.
    assert continued.reused_tokens == begun.prompt_tokens + 40 - 1


async def test_the_engine_takes_token_ids_directly(client: TritonClient) -> None:
    request = GenerateRequest(token_ids=tuple(range(100, 180)), max_tokens=5)
    direct = await client.generate(request, model=ENGINE_MODEL)
    through = await client.generate(request)
    assert direct.output_ids == through.output_ids
    assert len(direct.output_ids) == 5


async def test_the_engine_takes_retention_by_tokens(client: TritonClient) -> None:
    retention = Retention(ranges=(TokenRange(start=0, end=32, priority=80, duration_ms=500),))
    request = GenerateRequest(token_ids=tuple(range(200, 280)), max_tokens=1, retention=retention)
    assert (await client.generate(request, model=ENGINE_MODEL)).output_tokens == 1


async def test_an_illegal_retention_is_refused_in_words(client: TritonClient) -> None:
    retention = SegmentRetention(ranges=(SegmentRange(priority=120),))
    with pytest.raises(TritonRefused, match="120 is not a whole number, 0 to 100"):
        await client.generate(GenerateRequest(text="hello", max_tokens=1, retention=retention))


async def test_the_words_of_the_inner_model_are_passed_on(client: TritonClient) -> None:
    with pytest.raises((TritonRefused, ModelFailed)) as direct:
        await client.generate(
            GenerateRequest(token_ids=(100_000_000,), max_tokens=1), model=ENGINE_MODEL
        )
    with pytest.raises((TritonRefused, ModelFailed)) as through:
        await client.generate(GenerateRequest(token_ids=(100_000_000,), max_tokens=1))
    assert direct.value.message.partition(": ")[2] in through.value.message


async def test_a_seed_and_a_temperature_decide_the_tokens(client: TritonClient) -> None:
    async def tokens(seed: int) -> tuple[int, ...]:
        sampling = Sampling(temperature=1.5, top_k=50, seed=seed)
        return (
            await client.generate(GenerateRequest(text=TEXT, max_tokens=12, sampling=sampling))
        ).output_ids

    assert await tokens(1) == await tokens(1)
    assert await tokens(1) != await tokens(2)


async def test_many_requests_are_in_flight_at_once(client: TritonClient) -> None:
    requests = [GenerateRequest(text=f"{index} {TEXT[:200]}", max_tokens=4) for index in range(24)]
    answers = await asyncio.gather(*(client.generate(request) for request in requests))
    assert all(len(answer.output_ids) == 4 for answer in answers)


async def test_node_counters_on_the_metrics_page_add_up(
    served: Served, client: TritonClient
) -> None:
    async def totals() -> tuple[int, int]:
        (node,) = (item for item in (await metrics_of(served)).nodes if item.node == "unmatched")
        return node.requests, node.prompt_tokens

    async def settled() -> tuple[int, int]:
        before = await totals()
        while True:
            await asyncio.sleep(0.3)
            if (now := await totals()) == before:
                return now
            before = now

    before = await settled()
    answer = await client.generate(GenerateRequest(text=TEXT, max_tokens=1))
    await until_found(totals, lambda now: now != before)
    after = await settled()
    assert answer.prompt_tokens is not None
    assert (after[0] - before[0], after[1] - before[1]) == (1, answer.prompt_tokens)


async def test_nobody_listening_is_unreachable_with_a_remedy() -> None:
    async with TritonClient("127.0.0.1:1") as client:
        with pytest.raises(Unreachable, match="gRPC port"):
            await client.is_ready(seconds=1.0)


async def test_streaming_from_a_model_that_does_not_is_refused(client: TritonClient) -> None:
    with pytest.raises(InvalidInput, match="decoupled"):
        _ = [piece async for piece in client.stream(GenerateRequest(text="hello", max_tokens=1))]


async def test_a_gateway_before_a_model_that_does_not_stream_answers_in_one_piece(
    served: Served,
) -> None:
    triton = TritonOptions(url=served.state.grpc_url)
    async with (
        listening(GatewayRequest(listen="127.0.0.1:0"), [triton]) as gateway,
        openai.AsyncOpenAI(base_url=f"http://{gateway.address}/v1", api_key="none") as client,
    ):
        stream = await client.completions.create(
            model=BLS_MODEL, prompt=TEXT, max_tokens=4, stream=True
        )
        choices = [chunk.choices[0] async for chunk in stream]
    assert [choice.finish_reason for choice in choices] == [None, "length"]


@pytest.fixture
async def ending(served: Served, client: TritonClient) -> AsyncIterator[tuple[int, ...]]:
    """What the model answers to `TEXT`, with the fifth of these tokens as the one by which the
    tokenizer's settings end a text."""
    whole = (await client.generate(GenerateRequest(text=TEXT, max_tokens=8))).output_ids
    (settings,) = served.repository.parent.glob("engine-*")
    tokenizer = load_tokenizer(settings)
    file = settings / "tokenizer_config.json"
    file.write_text(json.dumps({"eos_token": tokenizer.id_to_token(whole[4])}))
    await client.load(BLS_MODEL)
    yield whole
    file.unlink()
    await client.load(BLS_MODEL)


async def test_a_text_ends_where_the_models_settings_say_unless_the_request_does(
    client: TritonClient, ending: tuple[int, ...]
) -> None:
    by_settings = await client.generate(GenerateRequest(text=TEXT, max_tokens=8))
    assert by_settings.output_ids == ending[: ending.index(ending[4])]
    never = GenerateRequest(text=TEXT, max_tokens=8, sampling=Sampling(end_id=-1))
    assert (await client.generate(never)).output_ids == ending
