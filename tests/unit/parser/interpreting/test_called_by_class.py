"""Methods that are called by their class have the object that stands in front."""

from textwrap import dedent

from tests.unit.parser.compiled import ASK, compiled

AGENTS = """
class Agent:
    def __init__(self, rules):
        self.rules = rules

    def run(self, text):
        return ask(f"{self.rules}{text}")

class Writer(Agent):
    def __init__(self):
        Agent.__init__(self, "Write: ")

class Critic(Agent):
    def __init__(self):
        Agent.__init__(self, rules="Criticise: ")

def main(text):
    writer, critic = Writer(), Critic()
    draft = writer.run(text)
    return critic.run(draft)
"""


def said(source: str, function: str) -> list[list[str]]:
    """What the calls of a function say: their texts and expressions."""
    return [
        [segment.text or segment.expression for segment in call.segments]
        for call in compiled(ASK + dedent(source)).calls
        if call.function == function
    ]


def test_a_constructor_of_a_base_that_is_named_gives_the_object_its_rules() -> None:
    assert said(AGENTS, "main") == [["Write: ", "text"], ["Criticise: ", "text"]]


def test_a_method_of_a_base_that_is_named_finds_what_the_object_holds() -> None:
    source = AGENTS.replace("return critic.run(draft)", "return Agent.run(critic, draft)")
    assert said(source, "main") == [["Write: ", "text"], ["Criticise: ", "text"]]


def test_a_class_method_is_given_what_stands_in_its_call() -> None:
    source = """
    class Writer:
        @classmethod
        def write(cls, topic, tone):
            return ask(f"Write about {topic} in a {tone} tone.")

    def main():
        return Writer.write(input(), "calm")
    """
    (asked,) = said(source, "Writer.write")
    assert asked == ["Write about ", "topic", " in a ", "tone", " tone."]


PROMPTS = """
from enum import Enum

class Prompt(str, Enum):
    PLAN = "Plan {topic}."
    WRITE = "Write about {topic}."

    def filled(self, **given):
        return self.value.format(**given)

    @property
    def short(self):
        return f"{self.value} Be brief."

def main():
    plan = ask(Prompt.PLAN.filled(topic="seas"))
    ask(Prompt.WRITE.filled(topic=plan))
    ask(Prompt.PLAN.short)
"""


def test_a_member_of_an_enumeration_fills_itself_by_a_method() -> None:
    plan, write, short = said(PROMPTS, "main")
    assert plan == ["Plan seas."]
    assert write == ["Write about ", 'given["topic"]', "."]
    assert short == ["Plan {topic}. Be brief."]
