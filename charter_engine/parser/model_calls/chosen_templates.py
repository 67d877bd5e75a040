"""Prompts of a function's own that are written at hand on one way, and kept elsewhere on another:
`prompt = fill(config["prompt"], text=text) if config else f"Sum up: {text}"`."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeGuard

from charter_engine.parser.model_calls.findings import Site, Visit
from charter_engine.parser.model_calls.own_text import fills_text, written
from charter_engine.parser.prompts.filed_rules import names_text_file
from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, Module, nodes_of, walk
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.source.told_once import told_once
from charter_engine.parser.values.pieces import pieces_of
from charter_engine.parser.values.values import Hole


def chooses_template(definition: FunctionDefinition, visit: Visit, site: Site, least: int) -> bool:
    """Whether what a function asks with is, by the way that it takes, a text of its own of more
    than `least` characters or what somebody else's function or table gives; on no way it is its
    caller's."""
    asked = name_asked(visit)
    parameters = definition.parameters
    kept = {name: one for name, one in kept_in(definition).items() if name not in parameters}
    return any(
        is_own(ways, definition, least)
        for call in asking_calls(definition, visit, site)
        for name in names_behind(call, kept)
        for ways in [[way for value in kept[name] for way in ways_of(value)]]
        if name == asked or (is_choice(asked) and len(ways) > len(kept[name]))
    )


def fills_filed(definition: FunctionDefinition, visit: Visit, site: Site) -> bool:
    """Whether what a function asks with is made, on one way at least, of what it reads from a text
    file: `text = template or PROMPT_PATH.read_text()`; or of a template that it names, and of which
    nothing is told: `prompt = prompts.render("plan", goal=goal)`."""
    kept = kept_in(definition)
    asked = [value for role, value in visit.prompt if role != "system"]
    is_told = any(written(pieces_of(value)) for value in asked)
    return any(
        reads_text_file(way, definition.module) or (not is_told and fills_named(way))
        for call in asking_calls(definition, visit, site)
        for name in names_behind(call, kept)
        for value in kept[name]
        for way in ways_of(value)
    )


def reads_text_file(way: ast.expr, module: Module) -> bool:
    """Whether an expression reads a file that it names, or a constant of its module does."""
    if not isinstance(way, ast.Call) or not isinstance(way.func, ast.Attribute):
        return False
    if way.func.attr not in READING:
        return False
    holder = way.func.value
    named = holder.id if isinstance(holder, ast.Name) else ""
    kept = (node.value for node in module.tree.body if named and keeps(node, named))
    return any(map(names_text_file, (holder, *kept)))


def fills_named(way: ast.expr) -> bool:
    """Whether an expression fills a template by its name."""
    if not isinstance(way, ast.Call) or not way.args or not fills_text(way):
        return False
    name = way.args[0]
    return isinstance(name, ast.Constant) and isinstance(name.value, str) and bool(way.keywords)


READING = ("read_text", "read")
"""Methods of paths and open files that give the text."""


def asking_calls(definition: FunctionDefinition, visit: Visit, site: Site) -> list[ast.Call]:
    """The calls of a function that lead to a client's call, or that call itself."""
    entered = {function.name for function in visit.within}
    asking = calls_named(definition, entered)
    is_own_call = site.function is definition and isinstance(site.node, ast.Call)
    return [*asking, site.node] if is_own_call and isinstance(site.node, ast.Call) else asking


def is_choice(asked: str) -> bool:
    """Whether a text is named that is one or the other within an expression."""
    return " if " in asked or " or " in asked


def name_asked(visit: Visit) -> str:
    """The name of what is asked, where nothing else is and none of it is told."""
    asked = [
        piece for role, value in visit.prompt if role != "system" for piece in pieces_of(value)
    ]
    match asked:
        case [Hole(source=str(name)) | Hole(source=ast.Name(id=name))]:
            return name
    return ""


