"""Executors of Microsoft's Agent Framework: what each takes and sends, and whom it sends that to.

A handler has a message and a context (`async def review(self, draft: Draft, ctx:
WorkflowContext[Verdict])`). What it gives `ctx.send_message` reaches the handlers that take such a
message, of executors to which an edge of a workflow leads.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.symbols import FunctionDefinition, Module, nodes_of, walk
from charter_engine.parser.source.syntax import last_name, statements
from charter_engine.parser.teams.agent_graphs import CHOOSING, SPREADING

CONTEXT = "WorkflowContext"


@dataclass(frozen=True, slots=True)
class Handling:
    """A handler's parameter that holds the message, and the kinds of messages that it takes and
    sends, as they are annotated."""

    parameter: str
    taken: frozenset[str]
    sent: frozenset[str]

    def may_reach(self, other: Handling) -> bool:
        """Whether another handler may take what this one sends, alone or joined in a list."""
        kinds = self.sent | {f"list[{kind}]" for kind in self.sent}
        is_open = not self.sent or "Any" in self.sent | other.taken
        return is_open or not kinds.isdisjoint(other.taken)


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
    """The kinds that an annotation allows: `Draft | Verdict`, `Union[Draft, Verdict]`."""
    is_union = isinstance(annotation, ast.Subscript) and last_name(annotation.value) == "Union"
    if is_union and isinstance(annotation, ast.Subscript):
        for kind in annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else ():
            yield from kinds_in(kind)
        return
    if isinstance(annotation, ast.BinOp):
        yield from kinds_in(annotation.left)
        yield from kinds_in(annotation.right)
    else:
        yield ast.unparse(annotation).strip("'")


def executor_of(definition: FunctionDefinition) -> str:
    """The class of an executor, or the function that is one itself."""
    return definition.owner.name if definition.owner is not None else definition.name


class ExecutorLink(NamedTuple):
    """An edge of a workflow, by the names of what may be an executor at its ends."""

    source: str
    target: str
    is_conditional: bool


def links_between(modules: Collection[Module]) -> Iterator[ExecutorLink]:
    """The edges of all workflows."""
    drawn = {module.path: drawn_in(module) for module in modules}
    named_by_key = any(
        isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant)
        for calls in drawn.values()
        for call in calls
        for node in walk(call)
    )
    kept = kept_under(modules) if named_by_key else {}
    own = {one.name for module in modules for one in module.classes.values()}
    own |= {one.name for module in modules for one in module.functions.values()}
    for module in modules:
        made = made_of(module) | registered_in(module) if drawn[module.path] else {}
        made = {name: maker for name, maker in made.items() if maker in own}
        for call in drawn[module.path]:
            verb = last_name(call.func)
            ends = [*call.args, *(word.value for word in call.keywords)]
            is_conditional = verb in CHOOSING or (verb == "add_edge" and len(ends) > 2)
            if verb == "add_chain" and ends and isinstance(ends[0], ast.List):
                ends = ends[0].elts
            for source, target in pairwise(ends[:2] if verb in ENDS else ends):
                for one in names_in(source, kept):
                    for other in names_in(target, kept):
                        yield ExecutorLink(
                            made.get(one, one), made.get(other, other), is_conditional
                        )


def registered_in(module: Module) -> dict[str, str]:
    """The names under which a builder is given executors, with what each is made by:
    `builder.register_executor(lambda: Review(client), name="review")`."""
    found: dict[str, str] = {}
    for call in calls_named(module, REGISTERING):
        if call.args:
            texts = [word.value for word in call.keywords if word.arg == "name"] + call.args[1:2]
            names = [text.value for text in texts if isinstance(text, ast.Constant)]
            maker = call.args[0].body if isinstance(call.args[0], ast.Lambda) else call.args[0]
            made = maker.func if isinstance(maker, ast.Call) else maker
            found |= {str(name): last_name(made) for name in names}
    return found


def drawn_in(module: Module) -> list[ast.Call]:
    return calls_named(module, DRAWING)


def linked_by(links: Iterable[ExecutorLink]) -> list[tuple[str, str]]:
    """The executors that an edge links, from one to the other, each pair once and in order."""
    return sorted({(link.source, link.target) for link in links})


def spread_executors(modules: Iterable[Module], links: Collection[ExecutorLink]) -> set[str]:
    """The functions that handle what one executor always sends to several: they run side by
    side."""
    handlers: dict[str, set[str]] = {}
    for module in modules if links else ():
        for definition in module.functions.values():
            if handling_of(definition) is not None:
                handlers.setdefault(executor_of(definition), set()).add(definition.node_name)
    after: dict[str, set[str]] = {}
    for link in links:
        if not link.is_conditional and link.target in handlers:
            after.setdefault(link.source, set()).add(link.target)
    together = [targets for targets in after.values() if len(targets) > 1]
    return {name for targets in together for target in targets for name in handlers[target]}


REGISTERING = frozenset(("register_executor", "register_agent"))

ENDS = SPREADING | {"add_edge"}
DRAWING = ENDS | {"add_chain"}
"""Methods of builders that draw edges; all but a chain name their two ends first."""


def made_of(module: Module) -> dict[str, str]:
    """The names of what a module makes, with the class of each."""
    return {
        last_name(target): last_name(value.func)
        for statement in statements(module.tree)
        if isinstance(statement, ast.Assign)
        for several in statement.targets
        for target, value in assigned(several, statement.value)
        if isinstance(target, ast.Name | ast.Attribute) and isinstance(value, ast.Call)
    }


def assigned(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]]:
    """What is assigned to what, also by `review, join = Review(), Join()`."""
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        return list(zip(target.elts, value.elts, strict=False))
    return [(target, value)]


def kept_under(modules: Iterable[Module]) -> dict[str, set[str]]:
    """The names of what dicts are written to hold under a key: `{"judge": judge}`."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for node in nodes_of(module, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                is_named = isinstance(value, ast.Name | ast.Attribute)
                if isinstance(key, ast.Constant) and is_named:
                    found.setdefault(str(key.value), set()).add(last_name(value))
    return found


def names_in(end: ast.expr | ast.keyword, kept: Mapping[str, set[str]]) -> set[str]:
    """The names at an end of an edge: of one node, or of several, also where they are `kept` under
    a key."""
    if isinstance(end, ast.Constant) and isinstance(end.value, str):
        return {end.value}
    if isinstance(end, ast.Subscript) and isinstance(end.slice, ast.Constant):
        return kept.get(str(end.slice.value), set())
    found = {last_name(end)} if isinstance(end, ast.Name | ast.Attribute) else set()
    below = (node for node in ast.iter_child_nodes(end) if isinstance(node, ast.expr | ast.keyword))
    return found.union(*(names_in(node, kept) for node in below))
