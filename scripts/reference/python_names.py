"""The page of the public Python names: what their sources say."""

import ast
import inspect
import textwrap
from collections.abc import Iterator

import charter_engine
from scripts.reference.tables import code

WIDTH = 88


def python_page() -> str:
    """Every public name with its parameters and its docstring."""
    names = [name for name in charter_engine.__all__ if not name.endswith("_async")]
    return "".join(
        (
            "# The Python API\n\n",
            "`import charter_engine as charter`. [Charter from Python](../api.md) shows it at "
            "work. Functions and methods marked † have an asynchronous form, whose name ends in "
            "`_async`.\n\n",
            *(part for name in names for part in _section(name)),
        )
    )


def _section(name: str) -> Iterator[str]:
    named = getattr(charter_engine, name)
    if inspect.isclass(named):
        yield f"## {name}\n\n"
        yield f"{_docstring(named)}\n\n"
        for member, value in vars(named).items():
            if not member.startswith("_") and not member.endswith("_async"):
                yield from _member(named, member, value)
        return
    mark = " †" if f"{name}_async" in charter_engine.__all__ else ""
    yield f"## {name}{mark}\n\n"
    yield from _function(named, name)


def _member(owner: type, name: str, value: object) -> Iterator[str]:
    if isinstance(value, property):
        yield f"### {owner.__name__}.{name}\n\n"
        yield f"{_docstring(value)}\n\n"
    elif inspect.isfunction(value):
        mark = " †" if hasattr(owner, f"{name}_async") else ""
        yield f"### {owner.__name__}.{name}{mark}\n\n"
        yield from _function(value, name)


def _function(function: object, name: str) -> Iterator[str]:
    yield f"```text\n{_signature(function, name)}\n```\n\n"
    yield f"{_docstring(function)}\n\n"


def _signature(function: object, name: str) -> str:
    """A function's parameters as its source has them, one a line where they are many."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))  # type: ignore[arg-type]
    (made,) = ast.parse(source).body
    assert isinstance(made, ast.FunctionDef | ast.AsyncFunctionDef)
    made.args.args = [argument for argument in made.args.args if argument.arg != "self"]
    gives = f" -> {ast.unparse(made.returns)}" if made.returns else ""
    whole = f"{name}({ast.unparse(made.args)}){gives}"
    if len(whole) <= WIDTH:
        return whole
    return f"{name}(\n    {_one_a_line(made.args)}\n){gives}"


def _one_a_line(arguments: ast.arguments) -> str:
    """Parameters cut at the commas that part them."""
    given = [_parameter(*pair) for pair in _with_defaults(arguments)]
    if arguments.vararg:
        given.append(f"*{_annotated(arguments.vararg)}")
    elif arguments.kwonlyargs:
        given.append("*")
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    given += [_parameter(*pair) for pair in pairs]
    return ",\n    ".join(given)


def _with_defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    placed = [*arguments.posonlyargs, *arguments.args]
    without = len(placed) - len(arguments.defaults)
    yield from ((argument, None) for argument in placed[:without])
    yield from zip(placed[without:], arguments.defaults, strict=True)


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    return _annotated(argument) + (f" = {ast.unparse(default)}" if default else "")


def _annotated(argument: ast.arg) -> str:
    if argument.annotation is None:
        return argument.arg
    kind = argument.annotation
    quoted = isinstance(kind, ast.Constant) and isinstance(kind.value, str)
    return f"{argument.arg}: {kind.value if quoted else ast.unparse(kind)}"  # type: ignore[attr-defined]


def _docstring(named: object) -> str:
    return inspect.getdoc(named) or code("no words")
