"""A function that does nothing but give a value is not followed where nobody takes that."""

import ast

import pytest

from charter_engine.parser.interpreter import interpret
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import default_catalogue
from charter_engine.parser.source.symbols import index_module
from charter_engine.parser.values.values import Function
from tests.unit.parser.compiled import compiled, only

SOURCE = """
from openai import OpenAI

class Writer:
    def __init__(self):
        self.client = OpenAI()
        self.limit = 3

    def accept(self, answer):
        '''Whether an answer will do.'''
        return bool(answer) and len(answer) < self.limit

    def given(self, answer, least=1):
        return len(answer) > least

    def drop(self, answer):
        self.limit = 0
        return True

    def better(self, answer):
        return self.client.responses.create(model="m", input=f"Is {answer} good?").output_text

    def write(self, answer):
        if TEST:
            return answer
"""


def test_a_function_that_does_nothing_counts_the_steps_of_following_it() -> None:
    evaluator, frame, node = evaluating("self.accept(answer)")
    before = evaluator.progress.steps
    evaluator.run(frame, node)
    counted = evaluator.progress.steps - before
    assert not evaluator.follower.followed
    evaluator.evaluate(frame, node)
    assert evaluator.progress.steps - before == 2 * counted
    assert evaluator.follower.followed


@pytest.mark.parametrize("name", ["given", "drop"])
def test_a_function_that_may_do_something_is_followed(name: str) -> None:
    evaluator, frame, node = evaluating(f"self.{name}(answer)")
    evaluator.run(frame, node)
    assert evaluator.follower.followed


def test_a_function_that_asks_is_a_call_where_it_is_only_tested() -> None:
    call = only(compiled(SOURCE.replace("TEST", "self.better(answer)")))
    assert call.function == "Writer.better"


def evaluating(test: str) -> tuple[Evaluator, Frame, ast.expr]:
    """An evaluator in a method whose first statement tests an expression."""
    module = index_module("agent.py", "agent", ast.parse(SOURCE.replace("TEST", test)))
    evaluator = Evaluator(interpret({"agent": module}, default_catalogue()))
    evaluator.progress.begin("agent.py", 1000)
    function = next(one for one in module.functions.values() if one.name == "write")
    assert isinstance(function.node, ast.FunctionDef) and isinstance(function.node.body[0], ast.If)
    own = evaluator.arguments.first_names(Function(function), {})
    return evaluator, Frame(module, own, function=function), function.node.body[0].test
