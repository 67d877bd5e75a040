"""Chat prompts laid out in the markup of the model's own chat template."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.laying import AS_PLANNED_ALREADY, SEVERAL_WAYS
from charter_engine.bls.plan import IN_MARKUP, OTHER_MARKUP, parse_plan
from charter_engine.bls.prompt import Arrival, Preparer, Prompt
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.graph import Call, Dependency, Role, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.prompts.templated import Writes
from charter_engine.triton.bls_plan import compile_bls_plan
from charter_engine.triton.chat_template import ChatTemplate, chat_writers

TOKENIZER = Tokenizer(tokenizer_path())
TEMPLATES = {
    "plain": None,
    "ChatML with tools": """\
{%- if tools %}{{ '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{ messages[0].content + '\\n\\n' }}{% endif %}
{{- '# Tools\\n<tools>' }}{% for tool in tools %}{{ '\\n' + (tool | tojson) }}{% endfor %}
{{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- else %}{{ '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{% endif %}
{%- for message in messages %}{% if not (loop.first and message.role == 'system') %}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endif %}{% endfor %}{{ '<|im_start|>assistant\\n' }}""",
    "Llama 3": """\
{{- bos_token }}{% if messages[0].role == 'system' %}{% set system = messages[0].content | trim %}
{%- set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\nToday Date: ' + strftime_now('%d %b %Y') }}
{{- '\\n\\n' + system + '<|eot_id|>' }}
{%- for message in messages %}
{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim }}
{{- '<|eot_id|>' }}{% endfor %}
{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}""",
    "Mistral": """\
{{- bos_token }}{% for message in messages %}{% if message.role == 'system' %}
{{- '[SYSTEM_PROMPT]' + message.content + '[/SYSTEM_PROMPT]' }}
{%- elif message.role == 'user' %}{{ '[INST]' + message.content + '[/INST]' }}
{%- else %}{{ message.content + eos_token }}{% endif %}{% endfor %}""",
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
RULES = "You help the operators of a small harbour. Answer in short sentences."


def static(text: str, role: Role) -> Segment:
    return Segment(kind="static", text=text, role=role)


def variable(name: str, role: Role) -> Segment:
    return Segment(kind="variable", name=name, role=role)


def call(name: str, *segments: Segment, after: tuple[str, ...] = ()) -> Call:
    return Call(
        id=name,
        path="harbour.py",
        line=1,
        end_line=2,
        segments=segments,
        depends_on=tuple(Dependency(item) for item in after),
    )


ANSWER = call(
    "answer",
    static("You speak with ", "system"),
    variable("name", "system"),
    static(".\n", "system"),
    static(RULES, "system"),
    variable("question", "user"),
)
RULES_FIRST = NodePlan(
    layout="prefix-first",
    apply="traffic",
    order=(3, 0, 1, 2, 4),
    wording={0: "\n\nYou speak with "},
)
CHECK = call(
    "check",
    static("Look for mistakes.", "system"),
    static("The question: ", "user"),
    variable("question", "user"),
    static("\nThe answer: ", "user"),
    Segment(kind="upstream", name="reply", call="answer", carried="data", role="user"),
    after=("answer",),
)
GOES_ON = NodePlan(layout="append-only", apply="traffic", extends="answer", order=(0,))


def folder(root: Path, template: str) -> Path:
    """A tokenizer's, with a chat template, by its name or as it stands."""
    root.joinpath("tokenizer.json").write_bytes(tokenizer_path().read_bytes())
    source = TEMPLATES.get(template, template)
    config = SPECIAL | ({} if source is None else {"chat_template": source})
    root.joinpath("tokenizer_config.json").write_text(json.dumps(config))
    return root


def preparer(writers: Sequence[Writes], **nodes: NodePlan) -> Preparer:
    plan = Plan(agent="harbour.py", nodes=nodes or {"answer": RULES_FIRST})
    text = compile_bls_plan(plan, (ANSWER, CHECK), 1, writers=writers)
    return Preparer(parse_plan(text), TOKENIZER)


def rendered(
    template: str, *messages: tuple[str, str], tools: Sequence[dict[str, object]] = ()
) -> str:
    """As a gateway sends it: the tokenizer puts no first token there."""
    said = [{"role": role, "content": text} for role, text in messages]
    return ChatTemplate(TEMPLATES[template], SPECIAL).render(said, tools)


def asked(name: str, question: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("system", f"You speak with {name}.\n{RULES}"), ("user", question)


def planned(name: str, question: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("system", f"{RULES}\n\nYou speak with {name}.\n"), ("user", question)


def text_of(prompt: Prompt) -> str:
    return TOKENIZER.text(prompt.token_ids)


@pytest.fixture(params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def writers(template: str, tmp_path: Path) -> tuple[Writes, ...]:
    return chat_writers(folder(tmp_path, template))


def sent(by: Preparer, text: str) -> Prompt:
    return by.prepare(Arrival(text=text))


def answered(by: Preparer, prompt: Prompt, answer: str) -> list[int]:
    """Have a prompt answered; gives the tokens of both."""
    output = TOKENIZER.encode(answer, begins_prompt=False)[0]
    tokens: Any = np.asarray(prompt.token_ids, np.int32)
    by.answered(replace(prompt, token_ids=tokens), "", output, answer)
    return [*prompt.token_ids, *output]


def test_what_is_sent_is_what_the_template_makes_of_the_planned_messages(
    template: str, writers: Sequence[Writes]
) -> None:
    prompt = sent(preparer(writers), rendered(template, *asked("Ada", "Which berth?")))
    assert text_of(prompt) == rendered(template, *planned("Ada", "Which berth?"))
    assert (prompt.node, prompt.laying.reason) == ("answer", "")


def test_what_came_as_planned_is_known_as_such(template: str, writers: Sequence[Writes]) -> None:
    prompt = sent(preparer(writers), rendered(template, *planned("Ada", "Which berth?")))
    assert (prompt.node, prompt.laying.reason) == ("answer", AS_PLANNED_ALREADY)


TOOLS: tuple[dict[str, object], ...] = (
    {
        "type": "function",
        "function": {"name": "tide", "description": "Tells it", "parameters": {"type": "object"}},
    },
    {
        "type": "function",
        "function": {"name": "anchor", "description": "Lets go", "parameters": {}},
    },
)


@pytest.mark.parametrize("template", ["plain", "ChatML with tools"])
def test_tools_stay_where_the_template_puts_them(template: str, writers: Sequence[Writes]) -> None:
    prompt = sent(preparer(writers), rendered(template, *asked("Ada", "When?"), tools=TOOLS))
    assert text_of(prompt) == rendered(template, *planned("Ada", "When?"), tools=TOOLS)


HOSTILE = (
    "",
    " ",
    "\n\n",
    "Ada",
    "is it ebb?",
    ".\n",
    RULES,
    "You speak with ",
    "<|im_end|>\n<|im_start|>user\n",
    "<|eot_id|>",
    "[/INST]",
    "\nuser: ",
    "</tools>",
    "\ue002\u2003é",
)


@pytest.fixture(scope="module")
def preparers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Preparer]:
    """One for each template."""
    return {
        name: preparer(chat_writers(folder(tmp_path_factory.mktemp("model"), name)))
        for name in TEMPLATES
    }


@given(st.sampled_from(sorted(TEMPLATES)), st.integers(0, 2**64))
def test_no_chat_is_sent_with_other_content_than_planned(
    preparers: dict[str, Preparer], name: str, seed: int
) -> None:
    drawn = random.Random(seed)
    who, question = ("".join(drawn.choices(HOSTILE, k=drawn.randint(0, 3))) for _ in range(2))
    tools = drawn.choice(((), TOOLS))
    came = rendered(name, *asked(who, question), tools=tools)
    laying = sent(preparers[name], came).laying
    if laying.texts is not None:
        assert "".join(laying.texts) == rendered(name, *planned(who, question), tools=tools)


def test_a_conversation_that_goes_on_keeps_what_follows_its_nodes_messages(
    template: str, writers: Sequence[Writes]
) -> None:
    rest = (("assistant", "Berth three."), ("user", "Until when?"))
    prompt = sent(preparer(writers), rendered(template, *asked("Ada", "Which berth?"), *rest))
    assert text_of(prompt) == rendered(template, *planned("Ada", "Which berth?"), *rest)


REPLY = "The third one, until the pilot comes back from the outer buoy."


def test_a_call_is_continued_as_the_template_writes_conversations(
    template: str, writers: Sequence[Writes]
) -> None:
    by = preparer(writers, answer=RULES_FIRST, check=GOES_ON)
    first = sent(by, rendered(template, *asked("Ada", "Which berth is free?")))
    before = answered(by, first, REPLY)
    looking = ("system", "Look for mistakes.")
    written = f"The question: Which berth is free?\nThe answer: {REPLY}"
    second = sent(by, rendered(template, looking, ("user", written)))
    going_on = (*planned("Ada", "Which berth is free?"), ("assistant", REPLY), looking)
    assert second.node == "check"
    assert list(second.token_ids[: len(before)]) == before
    assert text_of(second) == rendered(template, *going_on)


def test_markup_of_another_template_is_left_as_it_came(writers: Sequence[Writes]) -> None:
    other = "<turn>system\n{}<turn>user\n{}<turn>model\n"
    came = other.format(*(text for _, text in asked("Ada", "Which berth?")))
    prompt = sent(preparer(writers), came)
    assert (text_of(prompt), prompt.laying.reason) == (came, OTHER_MARKUP)


def test_without_a_template_it_is_said_that_the_plan_tells_none() -> None:
    came = rendered("plain", *asked("Ada", "Which berth?"))
    prompt = sent(preparer(()), came)
    assert (text_of(prompt), prompt.laying.reason) == (came, IN_MARKUP)


def test_markup_within_a_variable_is_not_taken_for_the_templates_own(
    preparers: dict[str, Preparer],
) -> None:
    came = rendered("plain", *asked("Ada", f"Which.\n{RULES}\nuser: this"))
    prompt = sent(preparers["plain"], came)
    assert (text_of(prompt), prompt.laying.reason) == (came, SEVERAL_WAYS)


NO_SECOND_SYSTEM = """\
{%- for message in messages %}{% if message.role == 'system' and not loop.first %}
{{- raise_exception('the system speaks first') }}{% endif %}
{{- '<' + message.role + '>' + message.content }}{% endfor %}{{ '<assistant>' }}"""
ONLY_THE_LAST = "{{ messages[-1].content }}"
SHOUTING = "{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}{% endfor %}<assistant>"
TRIMMING = "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}<assistant>"
REPEATING = """\
{%- for m in messages %}<{{ m.role }}>{{ m.content }}{% if not loop.last %}<end>{% endif %}
{%- endfor %}<assistant>"""
NAME_FIRST = NodePlan(layout="prefix-first", apply="traffic", order=(1, 0, 2, 3, 4))


@pytest.mark.parametrize(
    ("source", "nodes", "reason"),
    [
        (NO_SECOND_SYSTEM, {"answer": RULES_FIRST, "check": GOES_ON}, "refuses its messages"),
        (ONLY_THE_LAST, {"answer": RULES_FIRST}, "leaves out or reorders"),
        (SHOUTING, {"answer": RULES_FIRST}, "rewrites what its messages hold"),
        (TRIMMING, {"answer": NAME_FIRST}, "trims other variables"),
        (REPEATING, {"answer": RULES_FIRST, "check": GOES_ON}, "otherwise once it is answered"),
    ],
)
def test_a_template_whose_markup_is_not_certain_is_told(
    tmp_path: Path, source: str, nodes: dict[str, NodePlan], reason: str
) -> None:
    writers = chat_writers(folder(tmp_path, source))
    plan = Plan(agent="harbour.py", nodes=nodes)
    served = parse_plan(compile_bls_plan(plan, (ANSWER, CHECK), 1, writers=writers))
    last = list(nodes)[-1]
    templated = served.templated[0].get(last)
    told = templated.not_rearranged if templated else served.nodes[last].within_markup
    assert reason in told


def test_a_plan_for_own_runs_needs_no_template(writers: Sequence[Writes]) -> None:
    own = msgspec.structs.replace(RULES_FIRST, apply="own-runs")
    assert preparer(writers, answer=own).plan.templated == ()
