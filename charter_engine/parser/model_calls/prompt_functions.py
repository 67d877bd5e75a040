"""Calls of functions that a decorator makes prompts: each asks a model.

What is asked stands in the function's docstring, in what it returns, or in the decorator, filled
with what the call gives.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.arguments import bind
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.catalogue import KindRule
from charter_engine.parser.model_calls.decorated import decorating
from charter_engine.parser.model_calls.findings import Message
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.prompts import prompts
from charter_engine.parser.prompts.offered import OFFERED
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.pieces import pieces_of, static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Function,
    Static,
    Value,
    moved,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

DOCSTRING, RETURNED, GIVEN, ALL = "docstring", "returned", "given", "*"
"""Where a prompt's text stands, beside the decorator's own arguments: of these, all by place."""

ATTRIBUTE = re.compile(r"\{([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)\}")

COMPUTED = "computed_fields"
"""Under this name a function returns what its template is filled with beside its arguments."""

SCHEMA = "response_model"
NAMED_OTHERWISE = {"format": SCHEMA}
"""What a decorator offers the model, by the names that requests have for it."""


class PromptFunctions:
    """Asks what functions are decorated to ask."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.evaluator = evaluator

    def called(
        self, frame: Frame, node: ast.Call, function: Function, shape: CallShape
    ) -> Value | None:
        """The answer to a prompt, or the text of one that is only filled; None where a function is
        no prompt."""
        rules = self.program.prompts.get(function.definition)
        if rules is None:
            return None
        asking = next((rule for rule in rules if rule.role == "model"), None)
        if asking is None:
            return as_text(self.said(frame, function, shape, rules))
        family = self.program.catalogue.family_called(asking.name)
        if family is None:
            return None
        if asking.model_first:
            shape = replace(shape, positional=shape.positional[1:])
        said = as_list(self.said(frame, function, shape, rules))
        options = self.options(function.definition, rules)
        asked = replace(
            shape, positional=(), keywords=((family.prompt[0], node.func, said), *options)
        )
        why = f"{function.definition.name} is a prompt: its decorator makes it a {asking.name}"
        recorder = self.evaluator.recorder
        return recorder.model_call(frame, node, UNKNOWN, asked, Recognition(family, why))

    def said(
        self, frame: Frame, function: Function, shape: CallShape, rules: tuple[KindRule, ...]
    ) -> tuple[Message, ...]:
        """What is asked, each part with its role, in the order of the rules."""
        names = {name: moved(value, "argument") for name, value in bind(function, shape).items()}
        known = self.evaluator.arguments.first_names(function, names)
        is_written = not function.definition.is_abstract
        body = self.evaluator.follower.enter(frame, function, names) if is_written else None
        returned, computed = told_apart(body)
        fields: prompts.Fields = {name: (value, name) for name, value in (known | computed).items()}
        found: list[Message] = []
        for rule in rules:
            for place, role in rule.says.items():
                if place == RETURNED:
                    found += prompts.messages_of(returned, role) if returned is not None else []
                elif place == GIVEN:
                    found += said_in(names.values(), role)
                elif place != DOCSTRING or not has_roles(returned):
                    written = said_in(self.written_at(function.definition, rule, place), role)
                    inner = Frame(function.definition.module, known, function=function.definition)
                    own = fields | self.attributes_in(written, inner)
                    found += filled(written, own, rule) if rule.templated else written
        return tuple(found)

    def attributes_in(self, written: list[Message], frame: Frame) -> prompts.Fields:
        """What the attributes hold that a template names: `{self.history}`."""
        names = {
            name
            for _, text in written
            for piece in pieces_of(text)
            if isinstance(piece, Static)
            for name in ATTRIBUTE.findall(piece.text)
        }
        nodes = {name: ast.parse(name, mode="eval").body for name in sorted(names)}
        return {name: (self.evaluator.evaluate(frame, node), name) for name, node in nodes.items()}

    def written_at(self, definition: FunctionDefinition, rule: KindRule, place: str) -> list[Value]:
        """The texts in a docstring, or in an argument of the decorator that the rule is of."""
        if place == DOCSTRING:
            return docstring_of(definition)
        frame = self.evaluator.names.frame_of(definition.module)
        found: list[ast.expr] = []
        for decorator in decorating(definition, rule, self.program.catalogue):
            found += by_place(decorator, place)
            found += [item.value for item in decorator.keywords if item.arg == place]
        return [self.evaluator.placed(frame, node) for node in found]

    def options(
        self, definition: FunctionDefinition, rules: tuple[KindRule, ...]
    ) -> list[tuple[str, ast.expr, Value]]:
        """The model's options, tools and schema, which the decorators are given; a schema may be
        what a function says it returns, where it returns nothing itself."""
        frame = self.evaluator.names.frame_of(definition.module)
        found = [
            (name, item.value, self.evaluator.evaluate(frame, item.value))
            for rule in rules
            for decorator in decorating(definition, rule, self.program.catalogue)
            for item in decorator.keywords
            for name in (NAMED_OTHERWISE.get(item.arg or "", item.arg or ""),)
            if name in OFFERED or name in prompts.OPTIONS
        ]
        returns = getattr(definition.node, "returns", None)
        if returns is not None and not any(RETURNED in rule.says for rule in rules):
            schema = self.evaluator.evaluate(frame, returns)
            if any(isinstance(kind, Class) for kind in schema.types):
                found.append((SCHEMA, returns, schema))
        return found


def by_place(decorator: ast.Call, place: str) -> list[ast.expr]:
    """What a decorator is given at a place, or at all."""
    if place == ALL:
        return decorator.args
    return decorator.args[int(place) :][:1] if place.isdigit() else []


def docstring_of(definition: FunctionDefinition) -> list[Value]:
    node = definition.node
    text = None if isinstance(node, ast.Lambda) else ast.get_docstring(node)
    if not text or isinstance(node, ast.Lambda):
        return []
    return [static(text, node.body[0].lineno)]


def told_apart(body: Value | None) -> tuple[Value | None, dict[str, Value]]:
    """What a function returned to be said, and what only fills its template."""
    fields = body.box.fields if body is not None and body.box is not None else {}
    if COMPUTED not in fields:
        return body, {}
    computed = fields[COMPUTED].box
    return fields.get("messages"), computed.fields if computed is not None else {}


def has_roles(returned: Value | None) -> bool:
    """Whether a function returned messages of several roles: all that is asked."""
    return returned is not None and returned.box is not None and prompts.has_roles(returned.box)


def said_in(values: Iterable[Value], role: str) -> list[Message]:
    return [part for value in values for part in prompts.messages_of(value, role)]


def filled(written: list[Message], fields: prompts.Fields, rule: KindRule) -> list[Message]:
    return [
        part
        for role, text in written
        for part in prompts.filled_message(role, text, fields, rule.syntax)
    ]


def as_list(said: tuple[Message, ...]) -> Value:
    parts = [
        Value(box=Box("dict", fields={"role": static(role), "content": text}))
        for role, text in said
    ]
    return Value(box=Box("list", [Element(part) for part in parts]))


def as_text(said: tuple[Message, ...]) -> Value:
    """A filled template: its one text, or its messages."""
    if len(said) == 1 and not said[0][0]:
        return said[0][1]
    return as_list(said) if said else UNKNOWN
