"""Executors of Microsoft's Agent Framework: what each takes and sends, and whom it sends that to.

A handler has a message and a context (`async def review(self, draft: Draft, ctx:
WorkflowContext[Verdict])`). What it gives `ctx.send_message` reaches the handlers that take such a
message, of executors to which an edge of a workflow leads.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from charter_engine.parser.agent_graphs import SPREADING
from charter_engine.parser.symbols import FunctionDefinition, Module
from charter_engine.parser.syntax import last_name, statements

CONTEXT = "WorkflowContext"


@dataclass(frozen=True, slots=True)
class Handling:
    """A handler's parameter that holds the message, and the kinds of messages that it takes and
    sends, as they are annotated."""

    parameter: str
    taken: frozenset[str]
    sent: frozenset[str]


def handling_of(definition: FunctionDefinition) -> Handling | None:
    """What a function handles that is given a workflow's context; None for any other."""
    spec = definition.node.args
    arguments = [*spec.posonlyargs, *spec.args]
    for message, context in pairwise(arguments):
        if message.annotation is None or not is_context(context.annotation):
            continue
        sent = context.annotation.slice if isinstance(context.annotation, ast.Subscript) else None
        first = sent.elts[0] if isinstance(sent, ast.Tuple) and sent.elts else sent
        kinds = frozenset(kinds_in(first)) if first is not None else frozenset[str]()
        return Handling(message.arg, frozenset(kinds_in(message.annotation)), kinds)
    return None


def is_context(annotation: ast.expr | None) -> bool:
    of = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return of is not None and last_name(of) == CONTEXT


def kinds_in(annotation: ast.expr) -> Iterator[str]:
    """The kinds that an annotation allows: `Draft | Verdict`."""
    if isinstance(annotation, ast.BinOp):
        yield from kinds_in(annotation.left)
        yield from kinds_in(annotation.right)
    else:
        yield ast.unparse(annotation)


def executor_of(definition: FunctionDefinition) -> str:
    """The class of an executor, or the function that is one itself."""
    return definition.owner.name if definition.owner is not None else definition.name


def linked_executors(modules: Iterable[Module]) -> set[tuple[str, str]]:
    """The executors that an edge of a workflow links, from one to the other."""
    found: set[tuple[str, str]] = set()
    for module in modules:
        drawn = [call for call in module.calls if last_name(call.func) in DRAWING]
        made = made_of(module) if drawn else {}
        for call in drawn:
            ends = [word.value for word in call.keywords]
            ends = [*call.args, *ends]
            if last_name(call.func) == "add_chain" and ends and isinstance(ends[0], ast.List):
                ends = ends[0].elts
            for source, target in pairwise(ends[:2] if last_name(call.func) in ENDS else ends):
                found |= {
                    (made.get(one, one), made.get(other, other))
                    for one in names_in(source)
                    for other in names_in(target)
                }
    return found


ENDS = SPREADING | {"add_edge"}
DRAWING = ENDS | {"add_chain"}
"""Methods of builders that draw edges; all but a chain name their two ends first."""


def made_of(module: Module) -> dict[str, str]:
    """The names of what a module makes, with the class of each."""
    return {
        last_name(target): last_name(statement.value.func)
        for statement in statements(module.tree)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)
        for target in statement.targets
        if isinstance(target, ast.Name | ast.Attribute)
    }


def names_in(end: ast.expr) -> set[str]:
    """The names at an end of an edge: of one node, or of several."""
    return {last_name(node) for node in ast.walk(end) if isinstance(node, ast.Name | ast.Attribute)}
