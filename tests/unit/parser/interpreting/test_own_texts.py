"""A method of several objects says what these have in common."""

import pytest

from charter_engine.contracts.graph import Call
from tests.unit.parser.compiled import compiled, only

AGENTS = """
from openai import OpenAI

class Agent:
    role = "helper"

    def __init__(self, rules):
        self.rules = rules
        self.history = []

    def act(self, news):
        task = f"You are the {self.role} of a newspaper, and these are the news of today: {news}"
        self.history.append({"role": "user", "content": f"{task} Write it down. {self.rules}"})
        messages = self.history
        answer = OpenAI().chat.completions.create(model="m", messages=messages).choices[0].message
        self.history.append({"role": "assistant", "content": answer.content})
        return answer.content

class Reporter(Agent):
    role = "reporter"

class Editor(Agent):
    role = "editor"

def main(news):
    MAKE
    for _ in range(3):
        news = first.act(news)
        news = second.act(news)
"""


def made_by(source: str) -> Call:
    return only(compiled(AGENTS.replace("MAKE", source)))


def said(call: Call) -> list[str]:
    return [segment.text or segment.name for segment in call.segments if not segment.each_turn]


@pytest.mark.parametrize(
    ("made", "role", "rules"),
    [
        ('first, second = Reporter("Dig."), Editor("Cut.")', "role", "rules"),
        ('first = Reporter("Dig.")\n    second = Reporter("Cut.")', "reporter", "rules"),
        ('first = second = Editor("Cut.")', "editor", "Cut."),
    ],
)
def test_a_method_says_what_its_objects_have_in_common(made: str, role: str, rules: str) -> None:
    texts = said(made_by(made))
    assert role in texts
    assert rules in texts


def test_a_method_of_several_objects_shows_the_history_of_one() -> None:
    call = made_by('first, second = Agent("Dig."), Agent("Cut.")')
    later = [segment.role for segment in call.segments if segment.each_turn]
    assert "assistant" in later
    assert [(edge.call, edge.carried) for edge in call.depends_on] == [(call.id, "loop")]
