"""Chat prompts laid out in the markup of the model's own chat template."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    """A tokenizer's, with a chat template."""
    root.joinpath("tokenizer.json").write_bytes(tokenizer_path().read_bytes())
    source = TEMPLATES[template]
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


def sent(by: Preparer, text: str, answer: str | None = None) -> Prompt:
    """Prepare a prompt, and have it answered."""
    import numpy as np

    from msgspec.structs import replace  # noqa: F401

    prompt = by.prepare(Arrival(text=text))
    if answer is not None:
        output = TOKENIZER.encode(answer, begins_prompt=False)[0]
        tokens: Any = np.asarray(prompt.token_ids, np.int32)
        by.answered(
            Prompt(
                tokens,
                prompt.node,
                {},
                laying=prompt.laying,
                token_ends=prompt.token_ends,
                markup=prompt.markup,
            ),
            "",
            output,
            answer,
        )
    return prompt


def test_what_is_sent_is_what_the_template_makes_of_the_planned_messages(
    template: str, writers: Sequence[Writes]
) -> None:
    prompt = sent(preparer(writers), rendered(template, *asked("Ada", "Which berth?")))
    assert text_of(prompt) == rendered(template, *planned("Ada", "Which berth?"))
    assert (prompt.node, prompt.laying.reason) == ("answer", "")


def test_what_came_as_planned_is_known_as_such(template: str, writers: Sequence[Writes]) -> None:
    prompt = sent(preparer(writers), rendered(template, *planned("Ada", "Which berth?")))
    assert (prompt.node, prompt.laying.reason) == ("answer", AS_PLANNED_ALREADY)
