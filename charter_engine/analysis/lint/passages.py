"""Where strings stand in a source, so that one can be rewritten and the rest left as it is."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from charter_engine.analysis.lint.subject import shared_tree
from charter_engine.parser.source.reading import parse
from charter_engine.parser.source.symbols import walk
from charter_engine.parser.source.syntax import last_name

NO_NAMES = frozenset(("value", "kind", "type_comment"))
"""Fields of nodes that hold texts which are no names."""
BLANK_LINE = {True: re.compile(r"(\n[ \t]*\n\s*)"), False: re.compile(r"((?:\\n){2,})")}
"""What separates paragraphs, in a string of several lines and in one of one line."""


class Passage(NamedTuple):
    """Where the text of an expression begins and ends."""

    start: int
    end: int


@lru_cache(maxsize=1)
def prompt_strings(path: str, source: str) -> list[Passage]:
    """The strings of several paragraphs of a source that a prompt may stand in, the last first:
    f-strings, and templates that are used once. Raises `Unreadable`."""
    nodes = walk(tree_of(path, source))
    return placed(source, [*formatted_strings(nodes), *templates_used_once(nodes)])


def tree_of(path: str, source: str) -> ast.Module:
    """The tree of a source, also of one that is written for a newer Python. Raises `Unreadable`."""
    try:
        return shared_tree(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return parse(path, source)


def formatted_strings(nodes: Iterable[ast.AST]) -> list[ast.expr]:
    """The f-strings among the nodes of a source, without those that stand in another's fields."""
    found = [node for node in nodes if type(node) is ast.JoinedStr]
    inside = {part for node in found for part in walk(node)[1:]}
    return [node for node in found if node not in inside]


def templates_used_once(nodes: Collection[ast.AST]) -> list[ast.expr]:
    """The texts of constants that are mentioned twice: where they are defined, and in one
    `.format`."""
    formatted = {
        last_name(node.value)
        for node in nodes
        if type(node) is ast.Attribute and node.attr == "format"
    }
    texts = {
        target.id: node.value
        for node in nodes
        if type(node) is ast.Assign
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in formatted
    }
    mentions = Counter(mentioned(nodes)) if texts else Counter[str]()
    return [text for name, text in texts.items() if mentions[name] == 2]


def mentioned(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every name that stands in nodes, as often as it does: of variables, attributes,
    parameters, imports and what is defined."""
    for node in nodes:
        for field, value in ast.iter_fields(node):
            if field not in NO_NAMES:
                names = value if isinstance(value, list) else [value]
                for name in names:
                    if isinstance(name, str):
                        yield from name.split(".")


def placed(source: str, nodes: list[ast.expr]) -> list[Passage]:
    """Where those of some strings of a source stand that have several paragraphs, the last first.
    Those are left out whose text is another's, as it may be in a source that was lowered to an
    older syntax."""
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(line: int, column: int) -> int:
        # Python counts columns in bytes.
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode(errors="ignore"))

    found = [
        Passage(
            offset(node.lineno, node.col_offset),
            offset(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )
        for node in nodes
    ]
    told = [
        passage
        for passage, node in zip(found, nodes, strict=True)
        if has_paragraphs(source[passage.start : passage.end])
        and says(source[passage.start : passage.end], node)
    ]
    return sorted(told, key=lambda passage: passage.start, reverse=True)


def has_paragraphs(text: str) -> bool:
    return any(pattern.search(text) for pattern in BLANK_LINE.values())


def says(text: str, node: ast.expr) -> bool:
    """Whether a text is that of an expression."""
    try:
        return ast.dump(ast.parse(f"({text})", mode="eval").body) == ast.dump(node)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
