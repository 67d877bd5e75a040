"""Answers that a loop stores in the members of a list of which nothing else is known:
`for item in items: item["score"] = scores[item["url"]]`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import walk
from charter_engine.parser.values.annotated_members import members_by_name
from charter_engine.parser.values.values import Box, Value, is_answer


def keep_stored(frame: Frame, node: ast.For | ast.AsyncFor) -> None:
    """Let a list that a loop went through hold the records in which it has stored answers, and so
    the lists that it is a part of."""
    for member, held in members_by_name(node.target, node.iter):
        record = frame.names.get(member)
        if record is None or record.box is None or not is_answer(record):
            continue
        if is_made_anew(member, node.body):
            continue
        for name in (held, *taken_from(frame, held)):
            whole = frame.names.get(name)
            if whole is not None and is_open(whole):
                frame.names[name] = replace(whole, box=Box("list", rest=record))


def is_made_anew(name: str, body: list[ast.stmt]) -> bool:
    """Whether a loop lets the name of a member stand for something else."""
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)
        for statement in body
        for node in ast.walk(statement)
    )


def is_open(value: Value) -> bool:
    """Whether nothing is known of what a list holds."""
    has_members = value.box is not None and bool(value.box.members())
    return not (has_members or value.types or value.pieces is not None)


def taken_from(frame: Frame, name: str) -> Iterator[str]:
    """The names of the lists of which one is the whole or a part: `first = ranked[:10]`,
    `ranked = sorted(items)`."""
    seen = {name}
    while frame.function is not None and name:
        name = next((one for one in sources_of(frame, name) if one not in seen), "")
        seen.add(name)
        yield from (name,) if name else ()


def sources_of(frame: Frame, name: str) -> Iterator[str]:
    """The names that stand for what a function takes a list from."""
    assert frame.function is not None
    for node in walk(frame.function.node):
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            yield from (held for _, held in members_by_name(ast.Name(""), node.value))
