"""Functions that ask with rules or a template of their own, or with their callers'."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

RULES = (
    "You examine houses before they are sold. Look at the roof, the walls and the cellar, name "
    "what is worn, damp or unsafe, say what it costs to mend, and who is to mend it. Be strict "
    "about wires and pipes, and end with a grade from one to five."
)


@pytest.mark.parametrize(
    ("name", "rules", "found"),
    [
        ("inspector", "You are a helpful assistant.", [7, 10]),
        ("inspector", RULES, [7]),
        ("ask_llm", RULES, [7, 10]),
        ("ask_llm", RULES * 5, [7]),
    ],
)
def test_one_with_long_rules_of_its_own_is_a_step_unless_its_name_speaks_of_asking(
    name: str, rules: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        RULES = "{rules}"

        def {name}(text):
            return OpenAI().responses.create(model="m", instructions=RULES, input=text).output_text

        def main(house):
            return {name}("Tell me about this house: " + house)
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Tell of ", [7, 9]),
        (
            "I want to know all that is said about this harbour and what lies around it. "
            "Give as much detail as can be given, and be as thorough as you can: ",
            [7],
        ),
    ],
)
def test_a_long_question_about_what_is_given_is_a_step(question: str, found: list[int]) -> None:
    source = """
from openai import OpenAI

client = OpenAI()

def query(harbour):
    return client.responses.create(model="m", input=f"QUESTION{harbour}").output_text

print(query("Emden"))
"""
    assert lines(compiled(source.replace("QUESTION", question))) == found


LETTERS = """
import textwrap
from openai import OpenAI

client = OpenAI()

def compose(letter, brief):
    if brief:
        prompt = f"Answer a letter in one sentence. Keep names and dates, and be polite: {letter}"
    else:
        prompt = SECOND
    return client.responses.create(model="m", input=TIDIED).output_text

print(compose(input(), input()))
"""


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ('f"Write a long answer to a letter. Keep names and dates, and be polite: {letter}"', [12]),
        ("letter", [12, 14]),
    ],
)
def test_what_writes_a_prompt_of_its_own_on_each_of_its_ways_is_a_step(
    second: str, found: list[int]
) -> None:
    source = LETTERS.replace("SECOND", second).replace("TIDIED", "prompt")
    assert lines(compiled(source)) == found


@pytest.mark.parametrize(
    "tidied",
    ["prompt.strip()", "textwrap.dedent(prompt)", "prompt[:4000]", "prompt.replace(brief, '')"],
)
def test_so_is_one_that_tidies_its_prompt_before_it_sends_it(tidied: str) -> None:
    second = 'f"Write a long answer to a letter. Keep names and dates, and be polite: {letter}"'
    source = LETTERS.replace("SECOND", second).replace("TIDIED", tidied)
    assert lines(compiled(source)) == [12]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ('load_prompt("style.md")', [7, 12]),
        ('load_prompt("style")', [7, 12]),
        ("load_prompt()", [7, 12]),
        ("load_prompt(name)", [7, 12, 15]),
        ("load_data()", [7, 12, 15]),
    ],
)
def test_one_whose_rules_stand_in_a_file_of_its_own_is_a_step(rules: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from prompts import load_prompt, name

        def ask(rules, text):
            messages = [{{"role": "system", "content": rules}}, {{"role": "user", "content": text}}]
            return OpenAI().chat.completions.create(model="m", messages=messages)

        RULES = {rules}

        def audit(text):
            return ask(RULES, text)

        def main(guide):
            return audit(guide.text)
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(("rules", "found"), [("load_rules()", [12]), ("load_data()", [12, 15])])
def test_so_is_one_whose_object_loads_them_when_it_is_made(rules: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from shop import load_data, load_rules

        class Clerk:
            def __init__(self):
                self.rules = {rules}

            def answer(self, text):
                rules = {{"role": "system", "content": self.rules}}
                said = [rules, {{"role": "user", "content": text}}]
                return OpenAI().chat.completions.create(model="m", messages=said)

        clerk = Clerk()
        clerk.answer("Where is my parcel?")
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("name", "message", "found"),
    [
        ("review", '{"role": "system", "content": RULES}, {"role": "user", "content": text}', [7]),
        (
            "review",
            '{"role": "system", "content": texts.RULES}, {"role": "user", "content": text}',
            [7],
        ),
        (
            "review",
            '{"role": "system", "content": rules}, {"role": "user", "content": text}',
            [7, 10],
        ),
        ("generate", '{"role": "user", "content": PLAN.format(text=text)}', [7]),
        ("reply", '{"role": "user", "content": load_prompt("plan").format(text=text)}', [7]),
        (
            "call_llm",
            '{"role": "system", "content": RULES}, {"role": "user", "content": text}',
            [7, 10],
        ),
    ],
)
def test_one_whose_rules_are_an_imported_constant_is_a_step(
    name: str, message: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from app import texts
        from app.texts import PLAN, RULES

        def {name}(text, rules):
            return OpenAI().chat.completions.create(model="m", messages=[{message}])

        def main(guide):
            return {name}(guide.text, guide.rules)
        """
    )
    assert lines(file) == found


def test_one_that_fills_a_template_from_elsewhere_after_a_question_is_a_step() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from texts import load_prompt

        def ask(prompt):
            return OpenAI().responses.create(model="m", input=prompt).output_text

        def sort(mail):
            return ask(f"Which kind of mail is this: {mail}")

        def reply(mail):
            return None if sort(mail) == "spam" else ask(load_prompt("reply").format(mail=mail))

        print(reply(input()))
        """
    )
    assert lines(file) == [6, 9, 12]


TABLE = """
from openai import OpenAI

