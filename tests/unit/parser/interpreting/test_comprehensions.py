"""Comprehensions: which members they take, and what they keep apart."""

import pytest

from tests.unit.parser.compiled import flows

ANSWERS = """
def plan():
    return ask("Plan a talk.")

def note():
    return ask("Note what is new.")

def write():
    texts = {"plan": plan(), "note": note()}
"""


@pytest.mark.parametrize(
    "kept",
    [
        "{name: text for name, text in texts.items()}",
        "{name: text.strip() for name, text in texts.items() if text}",
        "{name: texts[name] for name in texts}",
        '{name: texts[name] for name in ("plan", "note")}',
        "{name.lower(): text for name, text in texts.items()}",
    ],
)
def test_a_dict_made_of_another_one_keeps_each_text_under_its_name(kept: str) -> None:
    source = f"""{ANSWERS}
    kept = {kept}
    return ask("Write by this plan: " + kept["plan"])
"""
    assert flows(source) == {"plan > write"}


@pytest.mark.parametrize(
    "condition", ['name != "note"', 'name in ("plan", "title")', 'not name == "note"']
)
def test_what_a_condition_on_its_name_keeps_out_is_not_in_the_dict(condition: str) -> None:
    source = f"""{ANSWERS}
    kept = {{name: text for name, text in texts.items() if {condition}}}
    return ask(f"Write by this: {{kept}}")
"""
    assert flows(source) == {"plan > write"}


def test_what_only_the_running_program_decides_keeps_nothing_out() -> None:
    source = f"""{ANSWERS}
    kept = {{name: text for name, text in texts.items() if name in wanted()}}
    return ask(f"Write by this: {{kept}}")
"""
    assert flows(source) == {"plan > write", "note > write"}


@pytest.mark.parametrize(("said", "found"), [("name", set()), ("text", {"work > work"})])
def test_a_key_that_is_not_known_is_not_what_stands_under_it(said: str, found: set[str]) -> None:
    source = f"""
def work(names):
    texts = {{}}
    for name in names:
        texts[name.lower()] = ask("Write a text.")
    for name, text in texts.items():
        print(ask(f"Is this good? {{{said}}}"))
"""
    assert {edge for edge in flows(source) if "later" not in edge} == found


def test_a_loop_over_pairs_does_not_mix_what_stands_under_the_names() -> None:
    source = """
def plan():
    return {"text": ask("Plan a talk.")}

def note():
    return {"text": ask("Note what is new.")}

def write():
    texts = {"plan": plan(), "note": note()}
    for name, text in texts.items():
        print(name, text)
    return ask("Write by this plan: " + texts["plan"]["text"])
"""
    assert flows(source) == {"plan > write"}
