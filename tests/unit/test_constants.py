"""Constants of conduct say why: what they bound, and where their value is from.

A constant of conduct is a number, or some of them, that somebody chose: a limit, a threshold, a
period, a size. Units, versions, places in a layout and what a kernel defines are none.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for package in ("charter_engine", "charter_tui") for path in (ROOT / package).rglob("*.py")
)

NAMES = re.compile(r"_?[A-Z][A-Z0-9_]+")
DEFINED_NAMES = re.compile(
    r"P95|_?(\w+_)?(VERSION|FORMAT|AT)"
    r"|(\w+_)?(MINUTE|HOUR|DAY|HOUR_S|HOUR_SECONDS|DAY_SECONDS|SECONDS_PER_DAY)"
    r"|MILLISECONDS|NANOSECONDS|MILLIWATTS|MEBIBYTE|GIBIBYTE|BYTES_PER_KIB|HERTZ_PER_MHZ|PER_CENT"
)
"""Units, percentiles, versions, and places in what is laid out."""

DEFINED_MODULES = {
    "charter_engine/embedded/hidden_arguments.py": "requests of ptrace",
    "charter_engine/embedded/private_files.py": "the kernel's numbers for a seccomp filter",
    "charter_engine/kvcache/predict/compiled/layout.py": "places of fields in arrays",
}

NUMBERS = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Tuple, ast.List, ast.Name)
"""What an expression of numbers is made of, besides them."""


def is_number(value: ast.expr) -> bool:
    """Whether an expression is of numbers written down, and of constants at most beside them."""
    parts = [part for part in ast.walk(value) if not isinstance(part, ast.expr_context)]
    constants = [part for part in parts if isinstance(part, ast.Constant)]
    return (
        bool(constants)
        and all(type(part.value) in (int, float) for part in constants)
        and all(isinstance(part, (ast.Constant, *NUMBERS)) for part in parts)
    )


def named(statement: ast.stmt) -> str:
    """The first name of a constant of numbers that a statement defines; empty where it is none."""
    if isinstance(statement, ast.Assign):
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return ""
    first = target.elts[0] if isinstance(target, ast.Tuple) else target
    if statement.value is None or not isinstance(first, ast.Name):
        return ""
    return first.id if NAMES.fullmatch(first.id) and is_number(statement.value) else ""


def is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def unexplained(source: str) -> Iterator[str]:
    """The constants of a module under which no text stands, nor under one that follows at once: one
    text may speak for several that belong together."""
    waiting: list[str] = []
    end = 0
    for statement in [*ast.parse(source).body, ast.Pass(lineno=0)]:
        name = named(statement)
        if is_text(statement):
            waiting = []
        elif not name or statement.lineno > end + 1:
            yield from waiting
            waiting = []
        if name and not DEFINED_NAMES.fullmatch(name):
            waiting.append(name)
        end = statement.end_lineno or 0


def test_every_constant_of_conduct_says_why() -> None:
    places = (
        f"{name}: {constant}"
        for path in SOURCES
        if (name := path.relative_to(ROOT).as_posix()) not in DEFINED_MODULES
        for constant in unexplained(path.read_text(encoding="utf-8"))
    )
    assert list(places) == []


def test_what_is_left_out_is_there() -> None:
    assert all((ROOT / name).is_file() for name in DEFINED_MODULES)


def test_a_number_without_a_text_is_found() -> None:
    source = '''
LIMIT = 1 << 20

LEAST, MOST = 1, 9
"""Assumed."""
SECONDS: Final = 5.0
PAUSE_SECONDS = 2 * SECONDS
"""Assumed."""
MOST_NAMED = 3
names = {"a": 1}
FILE_VERSION = 2
'''
    assert list(unexplained(source)) == ["LIMIT", "MOST_NAMED"]
