"""What does nothing is not evaluated where nobody takes its value, and counts all the same."""

import ast
from textwrap import indent

import pytest

from charter_engine.parser.interpreter import interpret
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.idle import idle
from charter_engine.parser.model_calls.catalogue import default_catalogue
from charter_engine.parser.source.symbols import index_module
from tests.unit.parser.compiled import compiled, only

ASK = """
import logging
from openai import OpenAI

logger = logging.getLogger(__name__)

class Writer:
    def __init__(self):
        self.client = OpenAI()

    @property
    def draft(self):
        return self.client.responses.create(model="m", input="Write a draft.").output_text

def write(writer: Writer, text, size):
"""

IDLE = (
    "size > 3 and text is not None",
    "not text.lines[size - 1]",
    "isinstance(text, (str, bytes)) or len(text) == size",
    "text if size else [text, size]",
    "ValueError(f'{text!r} has {len(text):>{size}} characters')",
    "logger.info('%s of %d', text, size, exc_info=True)",
)
NOT_IDLE = (
    "writer.draft",
    "text % size",
    "text[size:]",
    "text.strip()",
    "logger.info(text.strip())",
    "logger.bind(text)",
    "max(text, key=size)",
    "[part for part in text]",
)


@pytest.mark.parametrize("written", IDLE)
def test_what_does_nothing_counts_the_steps_that_evaluating_it_takes(written: str) -> None:
    evaluator, frame = evaluating(written)
    node = expression(frame)
    before = evaluator.progress.steps
    evaluator.run(frame, node)
    counted = evaluator.progress.steps - before
    evaluator.evaluate(frame, node)
    assert evaluator.steps_of_idling(frame, node) == counted
    assert evaluator.progress.steps - before == 2 * counted


@pytest.mark.parametrize("written", NOT_IDLE)
def test_what_may_do_something_is_evaluated(written: str) -> None:
    evaluator, frame = evaluating(written)
    assert idle(expression(frame), evaluator.program.followed) is None


def test_a_property_that_asks_is_a_call_where_it_is_only_tested() -> None:
    call = only(compiled(ASK + indent("if writer.draft and size:\n    pass\n", "    ")))
    assert call.function == "Writer.draft"


def evaluating(written: str) -> tuple[Evaluator, Frame]:
    """An evaluator in a function whose only statement is an expression."""
    module = index_module("agent.py", "agent", ast.parse(ASK + indent(written, "    ")))
    evaluator = Evaluator(interpret({"agent": module}, default_catalogue()))
    function = next(one for one in module.functions.values() if one.name == "write")
    return evaluator, Frame(module, {}, function=function)


def expression(frame: Frame) -> ast.expr:
    assert frame.function is not None and isinstance(frame.function.node, ast.FunctionDef)
    statement = frame.function.node.body[0]
    assert isinstance(statement, ast.Expr)
    return statement.value
