"""Prompts that are kept in files beside the source."""

from textwrap import dedent

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_sources
from charter_engine.contracts.graph import Call, Segment

HEAD = """
import json, os, tomllib
from pathlib import Path
import yaml
from jinja2 import Environment, FileSystemLoader
from openai import OpenAI

client = OpenAI()

def ask(prompt):
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])

"""
TEXTS = {
    "prompts/rules.md": "Name the berth.\n\nGuess no depth.\n",
    "prompts/all.yaml": "tone: Be kind.\nreview: |\n  Review this:\n  {text}\n",
    "prompts/all.toml": 'tone = "Be kind."\n[harbour]\nrules = "Guess no depth."\n',
    "prompts/all.json": '{"harbour": ["Name the berth.", "Guess no depth."]}',
    "prompts/head.j2": "Hello {{ name }}.\n",
    "prompts/ask.j2": '{% include "head.j2" %}\n{% for rule in ["brief", "true"] -%}\n'
    "Be {{ rule }}.\n{% endfor %}\nAsked: {{ question }}\n",
    "prompts/base.j2": "{% block rules %}none{% endblock %} End.",
    "prompts/child.j2": '{% extends "base.j2" %}{% block rules %}Be brief.{% endblock %}',
    "prompts/chosen.j2": "Always.{% if night %} At night.{% endif %}",
}


class Texts:
    """The files of an agent's folder, in memory."""

    def read(self, path: str, near: str) -> tuple[str, str] | None:
        name = path.removeprefix("agent/")
        return (f"agent/{name}", TEXTS[name]) if name in TEXTS else None


def segments(body: str) -> tuple[Segment, ...]:
    """The segments of the last call."""
    sources: dict[str, str | bytes] = {"agent/main.py": HEAD + dedent(body)}
    found = compile_sources(sources, options=CompileOptions(), files=Texts())
    calls: tuple[Call, ...] = found.files[0].calls
    return calls[-1].segments


def texts(body: str) -> list[str]:
    return [segment.text or f"<{segment.expression}>" for segment in segments(body)]


@pytest.mark.parametrize(
    "read",
    [
        'Path("prompts/rules.md").read_text()',
        """open(f"{Path('prompts')}/rules.md").read()""",
        'open(str(Path("prompts") / "rules.md")).read()',
        'Path("prompts", "rules.md").open().read()',
        '(Path(__file__).parent / "prompts" / "rules.md").read_text(encoding="utf-8")',
        'Path(__file__).resolve().parents[0].joinpath("prompts/rules.md").read_text()',
        'open(os.path.join(os.path.dirname(__file__), "prompts", "rules.md")).read()',
    ],
)
def test_a_literal_path_gives_what_the_file_says(read: str) -> None:
    found = segments(f"def work():\n    return ask({read})\n")
    assert [segment.text for segment in found] == ["Name the berth.", "\n\nGuess no depth.\n"]
    assert {segment.path for segment in found} == {"prompts/rules.md"}
    assert [segment.line for segment in found] == [1, 1]


def test_a_helper_that_is_given_the_name_is_followed() -> None:
    body = """
    def load(name):
        with open(f"prompts/{name}.md") as file:
            return file.read().strip()

    def work(question):
        return ask(load("rules") + question)
    """
    assert texts(body) == ["Name the berth.", "\n\nGuess no depth.", "<question>"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('yaml.safe_load(open("prompts/all.yaml"))["tone"]', ["Be kind."]),
        ('tomllib.loads(Path("prompts/all.toml").read_text())["harbour"]["rules"]', None),
        ('json.load(open("prompts/all.json"))["harbour"][1]', None),
    ],
)
def test_data_files_give_their_texts(data: str, expected: list[str] | None) -> None:
    assert texts(f"def work():\n    return ask({data})\n") == (expected or ["Guess no depth."])


def test_a_text_of_a_data_file_is_filled_in_and_keeps_its_line() -> None:
    body = """
    PROMPTS = yaml.safe_load(Path("prompts/all.yaml").read_text())

    def work(text):
        return ask(PROMPTS["review"].format(text=text))
    """
    first, filled, last = segments(body)
    assert (first.text, first.path, first.line) == ("Review this:\n", "prompts/all.yaml", 3)
    assert (filled.expression, filled.path) == ("text", "")
    assert last.text == "\n"


def test_a_template_is_written_out_with_what_it_includes() -> None:
    body = """
    templates = Environment(loader=FileSystemLoader("prompts"))

    def work(name, question):
        return ask(templates.get_template("ask.j2").render(name=name, question=question))
    """
    found = segments(body)
    written = "".join(segment.text or f"<{segment.expression}>" for segment in found)
    assert written == "Hello <name>.\nBe brief.\nBe true.\n\nAsked: <question>"
    assert next(segment.path for segment in found if segment.text) == "prompts/head.j2"


def test_blocks_of_a_template_replace_those_of_the_one_it_extends() -> None:
    body = """
    templates = Environment(loader=FileSystemLoader("prompts"))

    def work():
        return ask(templates.get_template("child.j2").render())
    """
    assert "".join(texts(body)) == "Be brief. End."


def test_what_only_the_running_program_decides_is_unknown() -> None:
    body = """
    templates = Environment(loader=FileSystemLoader("prompts"))

    def work(night):
        return ask(templates.get_template("chosen.j2").render(night=night))
    """
    assert [segment.kind for segment in segments(body)] == ["static", "unknown"]


