"""What the constructor of an object is given decides the branches of its methods as well."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

CHAT = """
from openai import OpenAI

class Chat:
    def __init__(self, keeps=DEFAULT):
        self.client = OpenAI()
        self.keeps = keeps
        self.messages = []

    def forget(self):
        self.messages = []

    def set_keeps(self, keeps):
        self.keeps = keeps

    def ask(self, question):
        if not self.keeps:
            self.forget()
        self.messages.append({"role": "user", "content": question})
        answer = self.client.chat.completions.create(model="m", messages=self.messages)
        text = answer.choices[0].message.content
        if self.keeps:
            self.messages.append({"role": "assistant", "content": text})
        return text

chat = Chat(GIVEN)
chat.ask("Who are you?")
chat.ask("And why?")
"""

KEPT = {(27, 28, "data")}


@pytest.mark.parametrize(
    ("default", "given", "more", "kept"),
    [
        ("True", "keeps=False", "", False),
        ("False", "", "", False),
        ("True", "", "", True),
        ("False", "True", "", True),
        ("True", "keeps=False", "chat.set_keeps(True)\n", True),
        ("False", "", "chat.keeps = input() == 'yes'\n", True),
    ],
)
def test_a_method_goes_the_way_that_its_object_was_made_for(
    default: str, given: str, more: str, kept: bool
) -> None:
    file = compiled(CHAT.replace("DEFAULT", default).replace("GIVEN", given) + more)
    assert (edges(file) >= KEPT) is kept


def test_what_asks_a_model_is_a_call_whatever_its_object_was_made_for() -> None:
    file = compiled(
        """
        from openai import OpenAI

        class Writer:
            def __init__(self, checks=False):
                self.client = OpenAI()
                self.checks = checks

            def said(self, text):
                rules = {"role": "system", "content": "You write plainly and in short sentences."}
                asked = {"role": "user", "content": text}
                return self.client.responses.create(model="m", input=[rules, asked]).output_text

            def work(self, topic):
                draft = self.said(f"Write about this topic for a general reader: {topic}")
                if self.checks:
                    draft = self.said(f"Correct what is wrong in the draft that follows: {draft}")
                return draft

        Writer().work("cats")
        """
    )
    assert {15, 17} <= set(lines(file))
    assert (15, 17, "data") in edges(file)


STOPPED = """
from dataclasses import dataclass
from openai import OpenAI

DECLARED

def stop(session: Session):
    session.stopped = True

def run(session: Session, topic):
    while True:
        if session.stopped:
            break
        topic = OpenAI().responses.create(model="m", input=f"Go on with this: {topic}").output_text

stop(Session("a"))
"""


@pytest.mark.parametrize(
    "declared",
    [
        "@dataclass\nclass Session:\n    name: str\n    stopped: bool = False\n",
        "class Session:\n    stopped = False\n    def __init__(self, name):\n        pass\n",
        "class Session:\n    def __init__(self, name):\n        self.stopped = True\n",
    ],
    ids=["record", "default", "stored"],
)
def test_a_loop_that_a_flag_ends_asks_all_the_same(declared: str) -> None:
    file = compiled(STOPPED.replace("DECLARED", declared))
    assert {carried for _, _, carried in edges(file)} == {"loop"}
