"""Questions about pieces of syntax that need no interpreting."""

from __future__ import annotations

import ast

from charter_engine.parser.core import Frame
from charter_engine.parser.sites import first_name


def annotation_names(frame: Frame, node: ast.expr) -> list[tuple[str, str]]:
    """Names in an annotation (through Optional, |, quotes), each with what its import makes of it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        names = [part.strip() for part in node.value.replace("Optional[", "").replace("]", "").split("|")]
        return [(name, frame.module.imports.get(name, "")) for name in names if name.replace(".", "").isidentifier()]
    if isinstance(node, ast.Name):
        return [(node.id, frame.module.imports.get(node.id, ""))]
    if isinstance(node, ast.Attribute):
        text = ast.unparse(node)
        first, _, rest = text.partition(".")
        return [(text, f"{frame.module.imports.get(first, first)}.{rest}")]
    if isinstance(node, ast.BinOp):
        return annotation_names(frame, node.left) + annotation_names(frame, node.right)
    if isinstance(node, ast.Subscript) and first_name(node.value) in (
        "Optional",
        "Union",
        "Annotated",
        "Final",
        "ClassVar",
        "Required",
    ):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [name for part in parts for name in annotation_names(frame, part)]
    return []


def pattern_names(pattern: ast.pattern) -> list[str]:
    return [name for node in ast.walk(pattern) if isinstance(name := getattr(node, "name", None), str)]


def leaves_at_once(body: list[ast.stmt]) -> bool:
    """Whether a loop's body ends the loop unless something fails: the loop of a retry."""
    for statement in body:
        if isinstance(statement, ast.Return | ast.Break):
            return True
        if isinstance(statement, ast.Try | ast.With | ast.AsyncWith):
            inner = statement.body + (statement.orelse if isinstance(statement, ast.Try) else [])
            if leaves_at_once(inner):
                return True
    return False


def has_break(body: list[ast.stmt]) -> bool:
    return any(isinstance(node, ast.Break) for statement in body for node in ast.walk(statement))
