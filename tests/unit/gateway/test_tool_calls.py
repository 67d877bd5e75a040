"""Calls of functions are told from text, in the forms of Hermes, Llama and Mistral."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.gateway.asking import Text, ToolCall
from charter_engine.gateway.tool_calls import ToolCallReader

OSLO = ("weather", {"city": "Oslo"})
ROME = ("weather", {"city": "Rome"})
HERMES = '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>'
HERMES_ROME = HERMES.replace("Oslo", "Rome")
LLAMA = '{"name": "weather", "parameters": {"city": "Oslo"}}'
MISTRAL = '[{"name": "weather", "arguments": {"city": "Oslo"}}]'


def read(*pieces: str) -> tuple[str, list[tuple[str, object]]]:
    """The text and the calls in an answer that comes in these pieces."""
    reader = ToolCallReader()
    found = [item for piece in pieces for item in reader.feed(piece)] + list(reader.finish())
    text = "".join(item.text for item in found if isinstance(item, Text))
    calls = [item for item in found if isinstance(item, ToolCall)]
    return text, [(call.name, json.loads(call.arguments)) for call in calls]


@pytest.mark.parametrize(
    "answer",
    [
        HERMES,
        HERMES.removesuffix("</tool_call>"),
        LLAMA,
        "<|python_tag|>" + LLAMA,
        "\n" + LLAMA,
        MISTRAL,
        "[TOOL_CALLS]" + MISTRAL,
        "[TOOL_CALLS] " + MISTRAL,
        '[TOOL_CALLS]weather{"city": "Oslo"}',
        '{"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}',
    ],
)
def test_a_call_is_read(answer: str) -> None:
    assert read(answer) == ("", [OSLO])


@pytest.mark.parametrize(
    "answer",
    [
        HERMES + "\n" + HERMES_ROME,
        LLAMA + "; " + LLAMA.replace("Oslo", "Rome"),
        f"[TOOL_CALLS][{MISTRAL[1:-1]}, {MISTRAL[1:-1].replace('Oslo', 'Rome')}]",
        '[TOOL_CALLS]weather{"city": "Oslo"}[TOOL_CALLS]weather{"city": "Rome"}',
    ],
)
def test_several_calls_are_read_in_their_order(answer: str) -> None:
    assert read(answer) == ("", [OSLO, ROME])


def test_text_before_a_hermes_call_is_text() -> None:
    assert read("Let me see. " + HERMES) == ("Let me see. ", [OSLO])


@pytest.mark.parametrize(
    "answer",
    [
        "It rains.",
        '{"city": "Oslo"}',
        '{"name": "weather"}',
        '{"name": "weather", "parameters": [1]}',
        "[1, 2, 3]",
        "{never closed",
        "<tool_call>not json</tool_call>",
        "a < b and <tool",
        "[TOOL_CALLS",
        LLAMA + " is what I would call",
        "",
    ],
)
def test_what_is_no_call_is_text_as_it_stands(answer: str) -> None:
    assert read(answer) == (answer, [])


@given(
    st.lists(st.sampled_from(["Hi ", "<", "{", "<tool_call>", HERMES, LLAMA, "\n"]), max_size=4),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_how_an_answer_was_cut_changes_nothing(parts: list[str], cuts: list[int]) -> None:
    answer = "".join(parts)
    places = sorted({0, *(min(cut, len(answer)) for cut in cuts), len(answer)})
    pieces = [answer[begin:end] for begin, end in itertools.pairwise(places)]
    assert read(*pieces) == read(answer)


def test_text_is_given_as_soon_as_it_can_be_no_call() -> None:
    reader = ToolCallReader()
    assert list(reader.feed("It rains <to")) == [Text("It rains ")]
    assert list(reader.feed("day>")) == [Text("<today>")]
