"""Compact trees: what they keep of Python's own, and what they take less."""

import ast
import sys
from pathlib import Path

from charter_engine.parser.interpreting import expressions
from charter_engine.parser.source.compact import COMPACT, PLACE, compacted
from charter_engine.parser.source.reading import read_source

SOURCE = '''
"""A module."""
import os.path as path
from json import dumps

@cached(size=3)
async def ask(client, *parts: str, limit: int = 0x10, **rest) -> "Answer":
    global count
    count, (first, *others) = 1, parts
    async with client as open_one, other:
        try:
            text = f"{first!r:>{limit}} of {others[1:-1]}" + u"old" + b"x".decode()
        except (OSError, ValueError) as error:
            raise Failure from error
        else:
            pass
    match text:
        case {"role": str() as role, **more} if role:
            return await client.create(*parts, model="m", **rest)
        case [1, None, *_] | Point(x=0):
            yield lambda one, /, *, two=2: one if two else -one
    return [x async for x in parts if not x and limit < len(x) <= 3 or {1, 2} - {**rest}]
'''


def test_a_compact_tree_says_the_same() -> None:
    whole, compact = ast.parse(SOURCE), compacted(ast.parse(SOURCE))
    assert ast.unparse(compact) == ast.unparse(whole)


def test_its_nodes_are_of_the_same_kinds_and_stand_in_the_same_places() -> None:
    pairs = zip(ast.walk(compacted(ast.parse(SOURCE))), ast.walk(ast.parse(SOURCE)), strict=True)
    for compact, node in pairs:
        assert isinstance(compact, type(node))
        for name in ("lineno", "col_offset", "end_lineno"):
            assert getattr(compact, name, None) == getattr(node, name, None)


def test_an_attribute_that_is_looked_up_by_a_text_is_one_like_any_other() -> None:
    looked_up = ast.parse('getattr(getattr(client, "messages"), "create")(text)')
    assert ast.unparse(compacted(looked_up)) == "client.messages.create(text)"


def test_one_that_may_be_missing_or_has_no_name_in_the_source_is_looked_up() -> None:
    for written in ("getattr(client, 'create', None)", "getattr(client, name)", "getattr(*parts)"):
        assert ast.unparse(compacted(ast.parse(written))) == written


def test_no_node_keeps_a_dict() -> None:
    held = [vars(node) for node in ast.walk(compacted(ast.parse(SOURCE))) if type(node)._fields]
    assert held
    assert not any(held)


def test_what_is_held_of_a_node_is_given_to_the_fields_of_that_name() -> None:
    """A kind's fields are those it has slots for: from Python 3.12 on type parameters stand behind
    the type comment, which is left out."""
    for kind in COMPACT.values():
        places = PLACE if kind.is_placed else ()
        assert (*kind.made._fields, *places) == vars(kind.made)["__slots__"]


def test_what_is_read_is_compact() -> None:
    tree = read_source("agent.py", SOURCE).tree
    assert type(tree) is COMPACT[ast.Module].made


def test_a_compact_tree_takes_less_than_half_the_memory() -> None:
    source = Path(expressions.__file__).read_text()
    assert size_of(compacted(ast.parse(source))) < size_of(ast.parse(source)) / 2


def test_a_tree_may_be_deeper_than_python_recurses() -> None:
    deepest = sys.getrecursionlimit()
    whole = ast.parse("+".join(["a"] * deepest))
    assert isinstance(compacted(whole).body[0], ast.Expr)


def size_of(tree: ast.AST) -> int:
    """Bytes of the nodes of a tree and of the dicts that they keep their fields in."""
    nodes = list(ast.walk(tree))
    dicts = [vars(node) for node in nodes]
    return sum(map(sys.getsizeof, nodes)) + sum(sys.getsizeof(held) for held in dicts if held)
