"""What is kept of modules and functions by kinds of nodes, and by what they call."""

import ast

from charter_engine.parser.source.called_names import calls_named, names_called
from charter_engine.parser.source.symbols import Module, assignments_in, index_module, nodes_of

SOURCE = """
TABLE = {"plan": 1}


@register(kind="tool")
def plan(self, topic: str = default()):
    self.topic = topic
    text: str = ask(topic)

    def again():
        notes = [ask(text)]
        return notes

    return again()
"""


def module() -> Module:
    return index_module("agent.py", "agent", ast.parse(SOURCE))


class TestIndexedNodes:
    def test_a_function_holds_the_nodes_of_those_within_it(self) -> None:
        plan, again = module().functions.values()
        assert [node.lineno for node in nodes_of(plan, ast.Return)] == [14, 12]
        assert [node.lineno for node in nodes_of(again, ast.Return)] == [12]

    def test_a_module_holds_those_of_its_functions(self) -> None:
        assert len(nodes_of(module(), ast.Dict)) == 1
        assert [node.lineno for node in assignments_in(module())] == [2, 7, 11, 8]

    def test_of_attributes_those_are_kept_that_are_assigned(self) -> None:
        plan, again = module().functions.values()
        assert [node.attr for node in nodes_of(plan, ast.Attribute)] == ["topic"]
        assert nodes_of(again, ast.Attribute) == []

    def test_names_called_are_those_of_defaults_and_decorators_as_well(self) -> None:
        plan, again = module().functions.values()
        assert set(names_called(plan)) == {"register", "default", "ask", "again"}
        assert names_called(again) == ("ask",)

    def test_calls_are_found_by_their_last_names(self) -> None:
        plan, _ = module().functions.values()
        assert sorted(call.lineno for call in calls_named(plan, {"ask", "tell"})) == [8, 11]
        assert calls_named(module(), {"tell"}) == []
