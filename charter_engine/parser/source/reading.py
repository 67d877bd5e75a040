"""Bytes → syntax tree: encodings, notebooks, and clear words where a file can't be read.

The tree is Python's own `ast`. LibCST parses some ten times slower and its positions cost twice
that again, while the analysis needs no whitespace; LibCST is used where the text must survive, for
source fixes, and to lower syntax newer than the running Python.
"""

from __future__ import annotations

import ast
import io
import json
import tokenize
import warnings
from dataclasses import dataclass

from charter_engine.contracts.graph import Diagnostic
from charter_engine.parser.source.compact import compacted
from charter_engine.parser.source.lowering import lowered

MAX_BYTES = 8 * 1024 * 1024
"""A larger file is generated data, not an agent."""


@dataclass(frozen=True, slots=True)
class ReadSource:
    """A file's compact tree. Lines count from 1; of a notebook, over its code cells one after the
    other."""

    path: str
    tree: ast.Module


class Unreadable(Exception):
    """A file that can't be compiled; `diagnostic` says where and why."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def read_source(path: str, source: str | bytes) -> ReadSource:
    """Decode and parse one file. Raises `Unreadable` with the place and the remedy."""
    text = source_text(path, source)
    return ReadSource(path, compacted(parse(path, text)))


def source_text(path: str, source: str | bytes) -> str:
    """The text of one file, of a notebook that of its code. Raises `Unreadable`."""
    if len(source) > MAX_BYTES:
        raise refuse(
            path,
            f"The file has {len(source)} bytes; more than {MAX_BYTES} is not compiled.",
            "Leave generated data files out.",
        )
    text = decode(path, source) if isinstance(source, bytes) else source.removeprefix("\ufeff")
    if path.endswith(".ipynb"):
        text = notebook_code(path, text)
    if "\0" in text:
        line, column = place_of(text, text.index("\0"))
        raise refuse(
            path,
            "The file holds a null byte: it is binary, or was cut or written over.",
            "Restore the file.",
            line,
            column,
        )
    return text


def refuse(path: str, message: str, remedy: str, line: int = 0, column: int = 0) -> Unreadable:
    return Unreadable(
        Diagnostic(path=path, message=message, remedy=remedy, line=line, column=column)
    )


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, from 1, of a character."""
    line = text.count("\n", 0, offset) + 1
    return line, offset - (text.rfind("\n", 0, offset) + 1) + 1


def decode(path: str, source: bytes) -> str:
    """Text by the file's byte order mark or coding line, else UTF-8 (PEP 263). Line ends become
    `\\n`."""
    if source.startswith((b"\xff\xfe", b"\xfe\xff")):
        return decode_as(path, source, "utf-16")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        raise refuse(
            path, f"The file's encoding can't be told: {error.msg}.", "Save it as UTF-8.", 1, 1
        ) from None
    return decode_as(path, source, encoding)


def decode_as(path: str, source: bytes, encoding: str) -> str:
    try:
        text = source.decode(encoding)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        column = error.start - (source.rfind(b"\n", 0, error.start) + 1) + 1
        raise refuse(
            path,
            f"Not {encoding}: byte 0x{source[error.start]:02x}.",
            "Save it as UTF-8, or name its encoding in the first line.",
            line,
            column,
        ) from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def notebook_code(path: str, text: str) -> str:
    """The code cells of a notebook, one after the other; magics and shell lines become empty
    statements."""
    try:
        cells = json.loads(text)["cells"]
        codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except json.JSONDecodeError as error:
        raise refuse(
            path,
            f"Not a notebook: {error.msg}.",
            "Save it again with Jupyter.",
            error.lineno,
            error.colno,
        ) from None
    except (KeyError, TypeError, RecursionError):
        raise refuse(
            path,
            "Not a notebook of format 4: it has no list of cells.",
            "Convert it with `jupyter nbconvert`.",
        ) from None
    return "\n".join(without_magics(code) for code in codes) + "\n"


def without_magics(code: str) -> str:
    if code.lstrip().startswith("%%"):
        return "\n" * code.count("\n")
    lines = code.split("\n")
    return "\n".join(
        blanked(line) if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines
    )


def blanked(line: str) -> str:
    return line[: len(line) - len(line.lstrip())] + "pass"


def parse(path: str, text: str) -> ast.Module:
    try:
        return parse_quietly(text)
    except SyntaxError as error:
        newer = parse_newer(text)
        if isinstance(newer, ast.Module):
            return newer
        problem = newer or error
    except (RecursionError, MemoryError):
        raise refuse(
            path, "Expressions are nested too deeply to be parsed.", "Split the expression."
        ) from None
    except ValueError as error:
        raise refuse(path, f"Not Python source: {error}.", "Restore the file.") from None
    raise refuse(
        path,
        f"Syntax error: {problem.msg}.",
        remedy_for(problem, text),
        problem.lineno or 0,
        problem.offset or 0,
    ) from None


def parse_quietly(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def parse_newer(text: str) -> ast.Module | SyntaxError | None:
    """The tree of a source that is written for a newer Python, or what else is wrong with it; None
    where that isn't why it can't be parsed."""
    lower = lowered(text)
    try:
        return parse_quietly(lower) if lower is not None else None
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        return None


def remedy_for(error: SyntaxError, text: str) -> str:
    line = text.split("\n")[(error.lineno or 1) - 1].strip() if text else ""
    if line.startswith(("print ", "exec ", "raise ", "except ")) or "parentheses" in error.msg:
        return "This is Python 2: convert it with 2to3."
    return "Correct the source, or compile it with the Python version it was written for."