PROMPTS = {
    "plan": "Break this question into three smaller ones, one on each line: {question}",
    "answer": "Answer this question, in short, by what is known: {question}\\n{known}",
}

class Researcher:
    def _llm(self, task, **values):
        prompt = PROMPTS[task].format(**values)
        answer = OpenAI().responses.create(model="m", input=prompt)
        return answer.output_text

    def run(self, question):
        parts = self._llm("plan", question=question)
        print(self._llm("answer", question=question, known=parts))
"""
"""A wrapper whose callers name a prompt in a table, and what fills it."""


def test_a_template_that_callers_name_in_a_table_comes_from_them() -> None:
    file = compiled(TABLE)
    assert lines(file) == [12, 16, 17]
    assert edges(file) == {(16, 17, "data")}
    assert "Break this question" in str(file.calls[1].segments[0].text)


@pytest.mark.parametrize(
    ("template", "found"),
    [("template.format(text=text)", [9, 12]), ("f'Review this: {text}'", [9])],
)
def test_one_that_fills_its_callers_template_may_add_a_sentence_of_its_own(
    template: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        LINE = "Score the draft below for the editor: {{text}}"

        def evaluate(text, template):
            asked = {template}
            asked += "\\n\\nThe pages are given in order, look at how one leads to the next."
            answer = OpenAI().responses.create(model="m", input=asked)
            return answer.output_text

        print(evaluate(input(), LINE))
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("asked", "found"),
    [("f'Analyse the shares of {text} by what is known.'", [12]), ("text", [12, 15, 16])],
)
def test_one_that_takes_its_rules_from_a_table_and_asks_in_its_own_words_is_a_step(
    asked: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI

        RULES = {{
            "bull": "You look for what speaks for a share. Be short. Give numbers.",
            "bear": "You look for what speaks against a share. Be short. Give numbers.",
        }}

        def call_agent(role, text):
            told = {{"role": "system", "content": RULES[role]}}
            asked = {{"role": "user", "content": {asked}}}
            answer = OpenAI().chat.completions.create(model="m", messages=[told, asked])
            return answer.choices[0].message.content

        print(call_agent("bull", input()))
        print(call_agent("bear", input()))
        """
    )
    assert lines(file) == found


CHOSEN = """
from openai import OpenAI
from settings import fill, found

TEMPLATE = "Say in one sentence what this letter asks for, and who wrote it: {letter}"

def written(letter):
    return "Say in one sentence what this letter asks for, and who wrote it: " + letter

def sum_up(letter, given):
    PROMPT
    return OpenAI().responses.create(model="m", input=prompt).output_text

print(sum_up(input(), input()))
"""


@pytest.mark.parametrize(
    "prompt",
    [
        'prompt = fill(found["text"], letter=letter) if found else TEMPLATE.format(letter=letter)',
        'prompt = (found["prompt"] or TEMPLATE).format(letter=letter)',
        'template = found["prompt"] or TEMPLATE; prompt = template.format(letter=letter)',
        "prompt = written(letter)\n    if found:\n        prompt = found.prompt(letter=letter)",
        'prompt = f"Say what this letter asks for: {letter}"\n'
        '    if found:\n        prompt = fill(found["prompt"], letter=letter)',
    ],
)
def test_one_that_asks_its_own_text_or_one_that_is_kept_elsewhere_is_a_step(prompt: str) -> None:
    assert len(lines(compiled(CHOSEN.replace("PROMPT", prompt)))) == 1


@pytest.mark.parametrize(
    "prompt",
    [
        "prompt = letter or found.prompt(name=given)",
        "prompt = letter if given else found.letter",
        "prompt = fill(letter, name=given) if given else letter",
        "prompt = fill(given, letter=letter) if found else letter.strip()",
        'prompt = letter if letter.startswith("Please answer: ") else fill(letter)',
    ],
)
def test_one_that_asks_its_callers_text_on_one_way_is_none(prompt: str) -> None:
    assert len(lines(compiled(CHOSEN.replace("PROMPT", prompt)))) == 2


def test_rules_that_may_be_kept_elsewhere_are_beside_what_a_wrapper_is_given() -> None:
    prompt = """rules = found["rules"] or "You are a polite clerk."
    prompt = [{"role": "system", "content": rules}, {"role": "user", "content": letter}]"""
    assert len(lines(compiled(CHOSEN.replace("PROMPT", prompt)))) == 2


FILED = """
from langchain_openai import ChatOpenAI

model = ChatOpenAI(model="m")

def load_prompt(name):
    return (FOLDER / f"{name}.md").read_text()

def told(name, text):
    system = LOADED
    return model.invoke([("system", system), ("user", text)]).content

def risks(report):
    return told(NAME, report)

def work(report):
    return risks(report)
"""


@pytest.mark.parametrize("loaded", ["load_prompt(name)", 'PROMPTS[name]["system"]'])
@pytest.mark.parametrize(("name", "found"), [('"risks"', [11, 14]), ("report", [11, 14, 17])])
def test_one_that_names_its_rules_elsewhere_is_a_step(
    loaded: str, name: str, found: list[int]
) -> None:
    assert lines(compiled(FILED.replace("LOADED", loaded).replace("NAME", name))) == found


@pytest.mark.parametrize(
    ("name", "found"), [("_call_model", [7, 10]), ("ask_model", [7, 10]), ("examine", [7])]
)
def test_imported_rules_are_a_steps_unless_its_name_speaks_of_a_model(
    name: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        from openai import OpenAI
        from texts import RULES

        def {name}(text):
            client = OpenAI()
            said = client.responses.create(model="m", instructions=RULES, input=text)
            return said.output_text
        def work(report):
            return {name}(report)
        """
    )
    assert lines(file) == found
