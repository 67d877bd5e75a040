"""langchain-openai, unchanged."""

from conftest import ANSWER
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"rain in {city}"


def model_of(gateway: str) -> ChatOpenAI:
    return ChatOpenAI(model="tiny", base_url=f"{gateway}/v1", api_key="none", max_retries=0)


def test_an_answer_with_its_cached_tokens(gateway: str) -> None:
    answer = model_of(gateway).invoke("Weather?")
    assert answer.content == ANSWER
    assert answer.usage_metadata["input_token_details"]["cache_read"] == 32


def test_a_streamed_answer(gateway: str) -> None:
    pieces = [chunk.content for chunk in model_of(gateway).stream("Weather?")]
    assert "".join(pieces) == ANSWER
    assert len([piece for piece in pieces if piece]) > 1


def test_a_function_is_called_and_its_result_sent(gateway: str) -> None:
    model = model_of(gateway).bind_tools([weather])
    asked = HumanMessage("Weather?")
    called = model.invoke([asked])
    assert isinstance(called, AIMessage)
    (call,) = called.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo"})
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert model.invoke([asked, called, result]).content == ANSWER


def test_responses(gateway: str) -> None:
    model = ChatOpenAI(
        model="tiny", base_url=f"{gateway}/v1", api_key="none", use_responses_api=True
    )
    assert model.invoke("Weather?").text == ANSWER
