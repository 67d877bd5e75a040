"""OpenAI's completions, as its own Python package sees them."""

import openai
import pytest

from tests.unit.gateway.scripted import ScriptedModel, before_model
from tests.unit.gateway.test_openai_chat import client_of


async def test_a_text_is_continued() -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        answer = await client.completions.create(model="tiny", prompt="Say hello:")
    assert answer.choices[0].text == "Hello world"
    assert model.asked[0].prompt == "Say hello:"
    assert model.asked[0].max_tokens == 16


async def test_a_continuation_comes_in_pieces() -> None:
    async with before_model(ScriptedModel()) as gateway, client_of(gateway) as client:
        stream = await client.completions.create(
            model="tiny", prompt=["x"], stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Hello world"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("prompt", [[5, 6, 7], [[5, 6, 7]]])
async def test_token_ids_are_sent_as_they_are(prompt: list[int]) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        await client.completions.create(model="tiny", prompt=prompt)
    assert model.asked[0].prompt == (5, 6, 7)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 2}, "one answer is given to a request"),
        ({"best_of": 3}, "one answer is given to a request"),
        ({"echo": True}, "echo is not supported here"),
        ({"suffix": "end"}, "suffix is not supported here"),
        ({"logprobs": 1}, "logprobs is not supported here"),
        ({"prompt": ["one", "two"]}, "one prompt is taken with a request"),
        ({"prompt": []}, "prompt is empty"),
        ({"prompt": ""}, "prompt is empty"),
    ],
)
async def test_what_cannot_be_done_is_refused(fields: dict[str, object], words: str) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway, client_of(gateway) as client:
        with pytest.raises(openai.BadRequestError, match=words):
            await client.completions.create(model="tiny", prompt="x", extra_body=fields)
    assert model.asked == []
