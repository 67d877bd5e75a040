"""litellm, unchanged: by OpenAI's API and by Anthropic's."""

from typing import Any

import litellm
import pytest
from conftest import ANSWER

HI = [{"role": "user", "content": "Weather?"}]
BOTH = [("openai/tiny", "/v1"), ("anthropic/tiny", "")]


def complete(gateway: str, model: str, path: str, **options: Any) -> Any:
    return litellm.completion(
        model=model, messages=HI, api_base=gateway + path, api_key="none", **options
    )


@pytest.mark.parametrize(("model", "path"), BOTH)
def test_an_answer_with_its_cached_tokens(gateway: str, model: str, path: str) -> None:
    answer = complete(gateway, model, path)
    assert answer.choices[0].message.content == ANSWER
    assert answer.usage.prompt_tokens == 50
    assert answer.usage.prompt_tokens_details.cached_tokens == 32


@pytest.mark.parametrize(("model", "path"), BOTH)
def test_a_streamed_answer(gateway: str, model: str, path: str) -> None:
    chunks = complete(gateway, model, path, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER


@pytest.mark.parametrize(("model", "path"), BOTH)
def test_a_function_is_called(gateway: str, model: str, path: str) -> None:
    function = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
    answer = complete(gateway, model, path, tools=[{"type": "function", "function": function}])
    (call,) = answer.choices[0].message.tool_calls
    assert call.function.name == "weather"
    assert answer.choices[0].finish_reason == "tool_calls"
