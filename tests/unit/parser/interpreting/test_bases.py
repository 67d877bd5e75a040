"""Methods of a base lead through what the classes made from it define."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, edges, joined, lines, package


def test_a_base_asks_through_the_methods_that_its_subclasses_have() -> None:
    file = compiled(
        """
        from abc import ABC, abstractmethod
        from openai import OpenAI

        class Model(ABC):
            def ask(self, text):
                return self._call([{"role": "user", "content": text}])

            @abstractmethod
            def _call(self, messages): ...

        class Hosted(Model):
            def _call(self, messages):
                return OpenAI().chat.completions.create(model="m", messages=messages).choices[0]

        def main(model: Model):
            return model.ask("Name a sea.")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [
        (7, "wrapper"),
        (14, "sdk"),
        (17, "wrapper"),
    ]


STEPS = """
class Base:
    def __init__(self):
        self.draft = self.notes = ""

    def run(self, task):
        for _ in range(3):
            self.review(task)
            self.write(task)

    def review(self, task):
        raise NotImplementedError

    def write(self, task):
        raise NotImplementedError

class Essay(Base):
    def write(self, task):
        self.draft = ask(f"Write: {task} {self.notes}")

    def review(self, task):
        self.notes = ask(f"Judge: {task} {self.draft}")

class Poem(Base):
    def review(self, task):
        self.notes = ask(f"Count: {task} {self.draft}")

    def write(self, task):
        self.draft = ask(f"Rhyme: {task} {self.notes}")
"""


def test_a_bases_method_leads_through_the_methods_that_each_subclass_defines() -> None:
    essay = {"Judge > Write", "Write > Judge, later"}
    poem = {"Count > Rhyme", "Rhyme > Count, later"}
    assert joined(STEPS) == essay | poem


STORIES = """
class Work:
    def run(self, topic):
        return self.write(self.plan(topic))

    def plan(self, topic):
        raise NotImplementedError

    def write(self, plan):
        raise NotImplementedError

class Essay(Work):
    def plan(self, topic):
        return ask("Outline: " + topic)

    def write(self, plan):
        return ask("Write: " + plan)

class Song(Work):
    def plan(self, topic):
        return ask("Listen: " + topic)

    def write(self, plan):
        return ask("Rhyme: " + plan)

def main(work: Work, topic):
    return work.run(topic)
"""


def test_so_does_one_that_is_called_on_an_object_of_any_of_them() -> None:
    assert joined(STORIES) == {"Outline > Write", "Listen > Rhyme"}


def test_what_a_class_leaves_as_its_own_base_has_it_is_followed_once() -> None:
    assert joined(
        STORIES.replace("def main", "class Ballad(Song):\n    title = 1\n\ndef main")
    ) == {
        "Outline > Write",
        "Listen > Rhyme",
    }


@pytest.mark.parametrize(
    ("imported", "base"),
    [
        ("import base", "base.Asker"),
        ("import base as roots", "roots.Asker"),
        ("from base import *", "Asker"),
        ("from base import Asker as Root", "Root"),
    ],
)
def test_a_base_is_found_however_it_is_imported(imported: str, base: str) -> None:
    asker = (
        ASK
        + """
class Asker:
    def tell(self, text):
        return ask(text)
"""
    )
    app = f"""
{imported}

class Guide({base}):
    def walk(self, town):
        return self.tell(f"Name the sights of {{town}}.")
"""
    assert lines(package(base=asker, app=app)["app.py"]) == [6]


def test_modules_that_import_all_of_each_other_are_read() -> None:
    found = package(
        one="from two import *\n\nclass One(Missing):\n    pass\n",
        two=f"from one import *\n{ASK}\n\nask('Name a sea.')\n",
    )
    assert len(found["two.py"].calls) == 2


RULES = "Children of all ages hear the talk, so use words that they know. " * 12

TOOLS = f"""
from crewai.tools import BaseTool
from openai import OpenAI

class Plan(BaseTool):
    def _run(self, topic):
        said = "Plan a talk. {RULES}" + topic
        return OpenAI().responses.create(model="m", input=said).output_text

class Write(BaseTool):
    def _run(self, plan):
        said = "Write the talk. {RULES}" + plan
        return OpenAI().responses.create(model="m", input=said).output_text

"""


def test_a_method_that_a_librarys_base_gives_calls_what_it_leaves_open() -> None:
    file = compiled(TOOLS + "def talk(topic):\n    return Write().run(Plan().run(topic))\n")
    assert edges(file) == {(8, 13, "data")}


def test_objects_in_a_literal_list_of_which_a_loop_calls_a_method_run_one_after_another() -> None:
    file = compiled(
        TOOLS
        + "def talk(text):\n"
        + "    for step in [Plan(), Write()]:\n"
        + "        text = step.run(text)\n"
        + "    return text\n"
    )
    assert edges(file) == {(8, 13, "data")}


def test_objects_in_a_literal_list_that_a_loop_calls_run_one_after_another() -> None:
    file = compiled(
        TOOLS.replace("_run", "__call__")
        + "def talk(text):\n"
        + "    for step in [Plan(), Write()]:\n"
        + "        text = step(text)\n"
        + "    return text\n"
    )
    assert edges(file) == {(8, 13, "data")}


