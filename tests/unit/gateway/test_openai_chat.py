"""OpenAI's chat, as its own Python package sees it."""

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from charter_engine.gateway.asking import Chat, ChatMessage, Ended, Text, TokenUsage, ToolCall
from charter_engine.gateway.errors import GatewayError
from tests.unit.gateway.scripted import Opened, ScriptedModel, before_model

HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
CALL = ToolCall(id="call_1", name="weather", arguments='{"city": "Oslo"}')
CALLED = (CALL, Ended(reason="tool_calls", usage=TokenUsage()))


def client_of(gateway: Opened) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0)


async def test_an_answer_comes_whole_with_its_cached_tokens() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        answer = await client.chat.completions.create(model="tiny", messages=HI)
    assert answer.choices[0].message.content == "Hello world"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 52
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 32


async def test_an_answer_comes_in_pieces_and_ends_with_its_usage() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(
            model="tiny", messages=HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert deltas[0].role == "assistant"
    assert [delta.content for delta in deltas] == ["", "Hello", " world", None]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 50


async def test_usage_is_streamed_only_where_it_is_asked_for() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        assert all([chunk.usage is None async for chunk in stream])


async def test_a_call_of_a_function_comes_whole() -> None:
    async with before_model(ScriptedModel(CALLED)) as gateway, client_of(gateway) as client:
        answer = await client.chat.completions.create(model="tiny", messages=HI, tools=[WEATHER])
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls is not None
    assert message.tool_calls[0].model_dump() == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
    }


async def test_calls_of_functions_are_streamed_by_index() -> None:
    pieces = (Text("Well"), CALL, CALL, CALLED[-1])
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(
            model="tiny", messages=HI, tools=[WEATHER], stream=True
        )
        choices = [chunk.choices[0] async for chunk in stream]
    indices = [call.index for choice in choices for call in choice.delta.tool_calls or ()]
    assert indices == [0, 1]
    assert choices[-1].finish_reason == "tool_calls"


async def test_a_conversation_with_calls_and_their_results_is_read() -> None:
    model = ScriptedModel()
    conversation: list[ChatCompletionMessageParam] = [
        {
            "role": "developer",
            "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "brief."}],
        },
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    async with before_model(model) as gateway, client_of(gateway) as client:
        await client.chat.completions.create(
            model="tiny", messages=conversation, seed=7, stop=["\n", "END"], max_tokens=9
        )
    asking = model.asked[0]
    assert isinstance(asking.prompt, Chat)
    assert asking.prompt.messages == (
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="Weather?"),
        ChatMessage(role="assistant", tool_calls=(CALL,)),
        ChatMessage(role="tool", content="rain", tool_call_id="call_1"),
    )
    assert asking.sampling.seed == 7
    assert asking.sampling.stop_words == ("\n", "END")
    assert asking.max_tokens == 9


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 2}, "one answer is given to a request"),
        ({"logprobs": True}, "logprobs is not supported here"),
        ({"response_format": {"type": "json_object"}}, "without a schema"),
        ({"logit_bias": {"1": 3}}, "logit_bias is not supported here"),
        ({"max_tokens": "many"}, "$.max_tokens"),
        ({"messages": []}, "messages is empty"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "'image_url'"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "'wizard'"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_not_sent(
    fields: dict[str, object], words: str
) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model="tiny", messages=HI, extra_body=fields)
    assert words in refused.value.message
    assert refused.value.type == "invalid_request_error"
    assert model.asked == []


async def test_one_answer_may_be_asked_for_by_its_number() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        answer = await client.chat.completions.create(model="tiny", messages=HI, n=1)
    assert len(answer.choices) == 1


async def test_an_unknown_model_is_told_with_those_that_are_served() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.NotFoundError, match="served: tiny") as refused:
            await client.chat.completions.create(model="gpt-9", messages=HI)
        models = await client.models.list()
    assert refused.value.code == "model_not_found"
    assert [model.id for model in models.data] == ["tiny"]


async def test_a_stream_that_fails_ends_with_an_error_that_the_client_raises() -> None:
    pieces = (Text("Hello"), GatewayError(502, "the server died"))
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        stream = await client.chat.completions.create(model="tiny", messages=HI, stream=True)
        with pytest.raises(openai.APIError, match="the server died"):
            async for _ in stream:
                pass
    assert gateway.records[0].finish == "error"


async def test_a_stream_that_fails_before_its_first_piece_has_the_status_of_the_failure() -> None:
    pieces = (GatewayError(503, "the server is gone"),)
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(model="tiny", messages=HI, stream=True)
    assert failed.value.status_code == 503
