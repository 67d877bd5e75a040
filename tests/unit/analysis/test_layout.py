"""Layouts that put what prompts share in front."""

from collections.abc import Sequence
from typing import Any

import pytest

from charter_engine.analysis.agent_workload import generate
from charter_engine.analysis.bound import reuse_bound
from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.prompts.assembly import text_of
from tests.unit.encoding import by_character
from tests.unit.plan.agents import COMPANIES, DELTA_CALLS, DOCUMENT_CALLS

DOCUMENTS = [{"document": f"{index}: " + "some text of the document. " * 300} for index in range(3)]


def bound(calls: Sequence[Call], layout: str, inputs: Sequence[dict[str, Any]]) -> float:
    plan = Plan(agent="a.py", nodes=dict(candidate_layouts(calls)[layout]))
    placed = generate(calls, inputs, plan, by_character)
    return reuse_bound(item.request for item in placed).rate


def prompts(calls: Sequence[Call], layout: str, inputs: Sequence[dict[str, Any]]) -> list[str]:
    plan = Plan(agent="a.py", nodes=dict(candidate_layouts(calls)[layout]))
    return [text_of(item.prompt) for item in generate(calls, inputs, plan, by_character)]


def test_sharing_the_document_first_allows_far_more_than_the_source_layout() -> None:
    source = bound(DOCUMENT_CALLS, "source", DOCUMENTS)
    assert bound(DOCUMENT_CALLS, "shared input first", DOCUMENTS) > source + 0.3


def test_a_conversation_allows_more_than_sharing_the_document() -> None:
    shared = bound(DOCUMENT_CALLS, "shared input first", DOCUMENTS)
    assert bound(DOCUMENT_CALLS, "conversation", DOCUMENTS) > shared


def test_a_loop_reuses_its_template_once_it_stands_in_front() -> None:
    inputs = [{"companies": COMPANIES}]
    assert bound(DELTA_CALLS, "constant text first", inputs) > bound(DELTA_CALLS, "source", inputs)


def test_the_closing_cue_stays_last() -> None:
    for layout in candidate_layouts(DOCUMENT_CALLS):
        for prompt, cue in zip(
            prompts(DOCUMENT_CALLS, layout, DOCUMENTS[:1]),
            ("Entities:", "Validated entities:", "Classification:"),
            strict=True,
        ):
            assert prompt.endswith(cue)


@pytest.mark.parametrize("layout", candidate_layouts(DOCUMENT_CALLS))
def test_no_layout_drops_an_instruction_or_an_input(layout: str) -> None:
    first, second, third = prompts(DOCUMENT_CALLS, layout, DOCUMENTS[:1])
    assert "Extract all" in first
    assert all(
        text in second for text in ("Check the entities", "[entities]", DOCUMENTS[0]["document"])
    )
    assert all(text in third for text in ("Classify", "[validation]", DOCUMENTS[0]["document"]))


def test_labels_of_shared_inputs_are_worded_alike() -> None:
    _, second, third = prompts(DOCUMENT_CALLS, "shared input first", DOCUMENTS[:1])
    assert "\n\nDocument:\n" in second
    assert "Source document" not in second
    assert "\n\nDocument:\n" in third


def test_layouts_that_would_send_the_same_are_given_once() -> None:
    assert list(candidate_layouts(DOCUMENT_CALLS[:1])) == ["source"]


CHAT = """
from openai import OpenAI

client = OpenAI()
RULES = "Name the berth, the vessel and the tide whenever you speak of a manoeuvre. " * 3


def answer(name, question):
    system = f"You speak with {name}.\\n" + RULES
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return client.chat.completions.create(model="m", messages=messages)
"""
ASKED = [{"name": name, "question": f"{name} asks"} for name in ("Ada", "Ben", "Cid")]


def test_constant_text_moves_to_the_front_of_its_own_message() -> None:
    calls = compile_source("chat.py", CHAT).calls
    (first, *_) = prompts(calls, "constant text first", ASKED)
    rules = "Name the berth, the vessel and the tide whenever you speak of a manoeuvre. " * 3
    assert first == (
        f"<|system|>\n{rules}\n\nYou speak with Ada.\n\n<|user|>\nAda asks\n<|assistant|>\n"
    )
    assert bound(calls, "constant text first", ASKED) > bound(calls, "source", ASKED) + 0.4


def test_constant_text_of_a_later_system_message_joins_the_first() -> None:
    later = CHAT.replace(
        '{"role": "user", "content": question}]',
        '{"role": "user", "content": question}, {"role": "system", "content": FORM}]',
    ).replace("RULES =", 'FORM = "Answer in a single sentence. " * 6\nRULES =')
    calls = compile_source("chat.py", later).calls
    (first, *_) = prompts(calls, "constant text first", ASKED)
    system, _, rest = first.partition("<|user|>")
    assert "Answer in a single sentence." in system.partition("You speak with")[0]
    assert rest == "\nAda asks\n<|assistant|>\n"


def test_what_turns_leave_in_a_history_stays_where_it_is() -> None:
    leave = "        messages.append({'role': 'assistant', 'content': out.choices[0].message})\n"
    grown = CHAT.replace("    return client", "    while True:\n        out = client") + leave
    (call,) = compile_source("chat.py", grown).calls
    order = candidate_layouts([call])["constant text first"][call.id].order
    assert call.segments[order[-1]].each_turn
