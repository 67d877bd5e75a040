"""In front of a server of OpenAI's shape, requests and answers pass on as they come."""

import asyncio
import json

import aiohttp
import anthropic
import openai
import pytest

from charter_engine.contracts.gateway import GatewayRequest
from charter_engine.gateway.asking import TokenUsage
from charter_engine.gateway.passed_on import usage_in
from tests.unit.gateway.scripted import ANY_PORT, StandIn, before_upstream, stream_chunks
from tests.unit.gateway.test_anthropic_messages import HI as HI_CLAUDE
from tests.unit.gateway.test_anthropic_messages import client_of as claude_of
from tests.unit.gateway.test_openai_chat import HI, client_of

CHAT = "/v1/chat/completions"


async def test_a_body_passes_on_with_unknown_fields_untouched() -> None:
    upstream = StandIn()
    body = b'{ "model":"tiny", "messages":[],  "house_rule": {"a": [1.50]} }'
    async with (
        before_upstream(upstream) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, data=body) as answer,
    ):
        assert (await answer.json())["house_field"] == [1, 2]
    assert upstream.bodies == [body]


async def test_a_stream_passes_on_byte_by_byte() -> None:
    upstream = StandIn()
    async with (
        before_upstream(upstream) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, json={"stream": True}) as answer,
    ):
        assert await answer.read() == b"".join(stream_chunks())
        assert answer.content_type == "text/event-stream"


async def test_keys_and_other_headers_pass_on() -> None:
    upstream = StandIn()
    headers = {"Authorization": "Bearer mine", "X-House": "1", "X-Request-Id": "r-1"}
    async with (
        before_upstream(upstream) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, json={}, headers=headers) as answer,
    ):
        assert answer.headers["X-Request-Id"] == "r-1"
    sent = upstream.headers[0]
    assert {name: sent[name] for name in headers} == headers


async def test_the_gateways_own_key_stays_and_the_upstreams_is_sent() -> None:
    upstream = StandIn()
    request = GatewayRequest(listen=ANY_PORT, key="ours", openai_key="theirs")
    async with before_upstream(upstream, request) as gateway, aiohttp.ClientSession() as session:
        headers = {"Authorization": "Bearer ours"}
        async with session.post(gateway.url + CHAT, json={}, headers=headers) as answer:
            assert answer.status == 200
    assert upstream.headers[0]["Authorization"] == "Bearer theirs"
    assert "ours" not in upstream.headers[0].values()


async def test_an_upstreams_refusal_passes_on() -> None:
    async with before_upstream(StandIn(status=404)) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.NotFoundError, match="no such model"):
            await client.chat.completions.create(model="huge", messages=HI)
    assert gateway.records[0].status == 404
    assert gateway.records[0].finish == "error"
    assert gateway.records[0].error == "refused by the upstream: no such model"


async def test_other_routes_of_the_upstream_pass_on() -> None:
    async with before_upstream(StandIn()) as gateway, client_of(gateway) as client:
        assert [model.id for model in (await client.models.list()).data] == ["tiny"]
        with pytest.raises(openai.NotFoundError):
            await client.embeddings.create(model="tiny", input="x")


async def test_the_record_of_an_answer_that_passed_on_has_its_tokens() -> None:
    async with before_upstream(StandIn()) as gateway, client_of(gateway) as client:
        await client.chat.completions.create(model="tiny", messages=HI, user="u-1")
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        async for _ in stream:
            pass
    for record in gateway.records:
        tokens = (record.prompt_tokens, record.output_tokens, record.reused_tokens)
        assert tokens == (50, 2, 32)
        assert (record.model, record.route, record.finish) == ("tiny", CHAT, "stop")
    whole, streamed = gateway.records
    assert (whole.session, whole.stream, streamed.stream) == ("u-1", False, True)
    assert streamed.ttft_ms is not None


async def test_an_upstream_that_dies_in_mid_stream_ends_it_with_the_error_event() -> None:
    async with before_upstream(StandIn(dies_after=1)) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        said = ""
        with pytest.raises(openai.APIError, match="broke off"):
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""
    assert said == "Hello"
    assert gateway.records[0].finish == "error"


