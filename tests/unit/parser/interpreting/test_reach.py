"""Which functions may lead to a model, by the names they call."""

import ast
from textwrap import dedent

import pytest

from charter_engine.parser.interpreting.reach import CallNames
from charter_engine.parser.model_calls.catalogue import default_catalogue
from charter_engine.parser.prompts.limits import tests_before_calling as conditions_of
from charter_engine.parser.source.symbols import FunctionDefinition, Module, index_module

CHAIN = """
def ask(client, text):
    return client.responses.create(model="m", input=text)

def plan(topic):
    return ask(None, topic)

def work(topics):
    return [plan(topic) for topic in topics]

def main():
    work(["tea"])

def unrelated():
    print("nothing")
"""


def indexed(source: str) -> Module:
    return index_module("agent.py", "agent", ast.parse(dedent(source)))


def named(module: Module, name: str) -> FunctionDefinition:
    return next(found for found in module.functions.values() if found.name == name)


def leading(hops: int | None) -> set[str]:
    module = indexed(CHAIN)
    names = CallNames([module], default_catalogue())
    return {found.name for found in names.leading_to([named(module, "ask")], hops=hops)}


def test_callers_of_callers_lead_to_a_function() -> None:
    assert leading(None) == {"ask", "plan", "work", "main"}


def test_callers_are_counted_up_to_a_distance() -> None:
    assert leading(0) == {"ask"}
    assert leading(2) == {"ask", "plan", "work"}


@pytest.mark.parametrize(
    "kept",
    [
        'TABLE = {"plan": plan}',
        'TABLE = [("plan", plan)]',
        'TABLE: dict = {}\nTABLE["plan"] = plan',
        "def keep(one):\n    TABLE[one.__name__] = one\nkeep(plan)",
    ],
)
@pytest.mark.parametrize(
    "used", ["TABLE[name]('tea')", "TABLE.get(name)('tea')", "made = TABLE[name]\n    made('tea')"]
)
def test_who_looks_something_up_in_a_table_leads_to_what_it_holds(kept: str, used: str) -> None:
    module = indexed(f"{CHAIN}\n{kept}\n\ndef choose(name):\n    {used}\n\ndef other():\n    TABLE")
    names = CallNames([module], default_catalogue())
    found = {one.name for one in names.leading_to([named(module, "plan")])}
    assert "choose" in found
    assert "other" not in found


def test_what_decorates_a_function_keeps_it_in_its_table() -> None:
    module = indexed("""
    class Registry:
        def keep(self, name):
            def kept(made):
                self.makers[name] = made
                return made
            return kept

        def make(self, name):
            return self.makers[name]()

    registry = Registry()

    @registry.keep("plan")
    def planner():
        return ask("Plan.")
    """)
    names = CallNames([module], default_catalogue())
    found = {one.name for one in names.leading_to([named(module, "planner")])}
    assert found >= {"planner", "make"}


def test_the_tests_before_calling_a_method_are_looked_for_once() -> None:
    module = indexed("""
    class Agent:
        def step(self):
            if len(self.log) > 20:
                self.shorten()

        def shorten(self):
            self.log = self.log[-10:]
    """)
    shorten = named(module, "shorten")
    tests = conditions_of(shorten)
    assert [ast.unparse(test) for test in tests] == ["len(self.log) > 20"]
    assert conditions_of(shorten) is tests


@pytest.mark.parametrize(
    "caller",
    [
        "class Many(One):\n    def work(self, text):\n        return self(text)",
        "def work(one: One, text):\n    return one(text)",
        "def work(one: Base, text):\n    return one(text)",
        'def work(one: "One | None", text):\n    return one(text)',
    ],
)
def test_who_calls_an_object_leads_to_what_makes_it_callable(caller: str) -> None:
    called = "class One(Base):\n    def __call__(self, text):\n        pass\n"
    module = indexed(f"class Base:\n    pass\n{called}{caller}")
    names = CallNames([module], default_catalogue())
    assert named(module, "work") in names.leading_to([named(module, "__call__")])
