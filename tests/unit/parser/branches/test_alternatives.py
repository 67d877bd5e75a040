"""Ways through a function that exclude each other: what one leaves is not there on another."""

from itertools import product

import pytest

from tests.unit.parser.compiled import compiled, edges, joined

BRANCHES = """
def run(kind, text):
    HOLDER
    if kind == "first":
        pass
        ONE
    MIDDLE
        pass
        TWO
    LAST
"""

HOLDERS = {
    "list": ("kept = []", "kept.append(ask('One: ' + text))", "kept.append(ask(f'Two: {kept}'))"),
    "dict": ("kept = {}", "kept['a'] = ask('One: ' + text)", "kept['b'] = ask(f'Two: {kept}')"),
    "name": ("kept = ''", "kept = ask('One: ' + text)", "kept = ask(f'Two: {kept}')"),
    "object": ("kept = text", "kept.a = ask('One: ' + text)", "kept.b = ask(f'Two: {kept.a}')"),
}


def program(holder: str, middle: str) -> str:
    made, one, two = HOLDERS[holder]
    source = BRANCHES.replace("HOLDER", made).replace("ONE", one).replace("TWO", two)
    return source.replace("MIDDLE", middle).replace("LAST", "return ask(f'Join: {kept}')")


@pytest.mark.parametrize("middle", ["else:", "elif kind == 'second':"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_one_branch_leaves_reaches_what_follows_and_no_other_branch(
    holder: str, middle: str
) -> None:
    assert joined(program(holder, middle)) == {"One > Join", "Two > Join"}


@pytest.mark.parametrize("holder", ["list", "dict", "name", "object"])
def test_conditions_of_their_own_exclude_nothing(holder: str) -> None:
    assert "One > Two" in joined(program(holder, "if kind == 'second':"))


MATCHED = """
def run(kind, text):
    kept = []
    match kind:
        case "first":
            kept.append(ask("One: " + text))
        case _:
            kept.append(ask(f"Two: {kept}"))
    return ask(f"Join: {kept}")
"""


def test_cases_exclude_each_other() -> None:
    assert joined(MATCHED) == {"One > Join", "Two > Join"}


HANDLED = """
def run(text):
    kept = []
    try:
        read(text)
    except ValueError:
        kept.append(ask("One: " + text))
    except OSError:
        kept.append(ask(f"Two: {kept}"))
    else:
        kept.append(ask(f"Three: {kept}"))
    return ask(f"Join: {kept}")
"""


def test_handlers_of_errors_exclude_each_other_and_what_follows_without_an_error() -> None:
    assert joined(HANDLED) == {"One > Join", "Two > Join", "Three > Join"}


LEFT = """
def run(kind, text):
    kept = []
    if kind == "first":
        kept.append(ask("One: " + text))
        LEAVE
    return ask(f"Join: {kept}")
"""


@pytest.mark.parametrize(
    ("leave", "found"),
    [("return kept", set()), ("raise ValueError(kept)", set()), ("pass", {"One > Join"})],
)
def test_what_leaves_a_function_is_not_in_what_follows(leave: str, found: set[str]) -> None:
    assert joined(LEFT.replace("LEAVE", leave)) == found


TURNING = """
def run(tasks):
    kept = []
    for task in tasks:
        if task.is_easy:
            kept.append(ask(f"One: {task} {kept}"))
        else:
            kept.append(ask(f"Two: {task} {kept}"))
"""


def test_what_a_branch_leaves_reaches_another_in_a_later_turn_of_a_loop() -> None:
    pairs = product(("One", "Two"), repeat=2)
    assert joined(TURNING) == {f"{one} > {other}, later" for one, other in pairs}


CALLED = """
class Agent:
    def __init__(self):
        self.kept = []

    def step(self, task):
        if task.is_easy:
            self.kept.append(ask(f"One: {task}"))
        else:
            self.kept.append(ask(f"Two: {task} {self.kept}"))

def run(first, second):
    agent = Agent()
    agent.step(first)
    CALL
"""


def test_a_function_that_is_called_again_comes_to_the_other_branch() -> None:
    assert "One > Two" in joined(CALLED.replace("CALL", "agent.step(second)"))
    assert "One > Two" not in joined(CALLED.replace("CALL", "return agent"))


HELPED = """
def note(kept, text):
    kept.append(ask(f"Sum up: {text} {kept}"))

def run(kind, text):
    kept = []
    if kind == "first":
        note(kept, text)
    else:
        kept.append(ask(f"Two: {kept}"))
        LAST
    return ask(f"Join: {kept}")
"""


def test_what_a_branch_calls_makes_its_outputs_on_that_way() -> None:
    assert "Sum > Two" not in joined(HELPED.replace("LAST", "pass"))


def test_an_output_that_is_made_on_both_ways_is_there_on_each() -> None:
    found = joined(HELPED.replace("LAST", "note(kept, text)\n        ask(f'Three: {kept}')"))
    assert "Sum > Three" in found
    assert "Sum > Two" not in found


def test_a_branch_of_a_graphs_node_excludes_the_other() -> None:
    nodes = """
    from langgraph.graph import END, START, StateGraph

    def work(state):
        if state["kind"] == "first":
            state["kept"] = ask("One: " + state["text"])
        else:
            state["kept"] = ask("Two: " + state["kept"])
        return state

    graph = StateGraph(dict)
    graph.add_node("work", work)
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    """
    assert joined(nodes) == set()


ROUTED = """
class Agent:
    def __init__(self):
        self.said = ""

    def run(self, kind, text):
        self.said = ""
        if kind == "first":
            self.first(text)
        else:
            self.second(text)
        return ask(f"Join: {self.said}")

    def first(self, text):
        self.said = ask("One: " + text)

    def second(self, text):
        self.said = ask(f"Two: {text} {self.said}")
"""


def test_methods_that_branches_call_exclude_each_other_as_the_branches_do() -> None:
    assert joined(ROUTED) == {"One > Join", "Two > Join"}


HANDLERS = """
from openai import OpenAI

client = OpenAI()

class Store:
    def __init__(self):
        self.talks = {}

    def talk(self, name):
        return self.talks.setdefault(name, [])

class Desk:
    def __init__(self, store):
        self.store = store

    def asked(self, name, rules):
        messages = [{"role": "system", "content": rules}, *self.store.talk(name)]
        answer = client.chat.completions.create(model="m", messages=messages)
        return answer.choices[0].message.content

    def bills(self, name):
        return self.asked(name, "You know all about bills. Ask for the number of the bill.")

    def parcels(self, name):
        return self.asked(name, "You know all about parcels. Ask for the number of the parcel.")

    def reply(self, name, kind, text):
        self.store.talk(name).append({"role": "user", "content": text})
        CHOICE
        self.store.talk(name).append({"role": "assistant", "content": said})
        print(said)

def main(name, kind, text):
    Desk(Store()).reply(name, kind, text)
"""

CHOICES = {
    "a table": "said = {'bill': self.bills, 'parcel': self.parcels}[kind](name)",
    "a look-up": "chosen = {'bill': self.bills}.get(kind, self.parcels); said = chosen(name)",
    "a test": "said = self.bills(name) if kind == 'bill' else self.parcels(name)",
    "a chosen one": "chosen = self.bills if kind == 'bill' else self.parcels; said = chosen(name)",
}


@pytest.mark.parametrize("choice", CHOICES)
def test_functions_of_which_one_is_chosen_hear_nothing_of_each_other_in_the_same_turn(
    choice: str,
) -> None:
    file = compiled(HANDLERS.replace("CHOICE", CHOICES[choice]))
    assert not [edge for edge in edges(file) if edge[2] == "data"]
