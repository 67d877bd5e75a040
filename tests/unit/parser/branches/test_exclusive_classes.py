"""Of classes that a setting decides between, none hears what the other says."""

from textwrap import indent

import pytest

from tests.unit.parser.compiled import joined

TABLE = """
import os

class Near:
    def __init__(self, name):
        self.name = name

    def turn(self, talk):
        return ask(f"Near the window, {self.name}, go on with this talk: {talk}")

class Far:
    def __init__(self, name):
        self.name = name

    def turn(self, talk):
        return ask(f"Far from the window, {self.name}, go on with this talk: {talk}")

VENDOR = os.getenv("VENDOR", "near")

class Table:
    def __init__(self, agents):
        self.agents = agents
        self.talk = []

    def sit(self):
        while len(self.talk) < 20:
            for name in self.agents:
                self.talk.append(self.agents[name].turn(self.talk))
FACTORY
def main(names, vendor):
    agents = {}
    for name in names:
        MADE
        agents[name] = agent
    Table(agents).sit()

CALLED
"""

IF = "if TEST:\n    agent = Near(name)\nelse:\n    agent = Far(name)"
FACTORY = """
def make(vendor, name):
    if vendor == "near":
        return Near(name)
    return Far(name)

"""
ONCE = "main(input().split(), input())"


def hear_each_other(made: str, called: str = ONCE, factory: str = "\n") -> bool:
    """Whether an agent of one class hears one of the other."""
    written = TABLE.replace("FACTORY", factory).replace("CALLED", called)
    found = joined(written.replace("MADE", indent(made, " " * 8).strip()))
    assert {"Near > Near, later", "Far > Far, later"} <= found
    return len(found) > 2


@pytest.mark.parametrize(
    "made",
    [
        IF.replace("TEST", 'vendor == "near"'),
        IF.replace("TEST", 'VENDOR == "near"'),
        IF.replace("TEST", 'os.getenv("NEAR")'),
        "match vendor:\n    case 'near':\n        agent = Near(name)\n"
        "    case _:\n        agent = Far(name)",
        'agent = Near(name) if vendor == "near" else Far(name)',
        'maker = Near if vendor.lower() == "near" else Far\nagent = maker(name)',
        "agent = MAKERS[vendor](name)",
        "agent = MAKERS.get(vendor)(name)",
    ],
)
def test_a_setting_decides_for_the_whole_run(made: str) -> None:
    factory = '\nMAKERS = {"near": Near, "far": Far}\n' if "MAKERS" in made else "\n"
    assert not hear_each_other(made, factory=factory)


@pytest.mark.parametrize("test", ['name == "near"', "choose(vendor)", "len(agents) % 2"])
def test_what_a_turn_says_or_a_function_decides_in_each(test: str) -> None:
    assert hear_each_other(IF.replace("TEST", test))


def test_a_function_that_is_called_twice_may_be_given_either() -> None:
    made = IF.replace("TEST", 'vendor == "near"')
    assert hear_each_other(made, f'{ONCE}\nmain(["a"], "near")')


@pytest.mark.parametrize(
    ("factory", "called", "heard"),
    [
        (FACTORY, ONCE, False),
        (FACTORY.replace("vendor ==", "VENDOR =="), f'{ONCE}\nmake("", "b")', False),
        (FACTORY, f'{ONCE}\nmake("far", "b")', True),
    ],
)
def test_a_function_makes_what_it_is_given_a_setting_for(
    factory: str, called: str, heard: bool
) -> None:
    assert hear_each_other("agent = make(vendor, name)", called, factory) is heard


def test_one_that_is_given_another_setting_in_each_turn_makes_either() -> None:
    assert hear_each_other("agent = make(name[:1], name)", factory=FACTORY)
