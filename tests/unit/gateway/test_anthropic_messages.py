"""Anthropic's messages, as its own Python package sees them."""

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from charter_engine.gateway.asking import Chat, ChatMessage, Ended, Text, TokenUsage, ToolCall
from charter_engine.gateway.errors import GatewayError
from tests.unit.gateway.scripted import Opened, ScriptedModel, before_model
from tests.unit.gateway.test_openai_chat import CALL, CALLED

HI: list[MessageParam] = [{"role": "user", "content": "hi"}]
WEATHER: ToolParam = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}


def client_of(gateway: Opened) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none", max_retries=0)


async def test_an_answer_comes_whole_and_counts_cached_tokens_apart() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        message = await client.messages.create(model="tiny", max_tokens=9, messages=HI)
    assert [block.model_dump(include={"type", "text"}) for block in message.content] == [
        {"type": "text", "text": "Hello world"}
    ]
    assert message.stop_reason == "end_turn"
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (18, 32)


async def test_the_events_of_a_stream_put_together_are_the_message() -> None:
    pieces = (
        Text("Hello"),
        Text(" world"),
        CALL,
        Ended(reason="tool_calls", usage=TokenUsage(prompt=50, output=2, cached=32)),
    )
    async with (
        before_model(ScriptedModel(pieces)) as gateway,
        client_of(gateway) as client,
        client.messages.stream(model="tiny", max_tokens=9, messages=HI, tools=[WEATHER]) as stream,
    ):
        message = await stream.get_final_message()
    text, call = message.content
    assert text.type == "text"
    assert text.text == "Hello world"
    assert call.type == "tool_use"
    assert (call.name, call.input) == ("weather", {"city": "Oslo"})
    assert message.stop_reason == "tool_use"
    assert message.usage.output_tokens == 2
    assert message.usage.cache_read_input_tokens == 32


async def test_a_call_of_a_function_comes_whole() -> None:
    async with before_model(ScriptedModel(CALLED)) as gateway, client_of(gateway) as client:
        message = await client.messages.create(
            model="tiny", max_tokens=9, messages=HI, tools=[WEATHER]
        )
    call = message.content[0]
    assert call.type == "tool_use"
    assert call.input == {"city": "Oslo"}


async def test_the_word_that_ended_an_answer_is_told() -> None:
    pieces = (Text("Hello"), Ended(reason="stop", usage=TokenUsage(), stop_word="END"))
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        message = await client.messages.create(
            model="tiny", max_tokens=9, messages=HI, stop_sequences=["END"]
        )
    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "END")


async def test_a_conversation_with_calls_and_their_results_is_read() -> None:
    model = ScriptedModel()
    conversation: list[MessageParam] = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "text", "text": "Let me see."},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_1",
                    "content": [{"type": "text", "text": "rain"}],
                },
                {"type": "text", "text": "And tomorrow?"},
            ],
        },
    ]
    async with before_model(model) as gateway, client_of(gateway) as client:
        await client.messages.create(
            model="tiny",
            max_tokens=9,
            messages=conversation,
            system=[{"type": "text", "text": "Be brief."}],
            tools=[WEATHER],
            tool_choice={"type": "any"},
        )
    prompt = model.asked[0].prompt
    assert isinstance(prompt, Chat)
    assert prompt.tool_choice == "required"
    assert prompt.messages == (
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="Weather?"),
        ChatMessage(
            role="assistant",
            content="Let me see.",
            tool_calls=(ToolCall(id="call_1", name="weather", arguments='{"city": "Oslo"}'),),
        ),
        ChatMessage(role="tool", content="rain", tool_call_id="call_1"),
        ChatMessage(role="user", content="And tomorrow?"),
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "'image' is no text"),
        ({"tools": [{"type": "web_search_20250305", "name": "web"}]}, "'web' is no function"),
        ({"max_tokens": "many"}, "max_tokens"),
    ],
)
async def test_what_cannot_be_done_is_refused(fields: dict[str, object], words: str) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        with pytest.raises(anthropic.BadRequestError, match=words) as refused:
            await client.messages.create(model="tiny", max_tokens=9, messages=HI, extra_body=fields)
    assert refused.value.type == "invalid_request_error"
    assert model.asked == []


async def test_an_unknown_model_is_told_in_anthropics_shape() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        with pytest.raises(anthropic.NotFoundError, match="served: tiny"):
            await client.messages.create(model="claude-9", max_tokens=9, messages=HI)


async def test_a_stream_that_fails_ends_with_an_error_that_the_client_raises() -> None:
    pieces = (Text("Hello"), GatewayError(502, "the server died"))
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        stream = await client.messages.create(model="tiny", max_tokens=9, messages=HI, stream=True)
        with pytest.raises(anthropic.APIStatusError, match="the server died"):
            async for _ in stream:
                pass
