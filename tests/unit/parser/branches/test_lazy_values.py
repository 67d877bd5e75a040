"""A text that a function makes once and hands out from then on is the one that it makes."""

import pytest

from tests.unit.parser.compiled import ASK, compiled

AGENT = """
RULES = "Name the berth, and guess no depth."

class Agent:
    def __init__(self):
        self.rules = None

    def told(self):
        LOOK

    def run(self, question):
        return ask(f"{self.told()} {question}")

print(Agent().run("Where do we moor?"), Agent().run("How deep is it?"))
"""


def begins_with(source: str) -> str | None:
    """The constant text that what `run` asks begins with."""
    calls = compiled(ASK + source).calls
    return next(call for call in calls if "run" in call.id).segments[0].text


@pytest.mark.parametrize(
    "look",
    [
        "if self.rules is None:\n            self.rules = RULES\n        return self.rules",
        "if not self.rules:\n            self.rules = RULES\n        return self.rules",
        "if self.rules is not None:\n            return self.rules\n"
        "        self.rules = RULES\n        return self.rules",
        "if self.rules:\n            return self.rules\n"
        "        text = RULES\n        self.rules = text\n        return text",
    ],
)
def test_what_an_attribute_does_not_hold_yet_is_what_is_put_there(look: str) -> None:
    assert begins_with(AGENT.replace("LOOK", look)) == "Name the berth, and guess no depth. "


def test_so_is_what_a_global_does_not_hold_yet() -> None:
    source = """
rules = None

def told():
    global rules
    if rules is not None:
        return rules
    rules = "Name the berth."
    return rules

def run(question):
    return ask(f"{told()} {question}")

print(run("Where do we moor?"))
"""
    assert begins_with(source) == "Name the berth. "


def test_what_another_method_may_put_there_as_well_is_open() -> None:
    look = "if self.rules is None:\n            self.rules = RULES\n        return self.rules"
    other = "\n\n    def learn(self, text):\n        self.rules = text.strip()\n\n    def run"
    source = AGENT.replace("LOOK", look).replace("\n\n    def run", other)
    assert not begins_with(source)


def test_a_conversation_that_is_begun_where_there_is_none_goes_on() -> None:
    look = "if not self.rules:\n            self.rules = [RULES]\n        return self.rules"
    keeps = "text = self.told()\n        self.rules.append(question)\n        reply = ask(text)\n"
    source = AGENT.replace("LOOK", look).replace(
        'return ask(f"{self.told()} {question}")', keeps + "        self.rules.append(reply)"
    )
    loop = "agent = Agent()\nfor line in open('log'):\n    agent.run(line)\n"
    file = compiled(ASK + source.partition("print(")[0] + loop)
    assert [edge.carried for edge in file.calls[-1].depends_on] == ["loop"]
