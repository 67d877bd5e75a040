"""Pages of Streamlit's: each event of the user's (a button, a message) runs the page from its
beginning, so what is done at one event reaches what is done at another only in a later run."""

from __future__ import annotations

import ast

from charter_engine.parser.graphs.threads import assigned_in
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import Module, dotted_name
from charter_engine.parser.source.syntax import last_name

LIBRARY = "streamlit"

ENDING = frozenset("rerun experimental_rerun stop switch_page".split())
"""Functions that end the run of a page."""

EVENTS = frozenset("button form_submit_button chat_input".split())
"""Functions and methods that give something only in the run that the user starts by them."""


def ends_page(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression ends the run of a page: `st.rerun()`."""
    if not isinstance(node, ast.Call) or last_name(node.func) not in ENDING:
        return False
    return imported_by(frame.module, node.func).startswith(f"{LIBRARY}.")


def is_at_event(frame: Frame, test: object) -> bool:
    """Whether a test holds only in a run that the user starts by what it asks for:
    `if st.button("Go"):`, `if (text := st.chat_input()) and is_ready:`."""
    match test:
        case ast.BoolOp(op=ast.And(), values=parts):
            return any(is_at_event(frame, part) for part in parts)
        case ast.NamedExpr(value=value):
            return is_at_event(frame, value)
        case ast.Call(func=ast.Attribute(attr=name)) if name in EVENTS:
            return uses_pages(frame.module)
        case ast.Name(id=name) if uses_pages(frame.module):
            given = assigned_in(frame.function or frame.module).get(name, ())
            return len(given) == 1 and is_event(given[0])
    return False


def is_event(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and last_name(node.func) in EVENTS


def uses_pages(module: Module) -> bool:
    return LIBRARY in module.imports.values()


def imported_by(module: Module, node: ast.expr) -> str:
    """The whole name of what a dotted name leads to."""
    first, dot, rest = dotted_name(node).partition(".")
    return f"{module.imports.get(first, first)}{dot}{rest}"
