"""Prompts of models of transformers, as tokenizers are given them."""

import pytest

from tests.unit.parser.compiled import compiled

LOCAL = """
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("m")
model = AutoModelForCausalLM.from_pretrained("m")

def tell(topic):
    messages = [{"role": "user", "content": f"Tell of {topic} to a child."}]
    PREPARED
    return tokenizer.decode(model.generate(GIVEN, max_new_tokens=99)[0])
"""


@pytest.mark.parametrize(
    ("prepared", "given"),
    [
        ('ids = tokenizer.apply_chat_template(messages, return_tensors="pt").to(0)', "ids"),
        ("ids = tokenizer.apply_chat_template(messages, return_dict=True).to(0)", "**ids"),
        (
            "text = tokenizer.apply_chat_template(messages, tokenize=False)\n"
            '    ids = tokenizer([text], return_tensors="pt")',
            "ids.input_ids",
        ),
        (
            'ids = tokenizer(f"Tell of {topic} to a child.", return_tensors="pt").to(0)',
            "**ids",
        ),
        (
            'ids = tokenizer.encode(f"Tell of {topic} to a child.", return_tensors="pt").to(0)',
            "ids",
        ),
    ],
)
def test_a_tokenizer_hands_on_what_is_asked(prepared: str, given: str) -> None:
    (call,) = compiled(LOCAL.replace("PREPARED", prepared).replace("GIVEN", given)).calls
    assert [part.text or part.name for part in call.segments] == [
        "Tell of ",
        "topic",
        " to a child.",
    ]


def test_one_that_writes_its_prompt_for_a_tokenizer_is_a_step() -> None:
    file = compiled(
        LOCAL.replace(
            "PREPARED", "ids = tokenizer.apply_chat_template(messages, tokenize=True)"
        ).replace("GIVEN", "ids")
        + """
def work():
    return tell("the sea")
"""
    )
    assert [call.line for call in file.calls] == [10]
