"""What the names of nodes are where a graph is put together: texts, constants, and what loops over
literals go through (`for name in MEMBERS: graph.add_edge(name, "supervisor")`)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise, product

from charter_engine.parser.graphs.node_functions import ModuleMeant
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.source.syntax import last_name, statements

Turn = dict[str, ast.expr]
"""What the names of a loop's targets are in one of its turns, as it is written."""

NO_TURN: Turn = {}

MOST_TURNS = 64
"""Assumed: of a longer literal, which is data, no graph is made."""

PASSING = frozenset("list tuple sorted set reversed dict keys".split())
"""What gives the members of what it is given, or the keys of what it is called on."""


class GraphTexts:
    """Reads literals by the names that modules give them."""

    def __init__(self, module_meant: ModuleMeant) -> None:
        self.module_meant = module_meant
        self.named: dict[str, dict[str, ast.expr]] = {}
        self.loops: dict[str, dict[int, list[ast.For]]] = {}

    def turns(self, module: Module, call: ast.Call) -> list[Turn]:
        """The loops around a call as what their targets are in each turn; one without any where no
        loop is, or where one isn't over a literal."""
        turns = [NO_TURN]
        for loop in self.loops_around(module, call):
            members = list(self.members(module, loop.iter))
            bound = [dict(bound_by(loop.target, member)) for member in members]
            turns = [one | other for one, other in product(turns, bound)] if bound else turns
        return turns if len(turns) <= MOST_TURNS else [NO_TURN]

    def text(self, module: Module, node: ast.expr, turn: Turn) -> str | None:
        """The text that an expression is in a turn; None where that isn't known."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.Name) and node.id in turn:
            return self.text(module, turn[node.id], NO_TURN)
        if isinstance(node, ast.JoinedStr):
            parts = [self.text(module, part, turn) for part in node.values]
            return None if None in parts else "".join(part or "" for part in parts)
        if isinstance(node, ast.FormattedValue):
            return self.text(module, node.value, turn)
        if isinstance(node, ast.Name):
            written = self.meant(module, node.id)
            return str(written.value) if isinstance(written, ast.Constant) else None
        return None

    def values(self, module: Module, node: ast.expr) -> list[ast.expr]:
        """The values of a dict, or the members of a list, that an expression names or is."""
        if isinstance(node, ast.Name):
            written = self.meant(module, node.id)
            stored = self.stored(module, node.id)
            return [*(self.values(module, written) if written is not None else ()), *stored]
        if isinstance(node, ast.DictComp) and len(node.generators) == 1:
            return list(self.members(module, node.generators[0].iter))
        return list(node.values) if isinstance(node, ast.Dict) else list(self.members(module, node))

    def stored(self, module: Module, name: str) -> list[ast.expr]:
        """What a module puts into a dict: `ways["done"] = END`."""
        return [
            one.value
            for one in statements(module.tree)
            if isinstance(one, ast.Assign)
            for target in one.targets
            if isinstance(target, ast.Subscript) and last_name(target.value) == name
        ]

    def members(self, module: Module, node: ast.expr) -> Iterator[ast.expr]:
        """The members of a literal that an expression names or is, the keys of a dict."""
        if isinstance(node, ast.Name):
            written = self.meant(module, node.id)
            yield from self.members(module, written) if written is not None else ()
        elif isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield from node.elts
        elif isinstance(node, ast.Dict):
            yield from (key for key in node.keys if key is not None)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            yield from self.members(module, node.left)
            yield from self.members(module, node.right)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            yield from sliced(list(self.members(module, node.value)), node.slice)
        elif isinstance(node, ast.Call):
            yield from self.members_of_call(module, node)

    def members_of_call(self, module: Module, node: ast.Call) -> Iterator[ast.expr]:
        name = last_name(node.func)
        held = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        given = node.args or held
        if name in PASSING and given:
            yield from self.members(module, given[0])
        elif name == "items" and held:
            yield from self.entries(module, held[0])
        elif name == "enumerate" and given:
            for member in self.members(module, given[0]):
                yield paired(ast.Name("", ast.Load()), member)
        elif name == "pairwise" and given:
            yield from (paired(*two) for two in pairwise(self.members(module, given[0])))
        elif name == "zip" and given:
            columns = [list(self.members(module, one)) for one in given]
            yield from (paired(*row) for row in zip(*columns, strict=False))

    def entries(self, module: Module, node: ast.expr) -> Iterator[ast.expr]:
        """The keys of a dict with their values."""
        written = self.meant(module, node.id) if isinstance(node, ast.Name) else node
        if isinstance(written, ast.Dict):
            for key, value in zip(written.keys, written.values, strict=True):
                if key is not None:
                    yield paired(key, value)

    def meant(self, module: Module, name: str) -> ast.expr | None:
        """What a module, or the one that it imports a name from, assigns to that once."""
        if module.path not in self.named:
            self.named[module.path] = dict(assigned_once(module))
        own = self.named[module.path].get(name)
        if own is not None or name not in module.imports:
            return own
        base, _, last = module.imports[name].rpartition(".")
        source = self.module_meant(module, base)
        return self.meant(source, last) if source is not None and source is not module else None

    def loops_around(self, module: Module, call: ast.Call) -> list[ast.For]:
        if module.path not in self.loops:
            around: dict[int, list[ast.For]] = {}
            loops = [one for one in statements(module.tree) if isinstance(one, ast.For)]
            for loop in loops:
                for node in ast.walk(loop):
                    if isinstance(node, ast.Call):
                        around.setdefault(id(node), []).append(loop)
            self.loops[module.path] = around
        return self.loops[module.path].get(id(call), [])


def bound_by(target: ast.expr, member: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The names that a loop gives a member and its parts."""
    if isinstance(target, ast.Tuple | ast.List):
        parts = member.elts if isinstance(member, ast.Tuple | ast.List) else []
        for inner, part in zip(target.elts, parts, strict=False):
            yield from bound_by(inner, part)
    elif isinstance(target, ast.Name):
        yield target.id, member