def test_a_file_that_is_not_there_is_told_by_what_reads_it() -> None:
    (segment,) = segments('def work():\n    return ask(open("prompts/none.md").read())\n')
    assert segment.kind == "variable"
    assert segment.expression == "open('prompts/none.md').read()"


def test_a_field_that_holds_a_path_or_something_else_names_no_file() -> None:
    body = """
        class Notes:
            def __init__(self):
                self.place = Path("prompts")
                self.place = {"rules": "none"}

            def read(self):
                return open(os.path.join(self.place, "rules.md")).read()

        notes = Notes()
        ask(notes.read())
        """
    assert texts(body) == ["<notes.read()>"]


SOURCE_OF_TEMPLATE = """
templates = Environment(loader=FileSystemLoader("prompts"))

def make(chosen, **fields):
    source = templates.loader.get_source(templates, f"{chosen}.j2")[0]
    return templates.from_string(source).render(**fields)

def work(name):
    return ask(make("NAME", name=name))
"""


def test_the_source_that_a_loader_gives_is_a_template() -> None:
    assert texts(SOURCE_OF_TEMPLATE.replace("NAME", "head")) == ["Hello ", "<name>", ".\n"]


def test_a_loader_without_that_template_gives_nothing() -> None:
    assert not any(segment.text for segment in segments(SOURCE_OF_TEMPLATE.replace("NAME", "no")))


def test_what_a_template_may_show_of_an_answer_feeds_the_call() -> None:
    body = """
    templates = Environment(loader=FileSystemLoader("prompts"))

    def work(question):
        first = ask("Is it night?")
        return ask(templates.get_template("chosen.j2").render(night=first))
    """
    sources: dict[str, str | bytes] = {"agent/main.py": HEAD + dedent(body)}
    found = compile_sources(sources, options=CompileOptions(), files=Texts()).files[0]
    assert [edge.call for edge in found.calls[-1].depends_on] == ["work:first"]


def texts_of_package(package: str) -> list[str]:
    """What a file of a package, read by `importlib.resources`, says to a model."""
    body = f"""
    from importlib import resources

    def work():
        return ask(resources.files({package}).joinpath("rules.md").read_text())
    """
    sources: dict[str, str | bytes] = {
        "agent/main.py": HEAD + dedent(body),
        "other/main.py": "",
    }
    found = compile_sources(sources, options=CompileOptions(), files=Texts())
    return [segment.text for segment in found.files[0].calls[-1].segments if segment.text]


def test_a_file_of_a_package_without_a_module_is_read() -> None:
    assert texts_of_package('"agent.prompts"') == ["Name the berth.", "\n\nGuess no depth.\n"]


def test_a_file_of_a_package_that_is_not_at_hand_is_not_read() -> None:
    assert texts_of_package('"shop.prompts"') == []


def test_files_that_a_loop_names_are_read_in_turn() -> None:
    body = """
    def rules():
        text = ""
        for name in ("rules.md", "head.j2"):
            text += Path(f"prompts/{name}").read_text()
        return text

    def work():
        return ask(rules())
    """
    assert texts(body) == ["Name the berth.", "\n\nGuess no depth.\n", "Hello {{ name }}.\n"]


FALLBACK = 'RULES = "Be plain."\n\ndef rules():\n    path = Path("prompts/rules.md")\n'


@pytest.mark.parametrize(
    "read",
    [
        "    try:\n        return path.read_text('utf-8')\n    except FileNotFoundError:\n"
        "        return RULES\n",
        "    try:\n        with open(path) as file:\n            text = file.read()\n"
        "    except OSError as error:\n        print(error)\n        text = RULES\n"
        "    return text\n",
        "    if path.exists():\n        return path.read_text()\n    return RULES\n",
        "    if not os.path.isfile(path):\n        return RULES\n    return path.read_text()\n",
        "    return path.read_text() if path.is_file() else RULES\n",
    ],
)
def test_a_file_that_is_there_is_read_whatever_stands_in_for_it(read: str) -> None:
    assert "".join(texts(FALLBACK + read + "ask(rules())")) == TEXTS["prompts/rules.md"]


@pytest.mark.parametrize("asked", ["open(path).read() + fetch(path)", "fetch(path)"])
def test_what_may_fail_beside_a_file_leaves_open_what_is_read(asked: str) -> None:
    read = f"    try:\n        return {asked}\n    except OSError:\n        return RULES\n"
    assert "Name the berth." not in texts(FALLBACK + read + "ask(rules())")


def test_a_file_that_the_program_writes_holds_its_answers() -> None:
    body = """
        path = Path("prompts/rules.md")

        def turn(question):
            known = path.read_text() if path.exists() else "Nothing yet."
            path.write_text(ask(known + question).choices[0].message.content)
    """
    sources: dict[str, str | bytes] = {"agent/main.py": HEAD + dedent(body)}
    found = compile_sources(sources, options=CompileOptions(), files=Texts())
    last = found.files[0].calls[-1]
    assert [(edge.call, edge.carried) for edge in last.depends_on] == [(last.id, "loop")]


def test_a_record_that_is_made_of_a_file_holds_what_the_file_says() -> None:
    found = texts(
        """
from dataclasses import dataclass

@dataclass
class Profile:
    rules: str

def load(name):
    return Profile(**tomllib.loads(Path("prompts/all.toml").read_text())[name])

def work():
    profile = load("harbour")
    return ask(f"Here are the rules: {profile.rules}")
"""
    )
    assert found == ["Here are the rules: ", "Guess no depth."]
