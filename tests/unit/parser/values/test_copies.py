"""Copies of a state in which some fields are others."""

import pytest

from tests.unit.parser.compiled import flows

STEPS = """
import dataclasses
from dataclasses import dataclass, replace
from typing import NamedTuple
from pydantic import BaseModel

{state}

def plan(state):
    return {plan}

def write(state):
    return {write}

def close(state):
    print(ask(f"Close {{{text}}} please"))

def main():
    state = {begun}
    state = plan(state)
    state = write(state)
    close(state)

main()
"""

FIELDS = '    topic: str = ""\n    plan: str = ""\n    text: str = ""\n'
PLAN, WRITE = 'ask("Plan the day")', 'ask(f"Write on {state.topic} please")'


def object_of(base: str, copied: str, given: str) -> dict[str, str]:
    return {
        "state": f"{base}\n{FIELDS}",
        "plan": f"{copied}, {given.format(name='plan', value=PLAN)})",
        "write": f"{copied}, {given.format(name='text', value=WRITE)})",
        "text": "state.text",
        "begun": 'State(topic="x")',
    }


def method_of(base: str, copied: str, given: str) -> dict[str, str]:
    found = object_of(base, copied, given)
    return found | {name: found[name].replace("(, ", "(") for name in ("plan", "write")}


def dict_of(plan: str, write: str) -> dict[str, str]:
    said = WRITE.replace("state.topic", "state['topic']")
    return {
        "state": "",
        "plan": plan.replace("SAID", PLAN),
        "write": write.replace("SAID", said),
        "text": "state['text']",
        "begun": '{"topic": "x"}',
    }


@pytest.mark.parametrize(
    "program",
    [
        object_of("@dataclass\nclass State:", "dataclasses.replace(state", "{name}={value}"),
        object_of("@dataclass(frozen=True)\nclass State:", "replace(state", "{name}={value}"),
        method_of("class State(BaseModel):", "state.model_copy(", "update={{'{name}': {value}}}"),
        method_of("class State(NamedTuple):", "state._replace(", "{name}={value}"),
        dict_of('{**state, "plan": SAID}', '{**state, "text": SAID}'),
        dict_of('state | {"plan": SAID}', 'state | {"text": SAID}'),
        dict_of("dict(state, plan=SAID)", "dict(state, text=SAID)"),
    ],
)
def test_a_copy_has_the_other_fields_as_they_were(program: dict[str, str]) -> None:
    assert flows(STEPS.format(**program)) == {"write > close"}
    read = program | {"text": program["text"].replace("text", "plan")}
    assert flows(STEPS.format(**read)) == {"plan > close"}


@pytest.mark.parametrize(
    "update",
    [
        'state.update(text=ask("Write a text"))',
        'state.update(**{"text": ask("Write a text")})',
    ],
)
def test_a_dict_that_is_updated_has_the_other_fields_as_they_were(update: str) -> None:
    source = f"""
        def main():
            state = {{"plan": ""}}
            write(state)
            close(state)

        def write(state):
            {update}

        def close(state):
            print(ask(f"Close {{state['KEY']}} please"))

        main()
        """
    assert flows(source.replace("KEY", "text")) == {"write > close"}
    assert flows(source.replace("KEY", "plan")) == set()


def test_a_copy_of_what_is_not_known_has_its_other_fields() -> None:
    source = """
        from pydantic import BaseModel

        class State(BaseModel):
            topic: str
            plan: list[str] = []

        class Plan:
            def run(self, state):
                plan = ask(f"Plan {state.topic} please").splitlines()
                return state.model_copy(update={"plan": [line for line in plan]})

        class Write:
            def run(self, state):
                return ask(f"Write {state.FIELD} please")

        def run(state):
            for step in (Plan(), Write()):
                state = step.run(state)
            return state

        def main():
            run(State(topic="tea"))
        """
    assert flows(source.replace("FIELD", "plan")) == {"run > run"}
    assert flows(source.replace("FIELD", "topic")) == set()


@pytest.mark.parametrize("held", ["state", "state.data"])
def test_a_dict_may_hold_whatever_it_was_updated_with(held: str) -> None:
    source = f"""
        import json
        from dataclasses import dataclass, field

        @dataclass
        class State:
            topic: str
            data: dict = field(default_factory=dict)

        def main():
            state = {"State('tea')" if "." in held else "{}"}
            {held}.update(json.loads(ask("Plan the day as JSON")))
            close(state)

        def close(state):
            print(ask(f"Close {{{held}['plan']}} please"))

        main()
        """
    assert flows(source) == {"main > close"}
