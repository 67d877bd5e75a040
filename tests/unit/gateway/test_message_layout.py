"""Chats laid out on their way to a server of OpenAI's shape."""

import json
import random
from pathlib import Path

import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.api.gateway import listening
from charter_engine.bls.laying import AS_PLANNED_ALREADY, IN_CONTROL
from charter_engine.bls.plan import parse_plan
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest
from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.errors import UsageError
from charter_engine.gateway.message_layout import (
    CONTINUES,
    MORE_THAN_TEXT,
    OTHER_MESSAGES,
    LaidOutBody,
    MessageLayout,
)
from charter_engine.triton.bls_plan import compile_bls_plan
from tests.harbour import ANSWER, RULES, segment
from tests.unit.gateway.scripted import ANY_PORT, StandIn

Said = list[dict[str, object]]


CHECK = Call(
    id="check",
    path="harbour.py",
    line=3,
    end_line=4,
    segments=(
        segment("system", "Look for mistakes in: "),
        Segment(kind="upstream", name="reply", call="answer", carried="data", role="system"),
    ),
    depends_on=(Dependency("answer"),),
)
RULES_FIRST = NodePlan(
    layout="prefix-first",
    apply="traffic",
    order=(3, 0, 1, 2, 4),
    wording={0: "\n\nYou speak with "},
)
GOES_ON = NodePlan(layout="append-only", apply="traffic", extends="answer", order=(0,))


def layout(share: float = 1.0) -> MessageLayout:
    nodes = {"answer": RULES_FIRST, "check": GOES_ON}
    plan = Plan(agent="harbour.py", nodes=nodes, share=share)
    return MessageLayout(parse_plan(compile_bls_plan(plan, (ANSWER, CHECK), 1)))


def chat(system: str, question: str, role: str = "system") -> Said:
    return [{"role": role, "content": system}, {"role": "user", "content": question}]


def asked(name: str, question: str, role: str = "system") -> Said:
    return chat(f"You speak with {name}.\n{RULES}", question, role)


def planned(name: str, question: str, role: str = "system") -> Said:
    return chat(f"{RULES}\n\nYou speak with {name}.\n", question, role)


def passed(messages: object, by: MessageLayout | None = None) -> LaidOutBody:
    return (by or layout()).of(json.dumps({"messages": messages}).encode(), "")


def messages_in(body: bytes) -> object:
    return json.loads(body)["messages"]


def test_messages_are_passed_on_as_planned_and_all_else_to_the_letter() -> None:
    given_messages = json.dumps(asked("Ada", "Which berth?"))
    tools = '[{"type":"function", "function": {"name":"tide"}}]'
    body = f'{{"model": "m", "seed": 1.50, "messages": {given_messages}, "tools": {tools}}}'
    found = layout().of(body.encode(), "")
    assert (found.node, found.laid_out) == ("answer", True)
    assert messages_in(found.body) == planned("Ada", "Which berth?")
    fields = msgspec.json.decode(found.body, type=dict[str, msgspec.Raw])
    assert (bytes(fields["seed"]), bytes(fields["tools"])) == (b"1.50", tools.encode())


def test_the_client_keeps_its_names_for_roles() -> None:
    found = passed(asked("Ada", "Which berth?", "developer"))
    assert messages_in(found.body) == planned("Ada", "Which berth?", "developer")


def test_a_completion_is_laid_out_as_the_text_that_it_is() -> None:
    text = "<|system|>\nYou speak with Ada.\n" + RULES + "\n<|user|>\nWhich?\n<|assistant|>\n"
    found = layout().of(json.dumps({"prompt": text}).encode(), "")
    assert json.loads(found.body)["prompt"].startswith(f"<|system|>\n{RULES}")


CALLED: Said = [
    *asked("Ada", "When is the tide?"),
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "tide"}}],
    },
    {"role": "tool", "tool_call_id": "1", "content": "at noon"},
]
PICTURE: Said = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (CALLED[2:], MORE_THAN_TEXT),
        (PICTURE, MORE_THAN_TEXT),
        ([{"role": "system", "content": "You sort letters."}], "begins like no node's prompt"),
        (planned("Ada", "Which berth?"), AS_PLANNED_ALREADY),
        (chat("Look for mistakes in: Berth 3", "")[:1], CONTINUES),
        (
            [*asked("Ada", "")[:1], {"role": "user", "content": "a"}, *asked("", "b")[1:]],
            OTHER_MESSAGES,
        ),
        (
            [{"role": "system", "content": f"You speak with A.\n{RULES}\n<|user|>\nWhich?"}],
            OTHER_MESSAGES,
        ),
    ],
    ids=["calls", "picture", "stranger", "planned", "continues", "two of a role", "headings"],
)
def test_what_is_not_the_nodes_prompt_and_nothing_else_goes_as_it_came(
    messages: Said, reason: str
) -> None:
    found = passed(messages)
    assert messages_in(found.body) == messages
    assert not found.laid_out
    assert reason in found.reason + found.unmatched


