"""Syntax newer than the running Python, written so that it parses: generics (PEP 695) and free
f-strings (PEP 701).

LibCST reads every version's syntax. What it makes of the source keeps each line where it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst

NEWER = re.compile(
    r"^\s*(?:(?:async\s+)?def|class)\s+\w+\s*\[|^\s*type\s+\w+.*=|\b[rR]?[fF][rR]?[\"']",
    re.MULTILINE,
)
STRINGS = re.compile(
    r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\''
)

LONGEST = 4_000
DEEPEST = 100
WIDEST = 500
"""Code beyond these isn't given to LibCST, whose parser is recursive and ends the process where the
stack does: in characters of a line or of what stands between two brackets, in open brackets, and in
brackets on one line."""


def lowered(text: str) -> str | None:
    """The source in syntax that Python 3.11 knows, line by line; None where nothing newer is the
    trouble."""
    if NEWER.search(text) is None or not is_shallow(text):
        return None
    import libcst

    try:
        return libcst.parse_module(text).visit(lowering()).code
    except (libcst.ParserSyntaxError, RecursionError):
        return None


def is_shallow(text: str) -> bool:
    """Whether lines, and what stands between a bracket and its partner, are of a length and depth
    that code has."""
    if any(
        len(line) > LONGEST or sum(map(line.count, "([{")) > WIDEST for line in text.split("\n")
    ):
        return False
    depth = length = 0
    for line in STRINGS.sub('""', text).replace("\\\n", "").split("\n"):
        length = len(line) if depth == 0 else length + len(line)
        for character in line:
            depth += (character in "([{") - (character in ")]}")
            if depth > DEEPEST or length > LONGEST:
                return False
        depth = max(depth, 0)
    return True


def lowering() -> libcst.CSTTransformer:
    """The transformation, made here because LibCST takes long to import."""
    import libcst

    class Lowering(libcst.CSTTransformer):
        fields = 0

        def leave_FunctionDef(
            self, original_node: libcst.FunctionDef, updated_node: libcst.FunctionDef
        ) -> libcst.FunctionDef:
            return updated_node.with_changes(type_parameters=None)

        def leave_ClassDef(
            self, original_node: libcst.ClassDef, updated_node: libcst.ClassDef
        ) -> libcst.ClassDef:
            return updated_node.with_changes(type_parameters=None)

        def leave_TypeAlias(
            self, original_node: libcst.TypeAlias, updated_node: libcst.TypeAlias
        ) -> libcst.Assign:
            return libcst.Assign([libcst.AssignTarget(updated_node.name)], updated_node.value)

        def visit_FormattedStringExpression(self, node: libcst.FormattedStringExpression) -> None:
            self.fields += 1

        def leave_FormattedStringExpression(
            self,
            original_node: libcst.FormattedStringExpression,
            updated_node: libcst.FormattedStringExpression,
        ) -> libcst.FormattedStringExpression:
            self.fields -= 1
            return updated_node

        def leave_SimpleString(
            self, original_node: libcst.SimpleString, updated_node: libcst.SimpleString
        ) -> libcst.BaseExpression:
            value = updated_node.evaluated_value
            if not self.fields or "\\" not in updated_node.value or not isinstance(value, str):
                return updated_node
            characters = [f"chr({ord(character)})" for character in value]
            return libcst.parse_expression(f"({' + '.join(characters)})")

        def leave_FormattedString(
            self, original_node: libcst.FormattedString, updated_node: libcst.FormattedString
        ) -> libcst.FormattedString:
            return requoted(updated_node)

    return Lowering()


def requoted(node: libcst.FormattedString) -> libcst.FormattedString:
    """An f-string in quotes that stand nowhere else in it; as it was where all are in use."""
    import libcst

    code = libcst.Module([]).code_for_node
    texts = [code(part) for part in node.parts if isinstance(part, libcst.FormattedStringText)]
    fields = "".join(
        code(part) for part in node.parts if isinstance(part, libcst.FormattedStringExpression)
    )
    if node.end not in fields and ("\n" not in fields or len(node.end) == 3):
        return node
    for quotes in ('"""', "'''"):
        ends_with_it = bool(texts) and code(node.parts[-1]).endswith(quotes[0])
        if quotes not in fields and quotes not in "".join(texts) and not ends_with_it:
            return node.with_changes(start=node.start.rstrip("\"'") + quotes, end=quotes)
    return node