def in_turn(node: ast.expr, turn: Turn) -> ast.expr:
    """An expression as a turn of a loop has it: `partial(node, llm=llm)` of each node of a
    table."""
    written = node
    if isinstance(node, ast.Name):
        return turn.get(node.id, node)
    if isinstance(node, ast.Attribute):
        written = ast.Attribute(in_turn(node.value, turn), node.attr, node.ctx)
    elif isinstance(node, ast.Call):
        given = [in_turn(one, turn) for one in node.args]
        named = [ast.keyword(one.arg, in_turn(one.value, turn)) for one in node.keywords]
        written = ast.Call(in_turn(node.func, turn), given, named)
    return ast.copy_location(written, node)


def assigned_once(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module assigns in one place alone, with what they are assigned."""
    found: dict[str, list[ast.expr]] = {}
    for one in statements(module.tree):
        targets = one.targets if isinstance(one, ast.Assign) else []
        targets = [one.target] if isinstance(one, ast.AnnAssign) else targets
        value = one.value if isinstance(one, ast.Assign | ast.AnnAssign) else None
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                found.setdefault(target.id, []).append(value)
    return ((name, values[0]) for name, values in found.items() if len(values) == 1)


def paired(*members: ast.expr) -> ast.Tuple:
    return ast.Tuple(list(members), ast.Load())


def sliced(members: list[ast.expr], part: ast.Slice) -> list[ast.expr]:
    """A part of a literal, where its ends are written out."""
    ends = [part.lower, part.upper]
    known = [bound_of(end) for end in ends]
    if part.step is not None or any(
        end is not None and number is None for end, number in zip(ends, known, strict=True)
    ):
        return []
    return members[known[0] : known[1]]


def bound_of(node: ast.expr | None) -> int | None:
    is_negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    written = node.operand if isinstance(node, ast.UnaryOp) and is_negative else node
    value = written.value if isinstance(written, ast.Constant) else None
    return (-value if is_negative else value) if isinstance(value, int) else None
