"""A file of a package may be run as a script, in whose folder Python looks first."""

from charter_engine.analysis.compile import CompileOptions, compile_sources
from charter_engine.contracts.graph import Segment

RULES = """
def rules():
    return "Name the berth, and guess no depth."
"""

ROUTE = """
from openai import OpenAI
from rules import rules

def answer(question):
    return OpenAI().responses.create(model="m", instructions=rules(), input=question)
"""


def first_segment(**files: str) -> Segment:
    """What the route says first, among other files of its program."""
    sources = {"app/__init__.py": "", "app/route.py": ROUTE, "app/rules.py": "", "core.py": ""}
    sources |= {f"{name.replace('__', '/')}.py": text for name, text in files.items()}
    found = compile_sources(dict(sources), options=CompileOptions()).files
    return next(file for file in found if file.path == "app/route.py").calls[0].segments[0]


def test_it_imports_its_neighbours_by_their_own_names() -> None:
    assert first_segment(app__rules=RULES).text == "Name the berth, and guess no depth."


def test_what_stands_outside_under_that_name_is_meant_first() -> None:
    other = RULES.replace("berth", "quay")
    assert first_segment(app__rules=RULES, rules=other).text == "Name the quay, and guess no depth."


def test_what_the_neighbour_does_not_define_is_that_of_a_library() -> None:
    assert first_segment(app__rules="depth = 3").kind == "variable"
