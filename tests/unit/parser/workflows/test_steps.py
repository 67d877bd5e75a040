"""Functions that ask something of their own are steps of an agent, not wrappers of a model."""

import pytest

from tests.unit.parser.compiled import compiled, lines

STEPS = {
    "it returns several answers": (
        """
import openai

def both(question):
    plan = openai.Completion.create(model="m", prompt=question)
    return {"plan": plan, "answer": openai.Completion.create(prompt=f"{question} {plan}")}

both("Why?")
""",
        [5, 6],
    ),
    "its prompt is its own, though it has no parameters": (
        """
from openai import OpenAI

class Tutor:
    def plan(self):
        return OpenAI().responses.create(model="m", input=f"Plan a lesson on {self.topic}")

    def turn(self):
        return self.plan()
""",
        [6],
    ),
    "it fills a text from elsewhere": (
        """
import shop
from openai import OpenAI

def request(prompt):
    return OpenAI().responses.create(model="m", input=prompt).output_text

def plan(goal):
    return request(shop.PROMPTS.get_prompt("plan", goal=goal))

plan("A shed.")
""",
        [6, 9],
    ),
    "it goes on from its own answers": (
        """
from openai import OpenAI

def ask(text):
    return OpenAI().responses.create(model="m", input=text).output_text

def research(question):
    notes = ""
    while True:
        notes = ask(f"{question}\\n{notes}")
        if "enough" in notes:
            last = ask(f"{question}\\n{notes}")
            break
    return last

research("Why is the sea salty?")
""",
        [5, 10, 12],
    ),
}


@pytest.mark.parametrize("how", STEPS)
def test_a_function_that_asks_something_of_its_own_is_no_wrapper(how: str) -> None:
    source, found = STEPS[how]
    assert lines(compiled(source)) == found


ASKING = {
    "itself": (
        """
from openai import OpenAI

def ask(text):
    return OpenAI().responses.create(model="m", input=text).output_text

def route(text):
    STEP
    return ask(text)

def main(text):
    return route("Answer in one sentence: " + text)
""",
        'OpenAI().responses.create(model="m", input=f"Name who should answer: {text}")',
        [5, 8, 9],
        [5, 9, 12],
    ),
    "by a helper": (
        """
from openai import OpenAI

def ask(rules, text):
    turns = [{"role": "system", "content": rules}, {"role": "user", "content": text}]
    return OpenAI().chat.completions.create(model="m", messages=turns).choices[0]

def kind_of(question):
    return ask("Name it.", f"Which department should take this question: {question}")

def handle(text):
    STEP
    return ask("You are an expert.", text)

handle("Where is my parcel?")
""",
        "print(kind_of(text))",
        [6, 9, 13],
        [6, 9, 13, 15],
    ),
    "step by step": (
        """
from openai import OpenAI

def ask(text):
    return OpenAI().responses.create(model="m", input=text).output_text

def run(task):
    text = ask("Outline the work: " + task)
    STEP
    return text

run("Dig a well.")
""",
        'text = ask(f"Criticise this plan in detail, and say what it lacks and why: {text}")',
        [5, 8, 9],
        [5, 8, 12],
    ),
}


@pytest.mark.parametrize("how", ASKING)
def test_nor_is_one_that_asks_about_what_it_is_given_or_answered(how: str) -> None:
    source, step, with_step, without = ASKING[how]
    assert lines(compiled(source.replace("STEP", step))) == with_step
    assert lines(compiled(source.replace("STEP", "print(text)"))) == without


def test_one_that_asks_again_about_the_answer_is_a_wrapper() -> None:
    source = """
        from openai import OpenAI

        def ask(text):
            said = OpenAI().responses.create(model="m", input=text).output_text
            if said.startswith("{"):
                return said
            OpenAI().responses.create(model="m", input=f"Is this JSON, or what is it? {said}")
            return said

        def main(question):
            return ask("Answer in one sentence: " + question)
        """
    assert lines(compiled(source)) == [5, 8, 12]


