"""Objects of a class that one place makes: each keeps its own conversation."""

import ast

import pytest

from charter_engine.parser.interpreter import interpret
from charter_engine.parser.model_calls.catalogue import default_catalogue
from charter_engine.parser.source.symbols import index_module
from tests.unit.parser.compiled import compiled, edges, flows, joined, lines

AGENT = """
from openai import OpenAI

client = OpenAI()

class Agent:
    def __init__(self, name):
        self.name = name
        self.memory = []

    def hear(self, text):
        self.memory.append({"role": "user", "content": text})

    def keep(self, text):
        self.memory.append({"role": "assistant", "content": text})

    def ask(self):
        return client.chat.completions.create(model="m", messages=self.memory).choices[0].message
"""


def fed(program: str) -> set[tuple[int, int]]:
    """Edges between the calls of a program that uses agents, each call by its place among them."""
    found = edges(compiled(AGENT + program))
    first = AGENT.count("\n") + 1
    asking = [
        number
        for number, line in enumerate((AGENT + program).splitlines(), 1)
        if number >= first and ".ask()" in line
    ]
    place = {line: number for number, line in enumerate(asking)}
    return {(place[source], place[target]) for source, target, _ in found if target in place}


TWO = {
    "unpacked": "    left, right = [Agent(name) for name in ('left', 'right')]\n",
    "by index": (
        "    agents = [Agent(name) for name in ['left', 'right']]\n"
        "    left = agents[0]\n"
        "    right = agents[1]\n"
    ),
    "of a range": "    left, right = [Agent(number) for number in range(2)]\n",
    "by name": (
        "    agents = {name: Agent(name) for name in ('left', 'right')}\n"
        "    left, right = agents['left'], agents['right']\n"
    ),
    "in a loop": (
        "    agents = {}\n"
        "    for name in ['left', 'right']:\n"
        "        agents[name] = Agent(name)\n"
        "    left, right = agents['left'], agents['right']\n"
    ),
}


@pytest.mark.parametrize("made", TWO.values(), ids=TWO)
def test_agents_that_a_literal_makes_hear_only_what_they_are_given(made: str) -> None:
    program = (
        "\ndef main(topic):\n"
        + made
        + "    left.hear(topic)\n"
        + "    left.keep(left.ask())\n"
        + "    right.hear('Say hello.')\n"
        + "    right.keep(right.ask())\n"
        + "    left.hear('Shorten it.')\n"
        + "    left.ask()\n"
    )
    assert fed(program) == {(0, 2)}


def test_each_of_many_agents_hears_itself_in_a_later_round_and_nobody_else() -> None:
    program = """
def main(names, others):
    writers = [Agent(name) for name in names]
    critics = [Agent(name) for name in others]
    for _ in range(3):
        for agent in writers:
            agent.keep(agent.ask())
        for agent in critics:
            agent.keep(agent.ask())
"""
    assert fed(program) == {(0, 0), (1, 1)}


def test_each_of_many_agents_that_is_asked_once_hears_none() -> None:
    program = """
def main(names):
    agents = [Agent(name) for name in names]
    for agent in agents:
        agent.keep(agent.ask())
"""
    assert fed(program) == set()


def test_an_agent_that_a_loop_makes_anew_has_heard_nothing() -> None:
    program = """
def main(tasks):
    for task in tasks:
        agent = Agent(task)
        agent.hear(task)
        agent.keep(agent.ask())
"""
    assert fed(program) == set()


def test_what_is_said_to_all_reaches_each_of_them() -> None:
    program = """
def main():
    agents = [Agent(name) for name in ("one", "two", "three")]
    first, second, third = agents

    def tell(text):
        for agent in agents:
            agent.hear(text)

    tell(first.ask())
    tell(second.ask())
    tell(third.ask())
"""
    assert fed(program) == {(0, 1), (0, 2), (1, 2)}


def test_agents_keep_their_conversation_in_what_a_base_of_their_class_makes() -> None:
    program = """
class Player(Agent):
    def __init__(self, name):
        super().__init__(name)

def main():
    players = [Player(name) for name in ("for", "against")]
    first = players[0]
    second = players[1]
    said = first.ask()
    first.keep(said)
    second.hear("Begin.")
    second.keep(second.ask())
    first.ask()
"""
    assert fed(program) == {(0, 2)}


