"""Conversations that several functions share, or that their object keeps: what each call sends."""

import pytest

from charter_engine.contracts.graph import Call
from tests.unit.parser.compiled import compiled
from tests.unit.parser.prompts.test_turns import shown

HEAD = """
from openai import OpenAI

client = OpenAI()
"""


def ask(messages: str) -> str:
    return f"client.chat.completions.create(model='m', messages={messages}).choices[0].message"


def calls(source: str) -> dict[str, Call]:
    return {call.id: call for call in compiled(HEAD + source).calls}


MODULE = f"""
history = [{{"role": "system", "content": "Be brief."}}]

def turn(question):
    history.append({{"role": "user", "content": question}})
    said = {ask("history")}.content
    history.append({{"role": "assistant", "content": said}})
    print(said)

def judge():
    history.append({{"role": "user", "content": "Was that right?"}})
    return {ask("history")}.content

def main():
    while True:
        turn(input())
        judge()
"""


def test_functions_that_share_a_modules_history_send_what_the_others_left() -> None:
    found = calls(MODULE)
    assert shown(found["turn:said"]) == [
        "system: Be brief.",
        "user: question",
        "*assistant: said",
        "*user: Was that right?",
        "*user: question",
    ]
    assert shown(found["judge:16"]) == [
        "system: Be brief.",
        "user: question",
        "assistant: said",
        "user: Was that right?",
        "*user: question",
        "*assistant: said",
        "*user: Was that right?",
    ]


OBJECT = f"""
class Agent:
    def __init__(self):
        self.messages = [{{"role": "system", "content": "Be brief."}}]

    def add(self, role, content):
        self.messages.append({{"role": role, "content": content}})

    def think(self):
        said = {ask("self.messages")}
        self.add("assistant", said.content)
        return said

    def run(self, task):
        self.add("user", task)
        for _ in range(10):
            said = self.think()
            if said.done:
                return said
            self.add("user", f"Observation: {{look(said)}}")
"""


def test_methods_see_the_history_as_the_agents_own_loop_leaves_it() -> None:
    assert shown(calls(OBJECT)["Agent.think:said"]) == [
        "system: Be brief.",
        "user: task",
        "*assistant: said.content",
        "*user: Observation: ",
        "*user: look(said)",
    ]


def test_what_a_program_says_once_is_not_said_in_every_turn() -> None:
    found = calls(
        f"""
class Desk:
    def __init__(self):
        self.messages = []

    def plan(self, goal):
        self.messages.append({{"role": "user", "content": goal}})
        said = {ask("self.messages")}
        self.messages.append({{"role": "assistant", "content": said.content}})

    def act(self):
        self.messages.append({{"role": "user", "content": "Go on."}})
        done = {ask("self.messages")}
        self.messages.append({{"role": "assistant", "content": done.content}})

def main(goal):
    desk = Desk()
    desk.plan(goal)
    for _ in range(5):
        desk.act()
"""
    )
    assert shown(found["Desk.plan:said"]) == ["user: goal"]
    assert shown(found["Desk.act:done"]) == [
        "user: goal",
        "assistant: said.content",
        "user: Go on.",
        "*assistant: done.content",
        "*user: Go on.",
    ]


def test_each_call_of_a_wrapper_sends_the_conversation_before_it() -> None:
    found = calls(
        f"""
class Talk:
    def __init__(self):
        self.turns = []

    def say(self, text):
        self.turns.append({{"role": "user", "content": text}})
        got = {ask("self.turns")}.content
        self.turns.append({{"role": "assistant", "content": got}})
        return got

def work(letter):
    talk = Talk()
    wishes = talk.say(letter)
    first = talk.say("Which comes first?")
    return talk.say("Write the answer.")
"""
    )
    last = found["work:20"]
    assert [segment.call for segment in last.segments if segment.call] == [
        "work:wishes",
        "work:first",
    ]
    assert [segment.text or segment.name for segment in last.segments] == [
        "letter",
        "wishes",
        "Which comes first?",
        "first",
        "Write the answer.",
    ]


def test_objects_of_a_class_that_are_made_in_several_places_keep_their_own_conversations() -> None:
    file = compiled(
        f"""{HEAD}
class Agent:
    def __init__(self, rules):
        self.messages = [{{"role": "system", "content": rules}}]

    def ask(self, text):
        self.messages.append({{"role": "user", "content": text}})
        said = {ask("self.messages")}.content
        self.messages.append({{"role": "assistant", "content": said}})
        return said

def main(topic):
    writer = Agent("You write.")
    critic = Agent("You judge.")
    draft = writer.ask(topic)
    critic.ask("Say hello.")
    return writer.ask("Shorten it.")
"""
    )
    steps = {call.id: call.line for call in file.calls if call.kind == "wrapper"}
    fed = {
        (steps[edge.call], call.line)
        for call in file.calls
        for edge in call.depends_on
        if edge.call in steps
    }
    first, hello, shorter = sorted(steps.values())
    assert (first, shorter) in fed
    assert not {(first, hello), (hello, shorter)} & fed