STEPS_OF_ITS_OWN = """
RULES = (
    "You plan reports, one point for each line and ten of them at most. Each says what is "
    "to be told. Leave out what everyone knows, and use no words around."
)

class Plan:
    def ask(self, notes):
        notes["plan"] = client.responses.create(
            model="m", instructions=RULES, input=notes["topic"]
        ).output_text
        RETURNED

def main(topic):
    return Plan().ask({"topic": topic})
"""


@pytest.mark.parametrize(
    ("returned", "kinds"), [("return notes", ["sdk"]), ('return notes["plan"]', ["sdk", "wrapper"])]
)
def test_a_method_that_hands_on_a_record_with_its_answer_in_it_is_a_step(
    returned: str, kinds: list[str]
) -> None:
    source = "from openai import OpenAI\n\nclient = OpenAI()\n" + STEPS_OF_ITS_OWN
    file = compiled(source.replace("RETURNED", returned))
    assert [call.kind for call in file.calls] == kinds


def test_one_that_is_named_after_running_is_a_step_by_its_rules_however_it_answers() -> None:
    source = "from openai import OpenAI\n\nclient = OpenAI()\n" + STEPS_OF_ITS_OWN
    file = compiled(source.replace("RETURNED", 'return notes["plan"]').replace("ask(", "run("))
    assert [call.kind for call in file.calls] == ["sdk"]


OWN = """
from openai import OpenAI

def ask(messages):
    return OpenAI().chat.completions.create(model="m", messages=messages).choices[0].message.content

def NAME(topic):
    rules = {"role": "system", "content": "RULES"}
    return ask([rules, {"role": "user", "content": topic}])

NAME("the sea")
"""


@pytest.mark.parametrize(
    ("name", "rules", "found"),
    [
        ("outline", "You outline texts.", [5, 9, 11]),
        ("outline", "You outline texts. Write THREE questions. Return JSON.", [5, 9]),
        ("ask_model", "You outline texts. Write THREE questions. Return JSON.", [5, 9, 11]),
        ("run_agent", "You outline texts, one line for each part of them.", [5, 9, 11]),
        ("run_agent", "You outline texts. Write THREE questions. Return JSON.", [5, 9]),
    ],
)
def test_rules_of_several_sentences_are_its_own_where_its_name_does_not_ask(
    name: str, rules: str, found: list[int]
) -> None:
    assert lines(compiled(OWN.replace("NAME", name).replace("RULES", rules))) == found


def test_rules_that_are_given_by_place_are_rules() -> None:
    file = compiled(
        """
        from shop import providers

        class First:
            def complete(self, prompt, system=None):
                for provider in providers():
                    return provider.complete(prompt, system)

        RULES = "You are a planner. You break a goal down into steps. Number them. Be brief."

        def plan(goal):
            return First().complete(goal, system=RULES)

        plan("Dig a well.")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(7, "sdk"), (12, "wrapper")]
    assert [segment.role for segment in file.calls[1].segments][:1] == ["system"]


BEHIND = """
from openai import OpenAI

def ask(prompt):
    return OpenAI().responses.create(model="m", input=prompt).output_text

def rewrite(question):
    return ask(f"Rewrite this question so that a search engine finds what it needs: {question}")

def answer(question):
    STEP
    return ask(f"Answer this: {question}")

print(answer("Why is the sea salty?"))
"""


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ("print(rewrite(question))", [5, 8, 12]),
        ("return rewrite(question)", [5, 8]),
        ("if len(question) > 99: question = rewrite(question)", [5, 8, 12, 14]),
        ("print(question)", [5, 8, 12, 14]),
    ],
)
def test_nor_is_one_behind_which_a_step_asks_before_or_alone(step: str, found: list[int]) -> None:
    assert lines(compiled(BEHIND.replace("STEP", step))) == found