async def test_an_upstream_that_is_not_there_is_told() -> None:
    upstream = StandIn()
    async with upstream.listening() as url:
        pass
    from charter_engine.gateway.opening import openai_gateway

    request = GatewayRequest(listen=ANY_PORT, openai=(url,))
    async with openai_gateway(request, lambda _: None) as gateway:
        client = openai.AsyncOpenAI(
            base_url=f"http://{gateway.address}/v1", api_key="x", max_retries=0
        )
        with pytest.raises(openai.InternalServerError, match="does not answer") as failed:
            await client.chat.completions.create(model="tiny", messages=HI)
        assert failed.value.status_code == 502
        assert "does not answer: connection refused" in str(failed.value)


async def test_a_client_that_goes_away_cancels_the_upstreams_work() -> None:
    upstream = StandIn()
    upstream.seconds_between = 0.05
    async with before_upstream(upstream) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        await anext(aiter(stream))
        await stream.close()
        await asyncio.wait_for(upstream.cancelled.wait(), 60)
    assert gateway.records[0].finish == "cancelled"


async def test_messages_are_asked_of_an_upstreams_chat_where_it_has_no_such_route() -> None:
    upstream = StandIn()
    async with before_upstream(upstream) as gateway, claude_of(gateway) as client:
        message = await client.messages.create(
            model="tiny", max_tokens=9, messages=HI_CLAUDE, system="Be brief."
        )
    assert message.content[0].type == "text"
    assert message.content[0].text == "Hello world"
    assert message.usage.cache_read_input_tokens == 32
    sent = json.loads(upstream.bodies[0])
    assert [item["role"] for item in sent["messages"]] == ["system", "user"]
    assert upstream.headers[0]["Authorization"] == "Bearer none"


async def test_a_wrong_key_does_not_tell_whether_the_upstream_has_a_route() -> None:
    upstream = StandIn(key="Bearer right")
    async with before_upstream(upstream) as gateway:
        for key, refused in (("wrong", True), ("right", False)):
            async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=key) as client:
                asked = client.messages.create(model="tiny", max_tokens=9, messages=HI_CLAUDE)
                if refused:
                    with pytest.raises(anthropic.AuthenticationError):
                        await asked
                else:
                    assert (await asked).stop_reason == "end_turn"


async def test_what_is_no_json_passes_on_to_routes_that_take_it() -> None:
    upstream = StandIn()
    form = aiohttp.FormData()
    form.add_field("file", b"\x00\xff", filename="speech.wav")
    async with before_upstream(upstream) as gateway, aiohttp.ClientSession() as session:
        await session.post(gateway.url + "/v1/audio/transcriptions", data=form)
    assert b"\x00\xff" in upstream.bodies[0]


async def test_responses_are_asked_of_an_upstreams_chat_where_it_has_no_such_route() -> None:
    async with before_upstream(StandIn()) as gateway, client_of(gateway) as client:
        stream = await client.responses.create(model="tiny", input="hi", stream=True)
        events = [event async for event in stream]
    whole = events[-1]
    assert whole.type == "response.completed"
    assert whole.response.output_text == "Hello world"


async def test_an_upstream_that_dies_while_messages_are_translated_ends_the_stream() -> None:
    async with before_upstream(StandIn(dies_after=2)) as gateway, claude_of(gateway) as client:
        stream = await client.messages.create(
            model="tiny", max_tokens=9, messages=HI_CLAUDE, stream=True
        )
        with pytest.raises(anthropic.APIStatusError, match="broke off"):
            async for _ in stream:
                pass


@pytest.mark.parametrize(
    ("tail", "usage"),
    [
        (b'"usage": {"prompt_tokens": 9, "completion_tokens": 2}}', TokenUsage(prompt=9, output=2)),
        (
            b'"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},'
            b'"output_tokens":2}}}',
            TokenUsage(prompt=9, output=2, cached=4),
        ),
        (
            b'"usage":{"input_tokens":5,"cache_read_input_tokens":4,"output_tokens":2}}',
            TokenUsage(prompt=9, output=2, cached=4),
        ),
        (b'"usage":null}', None),
        (b'"usage":{"prompt_tok', None),
        (b"", None),
    ],
)
def test_the_end_of_an_answer_tells_its_tokens(tail: bytes, usage: TokenUsage | None) -> None:
    assert usage_in(tail) == usage