def test_one_of_each_class_is_followed_before_a_second_of_any() -> None:
    plain = [f"        Plain({number})," for number in range(8)]
    members = "\n".join([*plain, "        Writing(),"])
    file = compiled(
        f"""
from openai import OpenAI

class Shortener:
    def shorten(self, text):
        return self.cut(text)

    def cut(self, text):
        raise NotImplementedError

class Plain(Shortener):
    def __init__(self, size):
        self.size = size

    def cut(self, text):
        return text[: self.size]

class Writing(Shortener):
    def __init__(self):
        self.client = OpenAI()

    def cut(self, text):
        return self.client.responses.create(model="m", input=text).output_text

def main(text, number):
    shorteners = [
{members}
    ]
    return shorteners[number].shorten(text), Writing()
"""
    )
    assert 6 in lines(file)


def steps_with_factory(name: str) -> int:
    """How many steps a program takes that looks keys up in a dict, beside a factory of agents."""
    program = f"""
class Shelf:
    def {name}(self, name):
        return Agent(name)

def main(found):
    for key in ("text", "output", "content"):
        print(found.get(key))
    print(Shelf().{name}("a").ask())
"""
    module = index_module("agent.py", "agent", ast.parse(AGENT + program))
    return interpret({"agent": module}, default_catalogue()).progress.steps


def test_what_is_got_from_a_dict_is_no_agent_though_a_factory_has_that_name() -> None:
    assert steps_with_factory("get") == steps_with_factory("find")


def test_a_method_is_followed_for_objects_that_have_no_other_of_its_name() -> None:
    file = compiled(
        """
from openai import OpenAI

client = OpenAI()

class Person:
    def __init__(self):
        self.messages = []

    def begin(self):
        self.messages = [{"role": "user", "content": "Say hello."}]
        return self.speak()

    def speak(self):
        said = client.chat.completions.create(model="m", messages=self.messages)
        self.messages.append(said.choices[0].message)
        return said

class Thinker(Person):
    def begin(self):
        self.messages = [{"role": "user", "content": "Think, then say hello."}]
        return self.speak()

    def speak(self):
        said = client.chat.completions.create(model="t", messages=self.messages)
        self.messages.append(said.choices[0].message)
        return said

def main(kind, tasks):
    person = Person() if kind == "plain" else Thinker()
    for task in tasks:
        person.begin()
"""
    )
    assert edges(file) == set()


NOTES = """
class Notes:
    def __init__(self):
        self.texts = []

    def add(self, text):
        self.texts.append(text)

    def all(self):
        return ", ".join(self.texts)

class Solver:
    def __init__(self, notes):
        self.notes = notes

    def act(self, task):
        self.notes.add(ask(f"Solve: {task} {self.notes.all()}"))

class Checker:
    def __init__(self, notes):
        self.notes = notes

    def act(self, task):
        self.notes.add(ask(f"Check: {task} {self.notes.all()}"))

def main(tasks):
    MAKE
    for task in tasks:
        solver.act(task)
        checker.act(task)
"""

OWN = {"Solve > Solve, later", "Check > Check, later"}


def test_objects_that_ask_no_model_are_told_apart_by_where_they_are_made() -> None:
    make = "solver, checker = Solver(Notes()), Checker(Notes())"
    assert joined(NOTES.replace("MAKE", make)) == OWN


def test_one_that_is_handed_to_two_agents_carries_from_one_to_the_other() -> None:
    make = "notes = Notes()\n    solver, checker = Solver(notes), Checker(notes)"
    between = {"Solve > Check", "Check > Solve, later"}
    assert joined(NOTES.replace("MAKE", make)) == OWN | between


