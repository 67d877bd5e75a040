"""Syntax trees in a third of the memory.

A node of Python's own keeps what it holds in a dict of some 270 bytes. A compact node is one of the
same kind, to `isinstance`, `ast.walk` and `ast.unparse`, that has slots instead. It leaves out the
column where it ends, and type comments, which are never parsed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

Known = TypeVar("Known")

PLACE = ("lineno", "col_offset", "end_lineno")
LEAVES = (ast.Name, ast.Constant, ast.alias, ast.Global, ast.Nonlocal, ast.MatchSingleton)
"""Nodes that hold no others."""

PLAIN = frozenset(
    "id attr arg ctx op ops name asname module level simple conversion is_async rest kwd_attrs "
    "str type_comment type_ignores".split()
)
"""Fields that hold names, numbers and signs."""

EMPTY: list[ast.AST] = []
"""Stands for every empty list of a tree: nobody adds to one."""


class CompactKind(NamedTuple):
    """How nodes of a kind are made compact: `made` of what is `held`, in the order of its fields.
    `is_placed`: they have a line and column. `below` are the fields that may hold nodes."""

    made: type[ast.AST]
    held: Callable[[Any], tuple[Any, ...]]
    is_placed: bool
    below: tuple[str, ...]


def kinds_of_nodes(kind: type[ast.AST] = ast.AST) -> list[type[ast.AST]]:
    """The kinds of nodes that hold something or stand somewhere, without the older names of
    constants."""
    below = [] if kind is ast.Constant else kind.__subclasses__()
    found = [found for each in below for found in kinds_of_nodes(each)]
    return [*found, kind] if kind._fields or kind._attributes else found


def compact_kind(kind: type[ast.AST]) -> CompactKind:
    fields = tuple(name for name in kind._fields if name != "type_comment")
    is_placed = PLACE[0] in kind._attributes
    slots = (*fields, *PLACE) if is_placed else fields
    made = type(kind.__name__, (kind,), {"__slots__": slots, "_fields": fields})
    return CompactKind(made, reader(fields), is_placed, fields_below(kind))


def fields_below(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that may hold nodes worth looking into."""
    return () if kind in LEAVES else tuple(name for name in kind._fields if name not in PLAIN)


def reader(fields: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What reads the fields of a node."""
    if len(fields) > 1:
        return attrgetter(*fields)
    return lambda node: tuple([getattr(node, name) for name in fields])


COMPACT: dict[type, CompactKind] = {kind: compact_kind(kind) for kind in kinds_of_nodes()}
CALL = COMPACT[ast.Call]
ATTRIBUTE = COMPACT[ast.Attribute]


def of_kinds(*kinds: type[ast.AST]) -> frozenset[type]:
    """The types of nodes of some kinds, compact ones and Python's own."""
    return frozenset(by_kind(dict.fromkeys(kinds)))


def by_kind(known: Mapping[type[ast.AST], Known]) -> dict[type[ast.AST], Known]:
    """What is known of kinds of nodes, for compact nodes as well."""
    compact = {COMPACT[kind].made: told for kind, told in known.items() if kind in COMPACT}
    return {**known, **compact}


def compacted(tree: ast.Module) -> ast.Module:
    """The tree in compact nodes, which takes over the lists of the one given. An attribute that is
    looked up by a text is one like any other."""
    lines: dict[int, int] = {}
    pending: list[tuple[ast.AST, tuple[str, ...]]] = []
    whole: ast.Module = compact_node(tree, COMPACT[ast.Module], lines, pending)
    while pending:
        node, below = pending.pop()
        for name in below:
            held = getattr(node, name)
            if type(held) is not list:
                inner_kind = COMPACT.get(type(held))
                if inner_kind is not None:
                    setattr(node, name, compact_node(held, inner_kind, lines, pending))
            elif not held:
                setattr(node, name, EMPTY)
            else:
                for place, item in enumerate(held):
                    inner_kind = COMPACT.get(type(item))
                    if inner_kind is not None:
                        held[place] = compact_node(item, inner_kind, lines, pending)
    return whole


def compact_node(
    node: Any,
    kind: CompactKind,
    lines: dict[int, int],
    pending: list[tuple[ast.AST, tuple[str, ...]]],
) -> Any:
    """The compact one of a node, which is `pending` until what it holds is compact as well. All
    that stand on a line share the one number in `lines`."""
    if kind is CALL and (named := attribute_named(node)) is not None:
        node, kind = named, ATTRIBUTE
    compact: Any = kind.made(*kind.held(node))
    if kind.is_placed:
        line, end = node.lineno, node.end_lineno
        compact.lineno = lines.setdefault(line, line)
        compact.col_offset = node.col_offset
        compact.end_lineno = compact.lineno if end == line else lines.setdefault(end, end)
    if kind.below:
        pending.append((compact, kind.below))
    return compact


def attribute_named(node: ast.Call) -> ast.Attribute | None:
    """`client.messages` of `getattr(client, "messages")`; None of any other call."""
    if not isinstance(node.func, ast.Name) or node.func.id != "getattr" or node.keywords:
        return None
    match node.args:
        case [holder, ast.Constant(value=str(name))] if name.isidentifier():
            return ast.copy_location(ast.Attribute(holder, name, ast.Load()), node)
    return None