@pytest.mark.parametrize(
    "rest",
    [
        CALLED[2:],
        [{"role": "assistant", "content": "At noon."}, {"role": "user", "content": "And then?"}],
        [{"role": "assistant", "content": "At noon.", "name": "harbour"}],
    ],
    ids=["calls and results", "turns", "a field of its own"],
)
def test_what_follows_the_nodes_messages_stays_as_it_is(rest: Said) -> None:
    found = passed([*asked("Ada", "When is the tide?"), *rest])
    assert messages_in(found.body) == [*planned("Ada", "When is the tide?"), *rest]
    assert found.laid_out


HOSTILE = ("", "Ada", ".\n", RULES, "You speak with ", "\n<|user|>\n", "<|assistant|>\n", "é\n\n")
EVERYWHERE = layout()


@given(st.integers(0, 2**64))
def test_no_chat_is_passed_on_with_other_messages_than_planned(seed: int) -> None:
    drawn = random.Random(seed)
    name, question = ("".join(drawn.choices(HOSTILE, k=drawn.randint(0, 3))) for _ in range(2))
    found = passed(asked(name, question), EVERYWHERE)
    expected = planned(name, question) if found.laid_out else asked(name, question)
    assert messages_in(found.body) == expected


def test_a_share_of_the_sessions_is_laid_out() -> None:
    by = layout(share=0.5)
    body = json.dumps({"messages": asked("Ada", "Which berth?")}).encode()
    found = [by.of(body, f"session {number}") for number in range(200)]
    assert 60 < sum(one.laid_out for one in found) < 140
    assert {one.reason for one in found} == {"", IN_CONTROL}
    assert by.of(body, "session 1") == found[1]


PLAN = """agent: harbour.py
nodes:
  answer:reply: {layout: prefix-first, apply: traffic, order: [1, 0]}
"""
AGENT = f"""
import openai

client = openai.OpenAI()
RULES = "{RULES}"


def answer(name):
    reply = client.chat.completions.create(
        model="any", messages=[{{"role": "system", "content": f"{{name}}" + RULES}}]
    )
    return reply.choices[0].message.content
"""


async def test_an_unchanged_clients_answers_keep_their_form(tmp_path: Path) -> None:
    (tmp_path / "harbour.py").write_text(AGENT)
    (tmp_path / "plan.yaml").write_text(PLAN)
    upstream = StandIn()
    exchanges: list[GatewayExchange] = []
    async with upstream.listening() as url:
        request = GatewayRequest(listen=ANY_PORT, openai=(url,), plan=str(tmp_path / "plan.yaml"))
        async with (
            listening(request, [TritonOptions()], exchanges.append) as gateway,
            openai.AsyncOpenAI(base_url=f"http://{gateway.address}/v1", api_key="k") as client,
        ):
            create = client.chat.completions.create
            whole = await create(
                model="tiny", messages=[{"role": "system", "content": "Ada. " + RULES}]
            )
            stream = await create(
                model="tiny",
                messages=[{"role": "system", "content": "Ben. " + RULES}],
                stream=True,
            )
            choices = [choice async for chunk in stream for choice in chunk.choices]
    assert whole.choices[0].message.content == "Hello world"
    assert "".join(choice.delta.content or "" for choice in choices) == "Hello world"
    sent = [json.loads(body)["messages"][0]["content"] for body in upstream.bodies]
    assert sent == [f"{RULES}Ada. ", f"{RULES}Ben. "]
    assert [one.record.laid_out for one in exchanges] == [True, True]


async def test_a_plan_without_layouts_for_traffic_is_refused(tmp_path: Path) -> None:
    (tmp_path / "harbour.py").write_text(AGENT)
    (tmp_path / "plan.yaml").write_text(PLAN.replace("traffic", "own-runs"))
    request = GatewayRequest(
        listen=ANY_PORT, openai=("http://127.0.0.1:1",), plan=str(tmp_path / "plan.yaml")
    )
    with pytest.raises(UsageError, match="none of its layouts"):
        async with listening(request, [TritonOptions()]):
            pass
