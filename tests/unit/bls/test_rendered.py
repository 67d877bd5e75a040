"""Prompts known in whatever markup a chat template puts around their messages."""

import pytest

from charter_engine.bls.matching import Match, NodeIndex
from charter_engine.bls.plan import Form, Node, parse_plan, rendered

HEADINGS = frozenset({0, 2, 5})
PIECES = (
    "<|system|>\n",
    "You translate letters.\n",
    "\n<|user|>\n",
    "Into French: ",
    None,
    "\n<|assistant|>\n",
)
FORM = Form(PIECES, (0, 0, 1, 1, 2, 2), "as written")
TEMPLATES = {
    "ChatML": (
        "<|im_start|>system\n{}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    ),
    "Llama 3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n{}<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    ),
    "Mistral": "<s>[INST] {}\n\n{} [/INST]",
    "Gemma": ("<bos><start_of_turn>user\n{}\n\n{}<end_of_turn>\n<start_of_turn>model\n"),
}


def index(form: Form = FORM, headings: frozenset[int] = HEADINGS) -> NodeIndex:
    found = rendered(form, headings)
    assert found is not None
    return NodeIndex([Node(name="translate", forms=(form, found))])


def texts(match: Match, prompt: str) -> list[str]:
    starts = (0, *match.ends)
    return [prompt[start:end] for start, end in zip(starts, match.ends, strict=False)]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_chat_prompt_is_known_in_every_template(template: str) -> None:
    prompt = template.format("You translate letters.", "Into French: Dear Ms Vale")
    match = index().find(prompt)
    assert match is not None and match.form.rendered and match.form.name == "as written"
    assert texts(match, prompt)[1:4:2] == ["You translate letters.", "Into French: "]


def test_earlier_turns_may_stand_between_the_messages() -> None:
    turns = "Into German: Hello<|im_end|>\n<|im_start|>assistant\nGuten Tag"
    prompt = TEMPLATES["ChatML"].format("You translate letters.", turns)
    assert index().find(prompt) is None
    assert index().find(prompt.replace("Into German", "Into French")) is not None


def test_a_prompt_that_is_one_text_is_known_as_the_only_message() -> None:
    form = Form(("Classify this letter.\n\n", None, "\nClass:\n"), (0, 1, 2))
    match = index(form, frozenset()).find(
        "[INST] Classify this letter.\n\nDear all\nClass: [/INST]"
    )
    assert match is not None and match.form.rendered


def test_a_prompt_as_it_stands_goes_before_one_within_markup() -> None:
    plain = index().find("".join(piece or "Dear Ms Vale" for piece in PIECES))
    assert plain is not None and not plain.form.rendered


def test_too_little_fixed_text_is_not_looked_for_anywhere() -> None:
    assert rendered(Form(("Q: ", None, "\nA:"), (0, 1, 2)), frozenset()) is None


def test_every_form_of_a_plan_is_known_within_markup_too() -> None:
    text = """{"format": 1, "nodes": [{"node": "n", "segments": 2,
        "forms": [{"pieces": ["Summarise the letter:", null], "positions": [0, 1]}],
        "other_forms": [{"pieces": ["<|user|>\\n", "The letter follows. ", null],
                         "positions": [null, null, 1], "headings": [0]}]}]}"""
    forms = parse_plan(text).nodes["n"].forms
    assert [form.rendered for form in forms] == [False, False, True, True]
    assert forms[3].pieces == (None, "The letter follows. ", None, None)
    assert [form.name for form in forms] == ["as written"] * 4
