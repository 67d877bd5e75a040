"""What was followed in vain, by the programs of a package or in a look at it, is not followed again
and again."""

import ast
from collections.abc import Mapping

import pytest

from charter_engine.parser.interpreter import interpret
from charter_engine.parser.interpreting import dead_ends
from charter_engine.parser.interpreting.dead_ends import ENOUGH, SO_MANY_MORE, DeadEnds
from charter_engine.parser.interpreting.entries import NOTHING_GIVEN
from charter_engine.parser.model_calls.catalogue import default_catalogue
from charter_engine.parser.model_calls.findings import Wrapper
from charter_engine.parser.passes import starts
from charter_engine.parser.passes.wrapper_search import WrapperSearch
from charter_engine.parser.source.symbols import FunctionDefinition, Module, index_module
from charter_engine.parser.state import Analysis
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Function, Value

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


def known_of(function: FunctionDefinition, times: int, steps: int) -> DeadEnds:
    known = DeadEnds()
    for _ in range(times):
        known.note(function, steps)
    return known


def test_a_function_is_a_dead_end_after_some_times(run: FunctionDefinition) -> None:
    assert not known_of(run, ENOUGH - 1, 100).is_one(run, (), 100)
    assert known_of(run, ENOUGH, 100).is_one(run, (), 100)


def test_who_has_many_more_steps_left_may_come_through(run: FunctionDefinition) -> None:
    assert known_of(run, ENOUGH, 100).is_one(run, (), 100 * SO_MANY_MORE)
    assert not known_of(run, ENOUGH, 100).is_one(run, (), 100 * SO_MANY_MORE + 1)


def test_who_is_given_a_function_is_followed(run: FunctionDefinition) -> None:
    known = known_of(run, ENOUGH, 100)
    given = Value(types=frozenset((Function(run),)))
    assert known.is_one(run, [UNKNOWN], 100)
    assert not known.is_one(run, [given], 100)
    assert not known.is_one(run, [Value(box=Box("tuple", [Element(given)]))], 100)


def test_a_look_follows_constructors_for_what_they_make() -> None:
    module = indexed("library", "class Agent:\n    def __init__(self):\n        self.log = []\n")
    made = next(iter(module.functions.values()))
    known = DeadEnds()
    for _ in range(ENOUGH):
        known.note(made, 100, is_looking=True)
    assert not known.is_one(made, (), 100)


def analysed(programs: int) -> Analysis:
    """A package in which so many programs call a library that takes more steps than they have."""
    modules = {f"program_{number}": PROGRAM for number in range(programs)} | {"library": LIBRARY}
    return interpreted(modules)


def interpreted(modules: dict[str, str]) -> Analysis:
    return interpret(
        {name: indexed(name, source) for name, source in modules.items()}, default_catalogue()
    )


def test_programs_follow_a_dead_end_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starts, "STEPS_OF_MODULES", 0)
    monkeypatch.setattr(starts, "FEWEST_OF_A_MODULE", 400)
    spared = analysed(ENOUGH + 10)
    monkeypatch.setattr(dead_ends, "ENOUGH", 100)
    followed = analysed(ENOUGH + 10)
    assert followed.progress.steps - spared.progress.steps > 9 * 300
    assert spared.progress.stops == followed.progress.stops
    assert spared.findings.sites.keys() == followed.findings.sites.keys()


def test_nor_do_programs_before_it_is_known_which_functions_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starts, "STEPS_OF_LOOKING_AT_MODULES", 0)
    spared = analysed(ENOUGH + 10)
    monkeypatch.setattr(dead_ends, "ENOUGH", 100)
    followed = analysed(ENOUGH + 10)
    assert followed.progress.steps - spared.progress.steps > 9 * 300
    assert spared.findings.sites.keys() == followed.findings.sites.keys()


def test_a_program_that_comes_to_no_model_in_many_steps_is_followed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = {
        "library": LIBRARY,
        "report": f"from library import run\n\ntask = str(run)\nif task:\n{LONG}\n",
    }
    monkeypatch.setattr(starts, "FEWEST_OF_A_MODULE", 500)
    spared = interpreted(modules)
    monkeypatch.setattr(starts, "FEWEST_OF_A_MODULE", 100_000)
    followed = interpreted(modules)
    assert followed.progress.steps - spared.progress.steps > 500
    assert spared.findings.sites.keys() == followed.findings.sites.keys()


def test_a_look_at_a_large_package_follows_a_dead_end_no_further(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starts, "MANY_FUNCTIONS", 0)
    modules = {
        f"step_{number}": f"from library import run\n\ndef ask_{number}(task):\n    run(task)\n"
        for number in range(ENOUGH + 10)
    } | {"library": LIBRARY}
    spared = interpreted(modules)
    monkeypatch.setattr(dead_ends, "ENOUGH", 100)
    followed = interpreted(modules)
    assert followed.progress.steps - spared.progress.steps > 9 * starts.FEWEST_OF_A_LOOK
    assert spared.findings.sites.keys() == followed.findings.sites.keys()


def test_a_look_at_a_large_package_goes_less_far(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {
        f"step_{number}": f"def ask_{number}(task):\n{LONG}\n    return task.run(str(task))\n"
        for number in range(3)
    }
    helped = {
        name: f"{source}\ndef main_{name}(task):\n    return ask_{name[5:]}(task)\n"
        for name, source in modules.items()
    }
    monkeypatch.setattr(starts, "MANY_FUNCTIONS", 0)
    short = interpreted(helped)
    monkeypatch.setattr(starts, "FEWEST_OF_A_LOOK", starts.STEPS_OF_A_LOOK)
    long = interpreted(helped)
    assert short.progress.steps < long.progress.steps


def again_in_a_large_package(helper: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that are judged again in a large package, of which `main` calls `write`, and
    that a helper, each behind more steps than a look takes."""
    again: list[str] = []
    judged = WrapperSearch.judged

    def watched(
        search: WrapperSearch,
        definition: FunctionDefinition,
        found: dict[FunctionDefinition, Wrapper],
        given: Mapping[str, Value] = NOTHING_GIVEN,
    ) -> bool:
        if not search.progress.is_looking:
            again.append(definition.name)
        return judged(search, definition, found, given)

    long = LONG[: len(LONG) // 3].rpartition("\n")[0]
    monkeypatch.setattr(starts, "MANY_FUNCTIONS", 0)
    monkeypatch.setattr(WrapperSearch, "judged", watched)
    interpreted(
        {
            "asking": """
from openai import OpenAI

def tell(task):
    return OpenAI().responses.create(model="m", input=f"Tell of {task} in a few words.")
""",
            "steps": f"{helper}\n\ndef write(task):\n{long}\n    return tell(task)\n",
            "main": f"from steps import write\n\ndef main(task):\n{long}\n    write(task)\n",
        }
    )
    monkeypatch.undo()
    return again


def test_who_calls_what_came_to_no_model_is_not_followed_again_in_a_large_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = "from asking import tell"
    assert again_in_a_large_package(asking, monkeypatch) == ["write", "main"]
    other = "import asking\n\ndef tell(task):\n    return str(task)"
    assert again_in_a_large_package(other, monkeypatch) == ["write"]