KEEPING = """
class Notes:
    def __init__(self):
        self.messages = []

    def add(self, role, text):
        self.messages.append({"role": role, "content": text})

class Agent:
    def __init__(self, system):
        self.notes = Notes()
        self.notes.add("system", system)

    def ask(self, text):
        self.notes.add("user", text)
        messages = self.notes.messages
        said = client.chat.completions.create(model="m", messages=messages).choices[0].message
        self.notes.add("assistant", said.content)
        return said.content

def main(tasks):
    poet, critic = Agent("You write poems."), Agent("You judge poems.")
    for task in tasks:
        poet.ask("Write: " + task)
        critic.ask("Judge: " + task)
"""


def test_each_of_several_objects_makes_one_of_its_own() -> None:
    assert joined(KEEPING) == {"Write > Write, later", "Judge > Judge, later"}


def test_objects_that_functions_are_handed_by_their_class_are_not_told_apart() -> None:
    source = """
    class Notes:
        def __init__(self):
            self.texts = []

        def add(self, text):
            self.texts.append(text)

    def plan(task):
        notes = Notes()
        notes.add(ask("Plan: " + task))
        return notes

    def work(notes: Notes):
        return ask(f"Work: {notes.texts}")

    other = Notes()
    """
    assert joined(source) == {"Plan > Work"}


HANDED = """
class Notes:
    def __init__(self):
        self.texts = []

def work(notes: Notes, topic):
    notes.texts.append(ask(f"Work: {topic} {notes.texts}"))

def main(topics):
    MAKE
"""


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("work(Notes(), topics[0])\n    work(Notes(), topics[1])", set()),
        ("for topic in topics:\n        work(Notes(), topic)", set()),
        (
            "notes = Notes()\n    for topic in topics:\n        work(notes, topic)",
            {"Work > Work, later"},
        ),
    ],
)
def test_what_a_function_is_handed_holds_what_its_callers_left_in_it(
    made: str, expected: set[str]
) -> None:
    assert joined(HANDED.replace("MAKE", made)) == expected


SECTIONS = """
class Section:
    def __init__(self, name):
        self.name = name
        self.text = ""

def run(names):
    parts = [Section(name) for name in names]
    for part in parts:
        part.text = ask("Write: " + part.name)
    others = [Section(name) for name in names]
    for other in others:
        other.text = ask("Recite: " + other.name)
    whole = ask("Join: " + parts[0].text)
    return whole, ask("Merge: " + others[0].text)
"""


def test_records_in_a_list_keep_what_is_stored_in_them_later() -> None:
    assert joined(SECTIONS) == {"Write > Join", "Recite > Merge"}


def test_a_record_keeps_what_a_function_stores_in_it() -> None:
    source = """
    class Section:
        def __init__(self, name):
            self.name = name
            self.text = ""

    def fill(section):
        section.text = ask("Write: " + section.name)

    def run(name):
        section = Section(name)
        fill(section)
        return ask("Shorten: " + section.text)
    """
    assert joined(source) == {"Write > Shorten"}


RATED = """
from dataclasses import dataclass
from openai import OpenAI

client = OpenAI()

@dataclass
class Ship:
    name: str
    kind: str = "barge"

def sort(ships: list[Ship]):
    said = "Sort these ships by their kind: " + ", ".join(ship.name for ship in ships)
    answer = client.responses.create(model="m", input=said)
    kinds = answer.output_text.splitlines()
    for number, ship in enumerate(ships):
        ship.kind = kinds[number]

def rate(ships: list[Ship]):
    said = ", ".join(f"{ship.name}, a {ship.kind}" for ship in ships[:9])
    return client.responses.create(model="m", input="Rate these ships from one to ten: " + said)

def work(ships: list[Ship]):
    sort(ships)
    print(rate(ships))
"""


def test_what_is_left_in_the_members_of_a_list_is_read_from_them() -> None:
    assert edges(compiled(RATED)) == {(14, 21, "data")}


def test_other_attributes_of_the_members_hold_nothing_of_it() -> None:
    assert edges(compiled(RATED.replace(", a {ship.kind}", ""))) == set()


RECORDED = """
from dataclasses import dataclass
from openai import OpenAI

client = OpenAI()

@dataclass
class Survey:
    depth: str
    place: str

def survey(place):
    made = Survey(depth="", place=place)
    said = f"Tell how deep the water is here, and how far that can be relied upon: {place}"
    made.depth = client.responses.create(model="m", input=said).output_text
    return made

def work(place):
    found = survey(place)
    return client.responses.create(model="m", input=f"Say whether to enter: {found.depth}")
"""


