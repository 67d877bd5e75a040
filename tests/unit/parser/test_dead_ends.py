"""What the programs of a package followed in vain, the next ones do not follow again."""

import ast

import pytest

from charter_engine.parser import dead_ends, interpreter
from charter_engine.parser.catalogue import default_catalogue
from charter_engine.parser.dead_ends import ENOUGH_PROGRAMS, DeadEnds
from charter_engine.parser.interpreter import interpret
from charter_engine.parser.state import Analysis
from charter_engine.parser.symbols import FunctionDefinition, Module, index_module
from charter_engine.parser.values import UNKNOWN, Box, Element, Function, Value

LONG = "\n".join(f"    notes = str(task) + str({number})" for number in range(200))
LIBRARY = f"""
from openai import OpenAI

def run(task):
{LONG}
    asked = f"Work through this list of tasks, one by one, and report: {{task}}"
    print(OpenAI().responses.create(model="m", input=asked).output_text)
"""
PROGRAM = """
from library import run

run("Count the words.")
"""


def indexed(name: str, source: str) -> Module:
    return index_module(f"{name}.py", name, ast.parse(source))


@pytest.fixture
def run() -> FunctionDefinition:
    """A function of a library."""
    return next(iter(indexed("library", LIBRARY).functions.values()))


def known_of(function: FunctionDefinition, programs: int, steps: int) -> DeadEnds:
    known = DeadEnds()
    for _ in range(programs):
        known.note(function, steps)
    return known


def test_a_function_is_a_dead_end_after_some_programs(run: FunctionDefinition) -> None:
    assert not known_of(run, ENOUGH_PROGRAMS - 1, 100).is_one(run, (), 100)
    assert known_of(run, ENOUGH_PROGRAMS, 100).is_one(run, (), 100)


def test_who_has_more_steps_left_may_come_through(run: FunctionDefinition) -> None:
    assert not known_of(run, ENOUGH_PROGRAMS, 100).is_one(run, (), 101)


def test_who_is_given_a_function_is_followed(run: FunctionDefinition) -> None:
    known = known_of(run, ENOUGH_PROGRAMS, 100)
    given = Value(types=frozenset((Function(run),)))
    assert known.is_one(run, [UNKNOWN], 100)
    assert not known.is_one(run, [given], 100)
    assert not known.is_one(run, [Value(box=Box("tuple", [Element(given)]))], 100)


def analysed(programs: int) -> Analysis:
    """A package in which so many programs call a library that takes more steps than they have."""
    modules = {f"program_{number}": PROGRAM for number in range(programs)} | {"library": LIBRARY}
    return interpret(
        {name: indexed(name, source) for name, source in modules.items()}, default_catalogue()
    )


def test_programs_follow_a_dead_end_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "STEPS_OF_MODULES", 0)
    monkeypatch.setattr(interpreter, "FEWEST_OF_A_MODULE", 400)
    spared = analysed(ENOUGH_PROGRAMS + 10)
    monkeypatch.setattr(dead_ends, "ENOUGH_PROGRAMS", 100)
    followed = analysed(ENOUGH_PROGRAMS + 10)
    assert followed.progress.steps - spared.progress.steps > 9 * 300
    assert spared.progress.stops == followed.progress.stops
    assert spared.findings.sites.keys() == followed.findings.sites.keys()