TALKS = """
import openai

class Talk:
    def __init__(self, rules):
        self.client = openai.OpenAI()
        self.rules = rules
        self.begin_anew()

    def begin_anew(self):
        self.messages = [{"role": "system", "content": self.rules}]

    def ask(self, text):
        self.messages.append({"role": "user", "content": text})
        answer = self.client.chat.completions.create(model="m", messages=self.messages)
        text = answer.choices[0].message.content
        self.messages.append({"role": "assistant", "content": text})
        return text

class Provider:
    @staticmethod
    def named(name, rules):
        if name == "one":
            return Talk(rules)
        raise ValueError(name)

class Manager:
    def __init__(self, rules):
        self.talk = Provider.named("one", rules)

    def ask(self, text):
        return self.talk.ask(text)

def begin(rules):
    manager = Manager(rules)
    return manager

def plan(topic):
    manager = begin("You plan.")
    print(manager.ask("Make a plan for " + topic))

def review(topic):
    manager = begin("You review.")
    print(manager.ask("Say what is wrong with " + topic))
    print(manager.ask("And what is right with it?"))

plan("a")
review("b")
"""
"""Talks that makers of makers begin, each with a history of its own."""


def test_a_history_that_a_method_of_the_constructor_begins_is_each_objects_own() -> None:
    file = compiled(TALKS)
    line = {call.id: call.line for call in file.calls}
    by_line = {call.line: call for call in file.calls}
    plan, review, further = (
        n for n, text in enumerate(TALKS.splitlines(), 1) if "nager.ask(" in text
    )
    flows = {
        at: {(line[edge.call], edge.carried) for edge in by_line[at].depends_on}
        for at in (plan, review, further)
    }
    assert flows == {plan: set(), review: set(), further: {(review, "data")}}


MAKER = f"""{HEAD}
class Agent:
    def __init__(self, rules):
        self.messages = [{{"role": "system", "content": rules}}]

    def draft(self, text):
        self.messages.append({{"role": "user", "content": "Write down what you know of " + text}})
        said = {ask("self.messages")}.content
        self.messages.append({{"role": "assistant", "content": said}})
        print(said)

    def judge(self, text):
        self.messages.append({{"role": "user", "content": "Say what is wrong with " + text}})
        said = {ask("self.messages")}.content
        self.messages.append({{"role": "assistant", "content": said}})
        print(said)

MADE

def main(topics):
    writer = make("You write.")
    critic = make("You judge.")
    for topic in topics:
        writer.draft(topic)
        critic.judge(topic)
"""
"""An agent that drafts and one that judges, each made by a call of `make`."""


def heard(source: str) -> set[tuple[str, str]]:
    """Which method of a program hears which."""
    file = compiled(source)
    place = {call.id: call.function.rpartition(".")[2] for call in file.calls}
    return {(place[edge.call], place[call.id]) for call in file.calls for edge in call.depends_on}


@pytest.mark.parametrize(
    "made",
    [
        "def make(rules):\n    return Agent(rules)",
        "def make(rules):\n    agent = Agent(rules)\n    print(rules)\n    return agent",
        "def make(rules):\n    if not rules:\n        return Agent('')\n    return Agent(rules)",
        "class Makers:\n    @staticmethod\n    def make(rules):\n        return Agent(rules)\n\n"
        "make = Makers.make",
    ],
)
def test_a_function_makes_another_object_for_each_place_that_calls_it(made: str) -> None:
    assert heard(MAKER.replace("MADE", made)) == {("draft", "draft"), ("judge", "judge")}


@pytest.mark.parametrize(
    "made",
    [
        "agents = {}\n\ndef make(rules):\n    agent = Agent(rules)\n    agents[0] = agent\n"
        "    return agent",
        "from functools import cache\n\n@cache\ndef make(rules):\n    return Agent(rules)",
        "only = Agent('')\n\ndef make(rules):\n    return only",
    ],
)
def test_one_that_keeps_what_it_makes_may_give_each_the_same(made: str) -> None:
    assert ("draft", "judge") in heard(MAKER.replace("MADE", made))
