"""Requests with what they offer the model in front of their prompts."""

from collections.abc import Sequence

import pytest

from charter_engine.analysis.agent_workload import PlacedRequest, generate
from charter_engine.analysis.bound import reuse_bound
from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.prompts.assembly import text_of

OFFERING = """
from openai import OpenAI

TOOLS = [{"name": "read", "description": "Reads a file and gives its text."}]
RULES = "You look after the library of a small town and answer in two sentences. "

def answer(question):
    return OpenAI().responses.create(model="m", input=RULES + question, tools=TOOLS)

def check(question):
    return OpenAI().responses.create(model="m", input=RULES + question, tools=MORE)
"""


def test_what_a_request_offers_stands_in_front_of_its_prompt() -> None:
    prompts = [text_of(placed.prompt) for placed in offering("TOOLS")]
    assert all(prompt.startswith('<|tools|>\n{"name": "read"') for prompt in prompts)


def test_calls_that_offer_the_same_share_it_and_others_share_nothing() -> None:
    shared, apart = (
        reuse_bound(placed.request for placed in offering(more)).reusable_tokens
        for more in ("TOOLS", '[{"name": "write"}]')
    )
    assert shared > 100 > 20 >= apart


def test_definitions_that_are_not_at_hand_may_be_given_and_are_assumed_otherwise() -> None:
    given, assumed = (
        text_of(offering("elsewhere", values)[1].prompt) for values in ({"elsewhere": "a tool"}, {})
    )
    assert given.startswith("<|tools|>\na tool\n")
    assert assumed.startswith("<|tools|>\nelsewhere-0 elsewhere-1 ")


def offering(more: str, values: dict[str, str] | None = None) -> tuple[PlacedRequest, ...]:
    calls = compile_source("agent.py", OFFERING.replace("MORE", more)).calls
    inputs = [{"question": "When do you open?", **(values or {})}]
    return generate(calls, inputs, Plan(agent="agent"), letters)


def letters(text: str, ends: Sequence[int]) -> tuple[list[int], Sequence[int]]:
    return [ord(letter) for letter in text], ends


def test_equal_definitions_count_in_a_shared_prefix() -> None:
    calls = compile_source("agent.py", OFFERING.replace("MORE", "TOOLS")).calls
    (shared,) = [one for one in find_opportunities(calls) if one.pattern == "shared_prefix"]
    assert shared.shared_tokens == sum(
        part.tokens or 0 for part in (*calls[0].head, calls[0].segments[0])
    )


TOPIC = Segment(kind="variable", name="topic", expression="topic")
PLAN = Segment(kind="upstream", name="plan", call="plan", carried="data")


@pytest.mark.parametrize(("tools", "extended"), [("read", "plan"), ("write", None)])
def test_a_conversation_goes_on_only_behind_the_same_definitions(
    tools: str, extended: str | None
) -> None:
    calls = (
        Call(id="plan", path="a.py", line=1, end_line=1, head=offered("read"), segments=(TOPIC,)),
        Call(
            id="text",
            path="a.py",
            line=2,
            end_line=2,
            head=offered(tools),
            segments=(TOPIC, PLAN),
            depends_on=(Dependency("plan"),),
        ),
    )
    layouts = candidate_layouts(calls).get("conversation", {"text": NodePlan()})
    assert layouts["text"].extends == extended


def offered(name: str) -> tuple[Segment, ...]:
    return (Segment(kind="static", text=f'{{"name": "{name}"}}'),)
