"""Copies in which some fields are others: `replace(state, plan=…)`, `state.model_copy(update={…})`,
`state | {…}`, `dict(state, plan=…)`."""

from __future__ import annotations

from msgspec.structs import replace

from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.containers import copied
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.values import UNKNOWN, Box, External, Value

COPYING = frozenset(
    "dataclasses.replace attrs.evolve attr.evolve msgspec.structs.replace copy.replace".split()
)
COPIED_WITH = frozenset(("model_copy", "copy"))
"""Methods that take the other fields as `update`."""

METHODS = COPIED_WITH | {"_replace"}


def changed_copy(receiver: Value, shape: CallShape) -> Value | None:
    """What a call copies with other fields; None where that is no record, or nothing is copied."""
    base = copied_by(receiver, shape)
    if base is None or base.box is None or base.box.kind not in ("dict", "object"):
        return None
    given = {name: value for name, _, value in shape.keywords if name != "**"}
    if shape.verb in COPIED_WITH:
        update = given.get("update", UNKNOWN).box
        return with_fields(base, update) if update is not None else None
    return with_fields(base, Box("dict", fields=given)) if given else None


def copied_by(receiver: Value, shape: CallShape) -> Value | None:
    """What a call copies: of an object of which nothing is known, one that holds nothing as yet."""
    if shape.verb in METHODS and not any(made_in(receiver)):
        return receiver if receiver.box is not None else replace(receiver, box=Box("object"))
    if not shape.positional or not (shape.callee or shape.path == ("dict",)):
        return None
    first = shape.positional[0][1]
    is_copying = External in map(type, shape.callee) and any(
        isinstance(kind, External) and kind.dotted in COPYING for kind in shape.callee
    )
    return first if is_copying or shape.path == ("dict",) else None


def with_fields(base: Value, update: Box) -> Value:
    """A value with the fields of another in place of its own."""
    assert base.box is not None
    rest = base.box.rest
    if update.rest is not None:
        rest = join(rest, update.rest) if rest is not None else update.rest
    box = Box(base.box.kind, copied(base.box), base.box.fields | update.fields, rest)
    return replace(base, box=box)


def is_plain_dict(value: Value) -> bool:
    """Whether a value is a dict and nothing else."""
    return value.box is not None and value.box.kind == "dict" and not value.types
