"""What a call gives the template of a chain to fill in: by the names of its fields, or a text alone
where one field is left (`chain.run(text)`), and what was said before in the place for that."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from charter_engine.parser.model_calls.findings import Message, Site
from charter_engine.parser.model_calls.recognise import CallShape, is_called, words_of
from charter_engine.parser.prompts.kept_talks import HISTORY, with_talk
from charter_engine.parser.prompts.prompts import (
    fields_of,
    is_open_field,
    kept_messages,
    templates,
)
from charter_engine.parser.values.values import Hole, Value, is_answer, moved

ALONE = frozenset("invoke ainvoke stream astream run arun predict apredict".split())
"""Methods by which a chain is given a text for the only field that is left."""

QUERY = "query"
"""Under this name a chain that looks something up is given what it is asked."""

LOOKED_UP = frozenset(("context", "summaries"))
"""Fields that such a chain fills with what it has looked up."""


def filled_whole(
    holder: Value, shape: CallShape, talk: Value, site: Site
) -> tuple[Message, ...] | None:
    """The prompt of a chain that is given what its template is filled with, and what was said
    before (`talk`), where the template has a place for it in that; None where what it is given
    stands beside the template."""
    if holder.box is None or not templates(holder):
        return None
    empty = replace(shape, positional=(), keywords=())
    fields = open_fields(kept_messages(holder, empty))
    named = fields & fields_of(shape).keys()
    places = {name for name in fields if HISTORY & set(words_of(name))}
    more: list[tuple[str, ast.expr, Value]] = []
    left = fields - places - LOOKED_UP
    alone = given_alone(shape) if not named and len(left) == 1 else None
    more += [(name, *alone) for name in left if alone is not None]
    if not named and not more:
        return None
    heard = places - named if is_answer(talk) else set[str]()
    said = moved(Value(origins=talk.origins), "history")
    more += [(name, shape.node, said) for name in sorted(heard)]
    whole = kept_messages(holder, replace(shape, keywords=(*shape.keywords, *more)))
    return whole if heard else with_talk(talk, site, whole)


def given_alone(shape: CallShape) -> tuple[ast.expr, Value] | None:
    """The one text that a chain is given, perhaps as its `query`, as it is written; None where it
    isn't one."""
    is_run = shape.verb in ALONE or is_called(shape)
    if not is_run or not shape.positional:
        return None
    source, value = shape.positional[0]
    fields = value.box.fields if value.box is not None else {}
    if value.box is None:
        return source, value
    asked = fields.get(QUERY) if len(fields) == 1 else None
    return (asked.source or source, asked) if asked is not None else None


def open_fields(messages: tuple[Message, ...]) -> set[str]:
    """The names of the fields of a template that nothing fills."""
    pieces = [piece for _, value in messages for piece in value.pieces or ()]
    left = [one.source for one in pieces if isinstance(one, Hole) and is_open_field(one)]
    return {name for name in left if isinstance(name, str)}
