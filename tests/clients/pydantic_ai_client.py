"""pydantic-ai, unchanged: by OpenAI's chat and responses, and by Anthropic's messages."""

import pytest
from conftest import ANSWER
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


def models_of(gateway: str) -> dict[str, Model]:
    openai = OpenAIProvider(base_url=f"{gateway}/v1", api_key="none")
    anthropic = AnthropicProvider(base_url=gateway, api_key="none")
    return {
        "chat": OpenAIChatModel("tiny", provider=openai),
        "responses": OpenAIResponsesModel("tiny", provider=openai),
        "messages": AnthropicModel("tiny", provider=anthropic),
    }


@pytest.fixture(params=["chat", "responses", "messages"])
def agent(gateway: str, request: pytest.FixtureRequest) -> Agent:
    found = Agent(models_of(gateway)[request.param], instructions="Be brief.")

    @found.tool_plain
    def weather(city: str) -> str:
        """Tells the weather of a city."""
        return f"rain in {city}"

    return found


async def test_an_agent_calls_its_function_and_answers(agent: Agent) -> None:
    result = await agent.run("Weather?")
    assert result.output == ANSWER
    usage = result.usage
    assert (usage.requests, usage.tool_calls, usage.cache_read_tokens) == (2, 1, 64)


async def test_a_streamed_run(agent: Agent) -> None:
    async with agent.run_stream("Weather?") as result:
        assert await result.get_output() == ANSWER
