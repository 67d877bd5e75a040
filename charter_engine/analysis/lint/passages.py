"""Where strings stand in a source, so that one can be rewritten and the rest left as it is."""

import ast
from collections import Counter
from collections.abc import Iterator

from msgspec import Struct

from charter_engine.parser.syntax import last_name

NO_NAMES = frozenset(("value", "kind", "type_comment"))
"""Fields of nodes that hold texts which are no names."""


class Passage(Struct, frozen=True):
    """An expression of a source: its tree, and where its text begins and ends."""

    node: ast.expr
    start: int
    end: int


def formatted_strings(tree: ast.Module) -> list[ast.expr]:
    """The f-strings of a source, without those that stand in another's fields."""
    found: list[ast.expr] = []
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.JoinedStr):
            found.append(node)
        else:
            pending += ast.iter_child_nodes(node)
    return found


def templates_used_once(tree: ast.Module) -> list[ast.expr]:
    """The texts of constants that are mentioned twice: where they are defined, and in one
    `.format`."""
    formatted = {
        last_name(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "format"
    }
    mentions = Counter(mentioned(tree)) if formatted else Counter[str]()
    once = {name for name in formatted if mentions[name] == 2}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and any(isinstance(target, ast.Name) and target.id in once for target in node.targets)
    ]


def mentioned(tree: ast.Module) -> Iterator[str]:
    """Every name that stands in a source, as often as it does: of variables, attributes,
    parameters, imports and what is defined."""
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if field not in NO_NAMES:
                names = value if isinstance(value, list) else [value]
                for name in names:
                    if isinstance(name, str):
                        yield from name.split(".")


def passages(source: str, nodes: list[ast.expr]) -> list[Passage]:
    """Where some expressions of a source stand, the last first."""
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(line: int, column: int) -> int:
        # Python counts columns in bytes. A line that was lowered to an older syntax may be longer.
        written = lines[line - 1].encode()[:column]
        return starts[line - 1] + len(written.decode(errors="ignore"))

    found = [
        Passage(
            node,
            offset(node.lineno, node.col_offset),
            offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )
        for node in nodes
    ]
    return sorted(found, key=lambda one: one.start, reverse=True)


def says(text: str, node: ast.expr) -> bool:
    """Whether a text is that of an expression; in a source that was lowered to an older syntax,
    another may stand in its place."""
    try:
        return ast.dump(ast.parse(f"({text})", mode="eval").body) == ast.dump(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
