"""Which way a program goes by whether a file is there: a prompt that it reads from its own folder,
or else from a text in the source."""

from __future__ import annotations

import ast
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.prompts.prompt_files import path_of
from charter_engine.parser.source.symbols import walk
from charter_engine.parser.source.syntax import last_name, outcome_of, parts_joined

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator

TESTS = frozenset("exists is_file isfile".split())
OPENING = frozenset("open read_text".split())
READING = OPENING | frozenset(
    "read load loads safe_load full_load strip rstrip join joinpath Path dirname abspath resolve "
    "get getLogger debug info print str".split()
)
"""What is called where a file is only read: nothing of it fails on a file that is there."""


class FileWays:
    """Settles tests for files, and attempts to read them, that are in the agent's own folder.

    What the program writes itself may not be there yet: of such files both ways are open.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.reading: dict[int, tuple[ast.expr, ...]] = {}
        self.asking: dict[int, bool] = {}

    def settled(self, frame: Frame, test: ast.expr) -> bool | None:
        """How a test comes out that asks whether files are there; None where that is open."""
        asks = self.asking.get(id(test))
        if asks is None:
            asks = self.asking[id(test)] = any(map(asks_for_file, parts_joined(test)))
        return outcome_of(test, partial(self.way, frame)) if asks else None

    def way(self, frame: Frame, test: ast.expr) -> bool | None:
        if not isinstance(test, ast.Call) or not asks_for_file(test):
            return None
        path = test.args[0] if test.args else getattr(test.func, "value", None)
        return True if path is not None and self.is_there(frame, path) else None

    def is_read(self, frame: Frame, body: list[ast.stmt]) -> bool:
        """Whether statements that were run only read files, all of which are there."""
        known = self.reading.get(id(body[0]))
        if known is None:
            known = self.reading[id(body[0])] = paths_read(body)
        return bool(known) and all(self.is_there(frame, path) for path in known)

    def is_there(self, frame: Frame, node: ast.expr) -> bool:
        value = self.evaluator.evaluate(frame, node)
        is_written = PurePath(path_of(value) or "").name in self.evaluator.written.written
        return not is_written and self.evaluator.files.read(frame.module, value) is not None


def asks_for_file(test: ast.expr) -> bool:
    """`path.exists()`, `os.path.isfile(path)`."""
    return isinstance(test, ast.Call) and last_name(test.func) in TESTS


def paths_read(body: list[ast.stmt]) -> tuple[ast.expr, ...]:
    """The paths of the files that statements read; none where they do anything else that may
    fail."""
    calls = [node for one in body for node in walk(one) if isinstance(node, ast.Call)]
    if any(last_name(call.func) not in READING for call in calls):
        return ()
    opened = (path_opened(call) for call in calls if last_name(call.func) in OPENING)
    return tuple(path for path in opened if path is not None)


def path_opened(call: ast.Call) -> ast.expr | None:
    """The path in `open(path)`, `io.open(path)`, `path.open()` or `path.read_text()`."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    is_method = owner is not None and last_name(owner) not in MODULES
    return owner if is_method else next(iter(call.args), None)


MODULES = frozenset("io codecs aiofiles anyio".split())
"""Modules of which `open` is a function."""
