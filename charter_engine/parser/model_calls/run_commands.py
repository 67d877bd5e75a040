"""Models that are asked by a command: `subprocess.run(["ollama", "run", model, prompt])`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, dotted_name, walk
from charter_engine.parser.values.values import External, Value

if TYPE_CHECKING:
    from charter_engine.parser.model_calls.recognise import CallShape

STARTING = frozenset("run check_output Popen create_subprocess_exec".split())
"""Functions of `subprocess` and `asyncio` that run a command."""

PRINTING = frozenset("-p --print --prompt -q --query".split())
"""Options by which assistants answer what stands behind them and end."""

ASKING = {
    "claude": "",
    "codex": "exec",
    "gemini": "",
    "llm": "",
    "ollama": "run",
    "opencode": "run",
}
"""Commands that ask a model, with the first word behind them, where they have one."""

NAMING_A_MODEL = frozenset(("ollama",))
"""Commands whose first argument is a model's name."""


def as_asked(shape: CallShape) -> CallShape:
    """The start of a command that asks a model as a call of that, with its prompt; any other call
    as it is."""
    kinds = [kind.dotted for kind in shape.callee if isinstance(kind, External)]
    if not any(kind.partition(".")[0] in MODULES for kind in kinds):
        return shape
    given = [value for _, value in shape.positional]
    first = given[0].box if given else None
    words = [item.value for item in first.items] if first is not None else given
    name = written(words[0]) if words else ""
    rest = words[1:]
    if name not in ASKING or (ASKING[name] and (not rest or written(rest[0]) != ASKING[name])):
        return shape
    told = prompt_of(name, rest[1:] if ASKING[name] else rest)
    told = next((value for key, _, value in shape.keywords if key == "input"), told)
    if told is None:
        return shape
    asked = frozenset((External(f"{COMMAND}.{name}"),))
    return replace(shape, callee=asked, positional=(), keywords=(("prompt", shape.node, told),))


def may_run_one(function: FunctionDefinition) -> bool:
    """Whether a function names such a command and runs one."""
    imports = function.module.imports
    runs = any(is_of_python(call, imports) for call in calls_named(function, STARTING))
    return runs and any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in ASKING
        for node in walk(function.node)
    )


def is_of_python(call: ast.Call, imports: Mapping[str, str]) -> bool:
    first = dotted_name(call.func).partition(".")[0]
    return imports.get(first, "").partition(".")[0] in MODULES


MODULES = ("subprocess", "asyncio")

COMMAND = "command"
"""Under this name the catalogue has the commands that ask."""


def prompt_of(name: str, arguments: list[Value]) -> Value | None:
    """The prompt among a command's arguments; None where it has none."""
    printed = [at for at, value in enumerate(arguments) if written(value) in PRINTING]
    if printed:
        return arguments[printed[0] + 1] if len(arguments) > printed[0] + 1 else None
    if name in ("claude", "gemini"):
        return None
    placed = [value for value in arguments if not written(value).startswith("-")]
    behind = placed[1:] if name in NAMING_A_MODEL else placed
    return behind[-1] if behind else None


def written(value: Value) -> str:
    return value.static_text() or ""