@told_once
def kept_in(definition: FunctionDefinition) -> dict[str, list[ast.expr]]:
    """What a function keeps under each of its names."""
    kept: dict[str, list[ast.expr]] = {}
    for node in nodes_of(definition, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                kept.setdefault(target.id, []).append(node.value)
    return kept


def names_behind(call: ast.Call, kept: dict[str, list[ast.expr]]) -> list[str]:
    """The names that what a call is given is made of."""
    given = [*call.args, *(word.value for word in call.keywords)]
    found: list[str] = []
    for node in given:
        names = (one.id for one in walk(node) if isinstance(one, ast.Name))
        for name in names:
            if name in kept and name not in found:
                found.append(name)
                given += [value for value in kept[name] if not isinstance(value, ast.JoinedStr)]
    return found


def ways_of(value: ast.expr) -> Iterator[ast.expr]:
    """The expressions of which one is taken: those of `one if test else other`, `one or other`,
    `(one or other).format(…)`."""
    match value:
        case ast.IfExp(body=body, orelse=orelse):
            parts = [body, orelse]
        case ast.BoolOp(op=ast.Or(), values=values):
            parts = values
        case ast.Call(func=ast.Attribute(value=ast.IfExp() | ast.BoolOp() as chosen)):
            parts = [chosen]
        case _:
            yield value
            return
    for part in parts:
        yield from ways_of(part)


def is_own(ways: Sequence[ast.expr], definition: FunctionDefinition, least: int) -> bool:
    """Whether one of several ways is a text at hand, and each of the others is got elsewhere."""
    others = [way for way in ways if written_on(way, definition.module) <= least]
    is_elsewhere = all(is_got_elsewhere(way, definition.parameters) for way in others)
    return 0 < len(others) < len(ways) and is_elsewhere


def written_of(way: ast.expr | None, module: Module) -> int:
    """So many characters an expression writes out, with the constants of its module that it
    names."""
    match way:
        case ast.Constant(value=str(text)):
            return len(text)
        case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            return sum(written_of(part, module) for part in parts)
        case ast.BinOp(left=left, right=right):
            return written_of(left, module) + written_of(right, module)
        case ast.Call(func=ast.Attribute(value=text), args=given):
            joined = given if last_name(way.func) == "join" else []
            return written_of(text, module) + sum(written_of(part, module) for part in joined)
        case ast.Name(id=name) if name.isupper():
            kept = (node.value for node in module.tree.body if keeps(node, name))
            return sum(written_of(text, module) for text in kept)
    return 0


def written_on(way: ast.expr, module: Module) -> int:
    """So many characters stand in the source of what a way gives, be it by a function of its
    module."""
    called = way.func.id if isinstance(way, ast.Call) and isinstance(way.func, ast.Name) else ""
    texts = [way, *(returned_by(called, module) if called else ())]
    return sum(written_of(text, module) for text in texts)


def returned_by(name: str, module: Module) -> list[ast.expr | None]:
    """What a function of a module returns."""
    return [
        node.value
        for one in module.functions.values()
        if one.name == name and one.owner is None
        for node in nodes_of(one, ast.Return)
    ]


def keeps(node: ast.stmt, name: str) -> TypeGuard[ast.Assign]:
    """Whether a statement gives a name what it stands for."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def is_got_elsewhere(way: ast.expr, parameters: Sequence[str]) -> bool:
    """Whether a text is what a function gives, or a table holds, that no parameter names: what it
    is taken from, or is given first."""
    if isinstance(way, ast.Subscript | ast.Attribute):
        return names_none(way.value, parameters)
    if not isinstance(way, ast.Call):
        return False
    first = way.func.value if isinstance(way.func, ast.Attribute) else way.func
    return names_none(first, parameters) and all(names_none(one, parameters) for one in way.args)


def names_none(node: ast.expr, parameters: Sequence[str]) -> bool:
    """Whether an expression names no parameter, and isn't one that was made of some."""
    return not any(isinstance(one, ast.Name) and one.id in parameters for one in walk(node))
