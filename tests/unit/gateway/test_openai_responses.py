"""OpenAI's responses, as its own Python package sees them."""

import openai
import pytest
from openai.types.responses import FunctionToolParam, Response, ResponseInputParam

from charter_engine.gateway.asking import (
    Chat,
    ChatMessage,
    Ended,
    Piece,
    Text,
    TokenUsage,
    ToolCall,
)
from charter_engine.gateway.errors import GatewayError
from tests.unit.gateway.scripted import ScriptedModel, before_model
from tests.unit.gateway.test_openai_chat import CALL, CALLED, client_of

WEATHER: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {}},
    "strict": True,
}


async def test_an_answer_comes_whole_with_its_cached_tokens() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        response = await client.responses.create(model="tiny", input="hi", instructions="Be nice.")
    assert response.output_text == "Hello world"
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.input_tokens_details.cached_tokens == 32


async def test_the_events_of_a_stream_put_together_are_the_response() -> None:
    pieces = (Text("Hello"), Text(" world"), CALL, CALLED[-1])
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        stream = await client.responses.create(
            model="tiny", input="hi", tools=[WEATHER], stream=True
        )
        events = [event async for event in stream]
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    whole = events[-1]
    assert whole.type == "response.completed"
    assert whole.response.output_text == "Hello world"
    assert [item.type for item in whole.response.output] == ["message", "function_call"]


async def test_an_answer_cut_by_its_length_is_incomplete() -> None:
    pieces: tuple[Piece, ...] = (Text("Hel"), Ended(reason="length", usage=TokenUsage()))
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        response = await client.responses.create(model="tiny", input="hi")
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


async def test_items_are_read_as_a_conversation() -> None:
    model = ScriptedModel()
    items: ResponseInputParam = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather?"}]},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city": "Oslo"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    ]
    async with before_model(model) as gateway, client_of(gateway) as client:
        await client.responses.create(model="tiny", input=items, instructions="Be brief.")
    prompt = model.asked[0].prompt
    assert isinstance(prompt, Chat)
    assert prompt.messages == (
        ChatMessage(role="system", content="Be brief."),
        ChatMessage(role="user", content="Weather?"),
        ChatMessage(
            role="assistant",
            tool_calls=(ToolCall(id="call_1", name="weather", arguments='{"city": "Oslo"}'),),
        ),
        ChatMessage(role="tool", content="rain", tool_call_id="call_1"),
    )


async def test_a_response_is_continued_by_its_id_without_its_instructions() -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        first = await client.responses.create(model="tiny", input="hi", instructions="Be nice.")
        await client.responses.create(model="tiny", input="more", previous_response_id=first.id)
    prompt = model.asked[1].prompt
    assert isinstance(prompt, Chat)
    assert [message.content for message in prompt.messages] == ["hi", "Hello world", "more"]


async def test_a_response_that_was_not_to_be_stored_cannot_be_continued() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        first: Response = await client.responses.create(model="tiny", input="hi", store=False)
        with pytest.raises(openai.BadRequestError, match="is not remembered here") as refused:
            await client.responses.create(model="tiny", input="x", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"background": True}, "background is not supported here"),
        ({"tools": [{"type": "web_search"}]}, "'web_search' is no function"),
        ({"text": {"format": {"type": "json_object"}}}, "without a schema"),
        ({"input": []}, "input is empty"),
        ({"input": [{"type": "computer_call"}]}, "'computer_call' is no text"),
    ],
)
async def test_what_cannot_be_done_is_refused(fields: dict[str, object], words: str) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.BadRequestError, match=words):
            await client.responses.create(model="tiny", input="x", extra_body=fields)
    assert model.asked == []


async def test_a_stream_that_fails_ends_with_the_error_event() -> None:
    pieces = (Text("Hello"), GatewayError(502, "the server died"))
    async with before_model(ScriptedModel(pieces)) as gateway, client_of(gateway) as client:
        stream = await client.responses.create(model="tiny", input="hi", stream=True)
        events = [event async for event in stream]
    last = events[-1]
    assert last.type == "error"
    assert last.message == "the server died"
    assert last.sequence_number == len(events) - 1
