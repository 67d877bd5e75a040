"""Syntax newer than the running Python, written so that it parses: generics (PEP 695), free
f-strings (PEP 701), template strings (PEP 750) and bare tuples after `except` (PEP 758).

LibCST reads every version's syntax. What it makes of the source keeps each line where it was.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import libcst

NEWER = re.compile(
    r"^\s*(?:(?:async\s+)?def|class)\s+\w+\s*\[|^\s*type\s+\w+.*="
    r"|\b[rR]?[fFtT][rR]?[\"']|^\s*except\b[^(:]*,",
    re.MULTILINE,
)
NO_CODE = re.compile(
    r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|#[^\n]*'
)
"""Strings and comments, whose brackets open and close nothing."""

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
    for line in NO_CODE.sub('""', text).replace("\\\n", "").split("\n"):
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
            return libcst.parse_expression(spelled(value))

        def leave_TemplatedString(
            self, original_node: libcst.TemplatedString, updated_node: libcst.TemplatedString
        ) -> libcst.FormattedString:
            return requoted(formatted(updated_node))

        def leave_ExceptHandler(
            self, original_node: libcst.ExceptHandler, updated_node: libcst.ExceptHandler
        ) -> libcst.ExceptHandler:
            return bracketed(updated_node)

        def leave_ExceptStarHandler(
            self, original_node: libcst.ExceptStarHandler, updated_node: libcst.ExceptStarHandler
        ) -> libcst.ExceptStarHandler:
            return bracketed(updated_node)

        def leave_FormattedString(
            self, original_node: libcst.FormattedString, updated_node: libcst.FormattedString
        ) -> libcst.FormattedString:
            return requoted(unescaped(updated_node) if self.fields else updated_node)

    return Lowering()


def spelled(text: str) -> str:
    """A text as an expression without backslashes and quotes."""
    return f"({' + '.join(f'chr({ord(character)})' for character in text)})"


def unescaped(node: libcst.FormattedString) -> libcst.FormattedString:
    """An f-string in a field of another, with its texts that hold a backslash spelled out."""
    import libcst

    parts: list[libcst.BaseFormattedStringContent] = []
    for part in node.parts:
        if not isinstance(part, libcst.FormattedStringText) or "\\" not in part.value:
            parts.append(part)
            continue
        text = evaluated(part.value, node)
        if text is None:
            return node
        parts.append(libcst.FormattedStringExpression(libcst.parse_expression(spelled(text))))
    return node.with_changes(parts=parts)


def evaluated(text: str, node: libcst.FormattedString) -> str | None:
    """What a text of an f-string says; None where that can't be told."""
    if "r" in node.prefix.lower():
        return None
    try:
        value = ast.literal_eval(f"{node.quote}{text}{node.quote}")
    except (SyntaxError, ValueError):
        return None
    return value.replace("{{", "{").replace("}}", "}") if isinstance(value, str) else None


def formatted(node: libcst.TemplatedString) -> libcst.FormattedString:
    """A template string as an f-string of the same parts."""
    import libcst

    start = node.start.replace("t", "f").replace("T", "f")
    return libcst.FormattedString(
        formatted_parts(node.parts), start=start, end=node.end, lpar=node.lpar, rpar=node.rpar
    )


def formatted_parts(
    parts: Sequence[libcst.BaseTemplatedStringContent],
) -> list[libcst.BaseFormattedStringContent]:
    import libcst

    found: list[libcst.BaseFormattedStringContent] = []
    for part in parts:
        if isinstance(part, libcst.TemplatedStringText):
            found.append(libcst.FormattedStringText(part.value))
        elif isinstance(part, libcst.TemplatedStringExpression):
            spec = formatted_parts(part.format_spec) if part.format_spec is not None else None
            found.append(
                libcst.FormattedStringExpression(
                    part.expression, conversion=part.conversion, format_spec=spec
                )
            )
    return found


Handler = TypeVar("Handler", "libcst.ExceptHandler", "libcst.ExceptStarHandler")


def bracketed(node: Handler) -> Handler:
    """A handler of several exceptions with brackets around them.

    What ends with a bare lower-case name is Python 2's way to name the exception, and stays.
    """
    import libcst

    if not isinstance(node.type, libcst.Tuple) or node.type.lpar:
        return node
    last = node.type.elements[-1].value
    if isinstance(last, libcst.Name) and last.value[:1].islower():
        return node
    inside = node.type.with_changes(lpar=[libcst.LeftParen()], rpar=[libcst.RightParen()])
    return node.with_changes(type=inside)


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
