"""openai-agents, unchanged: by responses, which it asks in by itself, and by chat."""

import agents
import openai
import pytest
from conftest import ANSWER

agents.set_tracing_disabled(True)


@agents.function_tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"rain in {city}"


@pytest.fixture(params=[agents.OpenAIResponsesModel, agents.OpenAIChatCompletionsModel])
def agent(gateway: str, request: pytest.FixtureRequest) -> agents.Agent:
    client = openai.AsyncOpenAI(base_url=f"{gateway}/v1", api_key="none", max_retries=0)
    model = request.param(model="tiny", openai_client=client)
    return agents.Agent(name="forecaster", instructions="Be brief.", model=model, tools=[weather])


async def test_an_agent_calls_its_function_and_answers(agent: agents.Agent) -> None:
    result = await agents.Runner.run(agent, "Weather?")
    assert result.final_output == ANSWER
    assert [item.type for item in result.new_items] == [
        "tool_call_item",
        "tool_call_output_item",
        "message_output_item",
    ]
    usage = result.context_wrapper.usage
    assert (usage.requests, usage.input_tokens) == (2, 100)
    assert usage.input_tokens_details.cached_tokens == 64


async def test_a_streamed_run(agent: agents.Agent) -> None:
    result = agents.Runner.run_streamed(agent, "Weather?")
    async for _ in result.stream_events():
        pass
    assert result.final_output == ANSWER
