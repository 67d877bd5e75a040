"""Loops that only try again, which repeat nothing."""

from textwrap import indent

import pytest

from tests.unit.parser.compiled import ASK, compiled

WRITE = """
def write(topic, names):
    messages = [{"role": "user", "content": f"Write of {topic}"}]
    LOOP
"""

TRIES = """for attempt in range(3):
        try:
            reply = client.chat.completions.create(model="m", messages=GIVEN)
            break
        except Exception as error:
            print(error)
    return reply
"""


def is_repeated(source: str) -> bool:
    call = compiled(ASK + source).calls[-1]
    return call.in_loop or bool(call.repeated_by)


@pytest.mark.parametrize(
    ("given", "handled", "repeats"),
    [
        ("messages", "print(error)", False),
        ("[{'role': 'user', 'content': f'Write of {topic}'}]", "print(error)", False),
        ("[{'role': 'user', 'content': tell(topic)}]", "print(error)", False),
        ("messages", "messages.append({'role': 'user', 'content': str(error)})", True),
        ("[{'role': 'user', 'content': topic}]", "topic = f'{topic} {error}'", True),
    ],
)
def test_a_loop_that_sends_the_same_until_it_is_answered_repeats_nothing(
    given: str, handled: str, repeats: bool
) -> None:
    loop = TRIES.replace("GIVEN", given).replace("print(error)", handled)
    assert is_repeated(WRITE.replace("LOOP", loop)) is repeats


MODELS = """for model in ("large", "small"):
        for attempt in range(3):
            try:
                RETURNED
            except Exception as error:
                print(error)
"""


@pytest.mark.parametrize(
    ("returned", "repeats"),
    [("return ask(topic)", False), ("names.append(ask(topic))", True)],
)
def test_a_loop_over_models_ends_with_the_first_answer(returned: str, repeats: bool) -> None:
    assert is_repeated(WRITE.replace("LOOP", MODELS.replace("RETURNED", returned))) is repeats


CALLED = """
def draft(topic):
    messages = [{"role": "user", "content": f"Write a poem, in plain words, of {topic}"}]
    return client.chat.completions.create(model="m", messages=messages)

def work(topics):
    topic = topics[0]
    LOOP
"""


@pytest.mark.parametrize(
    ("loop", "repeats"),
    [
        ("while True:\n        try:\n            return draft(topic)", False),
        ("for topic in topics:\n        try:\n            return draft(topic)", True),
        ("for one in topics:\n        try:\n            print(draft(topic))", True),
    ],
)
def test_nor_does_one_of_a_caller(loop: str, repeats: bool) -> None:
    handler = "\n        except Exception:\n            print('again')\n"
    assert is_repeated(CALLED.replace("LOOP", loop + handler)) is repeats


STEPS = """
from dataclasses import dataclass

@dataclass
class Step:
    go: object

def plan(topic):
    return ask(f"Plan a speech about {topic}")

def write(text):
    return ask(f"Write the speech by this plan: {text}")

def tidy(text):
    return text.strip()

BOTH = [plan, write]

def run(topic):
    text = topic
    for STEP in STEPS:
        text = GO
    return text
"""


@pytest.mark.parametrize(
    ("step", "steps", "go", "repeats"),
    [
        ("step", "(plan, write)", "step(text)", False),
        ("name, step", "[('plan', plan), ('write', write)]", "step(text)", False),
        ("step", "(plan, lambda one: write(one))", "step(text)", False),
        ("number, step", "enumerate(BOTH)", "step(text)", False),
        ("number, step", "enumerate([plan, write], 1)", "step(text)", False),
        ("step", "[Step(go=plan), Step(go=write)]", "step.go(text)", False),
        ("step", "(plan, write, write)", "step(text)", True),
        ("step", "(plan, tidy)", "write(step(text))", True),
    ],
)
def test_a_loop_that_calls_another_function_in_each_turn_repeats_none(
    step: str, steps: str, go: str, repeats: bool
) -> None:
    source = STEPS.replace("STEPS", steps).replace("STEP", step).replace("GO", go)
    calls = {call.function: call for call in compiled(ASK + source).calls}
    assert [bool(calls[name].repeated_by) for name in ("plan", "write")] == [False, repeats]


CHECKED = """
from google import genai
from google.genai import types

def listed(names):
    return ", ".join(names)

def tell(topic, names):
    known = listed(names)
    for attempt in range(3):
        SENT
        said = genai.Client().models.generate_content(model="m", contents=prompt, config=config)
        KEPT
        if len(said.text) > 20:
            return said.text
        else:
            if attempt < 2:
                LEFT
            else:
                return topic
"""


@pytest.mark.parametrize(
    ("sent", "kept", "left", "repeats"),
    [
        ('prompt = f"Tell all of {known}"', "", "continue", False),
        ('prompt = "Tell all of {}".format(known)', "", "continue", False),
        ('prompt = f"Tell all of {known}"', "", "print(attempt)", True),
        ('prompt = f"Tell all of {known} {attempt}"', "", "continue", True),
        ('prompt = f"Tell all of {listed(names)}"', "", "continue", True),
        ('prompt = f"Tell all of {known}"', "known = f'{known} {said.text}'", "continue", True),
        ('prompt = f"Tell all of {known}"', "prompt += said.text", "continue", True),
    ],
)
def test_a_loop_that_puts_together_the_same_until_the_answer_is_long_enough_repeats_nothing(
    sent: str, kept: str, left: str, repeats: bool
) -> None:
    config = "config = types.GenerateContentConfig(temperature=0.3)"
    sent = f"{config}\n        {sent}"
    source = CHECKED.replace("SENT", sent).replace("KEPT", kept).replace("LEFT", left)
    assert is_repeated(source) is repeats


LEFT = """
def run(items, kept):
    for item in items:
        BODY
    return kept
"""


@pytest.mark.parametrize(
    ("body", "repeats"),
    [
        ("if item in kept:\n    return ask(f'Praise {item}')", False),
        ("if item in kept:\n    kept = ask(f'Praise {item}')\n    break", False),
        (
            "if item in kept:\n    try:\n        return ask(f'Praise {item}')\n"
            "    finally:\n        kept.close()",
            False,
        ),
        ("with item:\n    raise ValueError(ask(f'Praise {item}'))", False),
        ("match item:\n    case 'a':\n        return ask(f'Praise {item}')", False),
        ("for one in item:\n    kept.append(ask(f'Praise {item}'))\nbreak", True),
        ("for one in item:\n    kept.append(ask(f'Praise {item}'))\n    break", True),
        (
            "if item in kept:\n    try:\n        return ask(f'Praise {item}')\n"
            "    except ValueError:\n        kept.append(item)",
            True,
        ),
        (
            "try:\n    return kept[item]\nexcept KeyError:\n    kept[item] = ask(f'Praise {item}')",
            True,
        ),
        ("told = ask(f'Praise {item}')\nif told in kept:\n    continue\nreturn told", True),
        ("told = ask(f'Praise {item}')\nif told in kept:\n    return told", True),
    ],
)
def test_a_call_that_ends_its_loop_is_not_repeated_by_it(body: str, repeats: bool) -> None:
    assert is_repeated(LEFT.replace("BODY", indent(body, " " * 8).strip())) is repeats


def test_nor_is_what_a_caller_calls_before_it_leaves_its_loop() -> None:
    source = """
def praise(item):
    return ask(f"Praise, in plain words and without any doubt, this one: {item}")

def run(items):
    for item in items:
        if len(item) > 3:
            return praise(item)
"""
    assert not is_repeated(source)