def test_objects_of_one_class_in_a_list_are_asked_again_and_again() -> None:
    file = compiled(
        TOOLS
        + "def talk(text):\n"
        + "    for step in [Plan(), Plan()]:\n"
        + "        text = step.run(text)\n"
        + "    return text\n"
    )
    assert edges(file) == {(8, 8, "loop")}


STAND_IN = """
from openai import OpenAI

class Model:
    def complete(self, text: str) -> str:
        raise NotImplementedError

class Recorded(Model):
    def __init__(self, path):
        self.path = path

    def complete(self, text: str) -> str:
        return self.path.read_text()

class Hosted(Model):
    def complete(self, text: str) -> str:
        return OpenAI().responses.create(model="m", input=text).output_text

class Step:
    def __init__(self, model: Model | None = None):
        self.model = model

    def chosen(self) -> Model:
        CHOOSE

    def run(self, text):
        return self.chosen().complete(f"Go on with {text}")

def main(text):
    for step in (Step(), Step(MODEL)):
        text = step.run(text)
"""


@pytest.mark.parametrize(
    "choose",
    [
        "if self.model is not None:\n            return self.model\n        return Recorded(PATH)",
        "return self.model if self.model else Recorded(PATH)",
    ],
)
@pytest.mark.parametrize("model", ["", "Hosted()"])
def test_beside_a_stand_in_what_a_base_declares_is_done_by_a_class_that_asks(
    choose: str, model: str
) -> None:
    file = compiled(STAND_IN.replace("CHOOSE", choose).replace("MODEL", model))
    assert [
        call.kind for call in file.calls if call.function in ("Hosted.complete", "Step.run")
    ] == [
        "sdk",
        "wrapper",
    ]


REGISTRY = """
TABLE = {}

def register(name):
    def keep(kind):
        TABLE[name] = kind
        return kind
    return keep

class Step:
    BASE

    def say(self, prompt):
        return ask(prompt)

FIRST
    def process(self, data):
        data["intent"] = self.say(f"Which intent has {data['text']}")
        return data

SECOND
    def process(self, data):
        data["reply"] = self.say(f"Answer by the intent {data['intent']}")
        return data

steps = [TABLE[name]() for name in ("intent", "reply")]
data = {"text": "Hello"}
for step in steps:
    data = step.process(data)
"""
KEPT = """def __init_subclass__(cls, name="", **options):
        TABLE[name] = cls"""


@pytest.mark.parametrize(
    ("base", "first", "second"),
    [
        (KEPT, "class Intent(Step, name='intent'):", "class Reply(Step, name='reply'):"),
        (
            "pass",
            "@register('intent')\nclass Intent(Step):",
            "@register('reply')\nclass Reply(Step):",
        ),
    ],
)
def test_steps_that_ask_by_their_base_are_made_by_their_names_in_a_table(
    base: str, first: str, second: str
) -> None:
    program = REGISTRY.replace("BASE", base).replace("FIRST", first).replace("SECOND", second)
    file = compiled(ASK + program)
    place = {call.id: call.function for call in file.calls}
    assert [
        (place[edge.call], call.function, edge.carried)
        for call in file.calls
        for edge in call.depends_on
    ] == [("Intent.process", "Reply.process", "data")]


def test_a_declared_method_does_what_is_done_for_it_also_by_the_name_of_one_that_asks() -> None:
    files = package(
        llm="""
            from abc import ABC, abstractmethod
            from anthropic import Anthropic

            class BaseLLM(ABC):
                @abstractmethod
                def complete(self, messages, rules=None): ...

            class Claude(BaseLLM):
                def __init__(self):
                    self.client = Anthropic()

                def complete(self, messages, rules=None):
                    request = {"model": "m", "max_tokens": 9, "messages": messages}
                    if rules:
                        request["system"] = rules
                    return self.client.messages.create(**request).content[0].text
        """,
        agent="""
            from pkg.llm import BaseLLM

            class Agent:
                def __init__(self, llm: BaseLLM):
                    self.llm = llm

                def answer(self, question):
                    asked = [{"role": "user", "content": question}]
                    return self.llm.complete(messages=asked, rules="Name the berth.")
        """,
    )
    call = files["agent.py"].calls[-1]
    assert call.kind == "wrapper"
    assert [segment.text or segment.name for segment in call.segments] == [
        "Name the berth.",
        "question",
    ]


def test_who_fulfils_a_protocol_by_its_methods_does_what_that_declares() -> None:
    files = package(
        llm="""
            from typing import Protocol
            from openai import OpenAI

            class Writer(Protocol):
                def write(self, text: str) -> str: ...

            class Remote:
                def write(self, text: str) -> str:
                    return OpenAI().responses.create(model="m", input=text).output_text
        """,
        agent="""
            from pkg.llm import Writer

            class Agent:
                def __init__(self, writer: Writer):
                    self.writer = writer

                def answer(self, question):
                    return self.writer.write(f"Answer for the harbour: {question}")
        """,
    )
    assert [call.kind for call in files["agent.py"].calls] == ["wrapper"]