def test_a_record_whose_field_is_set_later_goes_on_with_that() -> None:
    assert (15, 20, "data") in edges(compiled(RECORDED))


def test_its_other_fields_are_what_it_was_made_with() -> None:
    assert edges(compiled(RECORDED.replace("{found.depth}", "{found.place}"))) == set()


GIVEN = """
from openai import OpenAI

client = OpenAI()

class Agent:
    def __init__(self, rules=""):
        self.rules = rules
        self.messages = []
        if self.rules:
            self.messages.append({"role": "system", "content": rules})

    def work(self, task):
        self.messages.append({"role": "user", "content": task})
        for turn in range(5):
            answer = client.chat.completions.create(model="m", messages=self.messages)
            self.messages.append(answer.choices[0].message)

agent = Agent(RULES)
agent.work("Find a berth.")
"""


@pytest.mark.parametrize(
    ("given", "said"), [('"Name the berth."', ["Name the berth."]), ("", [])], ids=["some", "none"]
)
def test_an_object_holds_what_its_constructor_is_given(given: str, said: list[str]) -> None:
    (call,) = (one for one in compiled(GIVEN.replace("RULES", given)).calls if one.kind == "sdk")
    assert [part.text for part in call.segments if part.role == "system"] == said


def test_of_classes_in_a_table_objects_of_each_are_made() -> None:
    assert joined(
        """
        RULES = "Name the places where you looked, and say what you have not found. Be brief."

        class Searcher:
            def work(self, task, done):
                return ask(f"Search with care for {task}, as done is {done}: {RULES}")

        class Writer:
            def work(self, task, done):
                return ask(f"Write plainly about {task} by {done}: {RULES}")

        TABLE = {"search": Searcher, "write": Writer}

        class Planner:
            def __init__(self):
                self.workers = {name: made() for name, made in TABLE.items()}

            def plan(self, goal):
                return ask(f"Make a plan for this goal, as JSON with one worker a step: {goal}")

            def go(self, goal):
                done = []
                for step in self.plan(goal):
                    done.append(self.workers[step["worker"]].work(step["task"], done))
                return done

        Planner().go("a report")
        """
    ) >= {"Make > Write", "Search > Write, later", "Write > Search, later"}


RECORD = """
from dataclasses import dataclass, field

@dataclass
class Work:
    topic: str
    plan: str = ""
    remarks: list[str] = field(default_factory=list)

def plan(work):
    work.plan = ask(f"Plan {work.topic}")

def write(work):
    return ask(f"Write {work.plan}, mind {work.remarks}")

def judge(work):
    work.remarks.append(ask(f"Judge {work.plan}"))

def main(topic):
    work = Work(topic)
    plan(work)
    BODY

main("tides")
"""


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("write(work)\n    judge(work)", set()),
        ("judge(work)\n    write(work)", {"judge > write"}),
        ("while topic:\n        write(work)\n        judge(work)", {"judge > write, later"}),
    ],
)
def test_a_record_that_is_made_holds_what_its_class_begins_with(body: str, found: set[str]) -> None:
    edges_shown = flows(RECORD.replace("BODY", body))
    assert {edge for edge in edges_shown if edge.startswith("judge")} == found


def test_what_a_module_puts_into_an_object_that_it_keeps_is_there_for_its_functions() -> None:
    file = compiled(
        """
        from agno.agent import Agent

        class Registry:
            def __init__(self):
                self.agents = {}

            def keep(self, name, agent):
                self.agents[name] = agent

            def find(self, name):
                return self.agents.get(name)

        registry = Registry()
        registry.keep("plan", Agent(instructions="You plan."))
        registry.keep("write", Agent(instructions="You write."))

        def work(goal):
            plan = registry.find("plan").run(goal)
            return registry.find("write").run(plan.content)
        """
    )
    assert edges(file) == {(19, 20, "data")}
    assert [call.segments[0].text for call in file.calls] == ["You plan.", "You write."]
