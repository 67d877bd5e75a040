"""In which order functions are interpreted on their own."""

from __future__ import annotations

import ast

from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.workflows.handlers import handler_node, is_graph_node


def in_order_of_turn(program: Program) -> list[FunctionDefinition]:
    """The functions by their file and place, constructors first, the nodes of graphs, lambdas
    among them, and flows in their order, whichever files they stand in."""
    found = [
        definition
        for module in program.modules.values()
        for definition in module.functions.values()
    ]
    ranks = ranks_in(program)
    plain = [one for one in found if not isinstance(one.node, ast.Lambda) or one.node_name in ranks]
    flow = program.flows.order
    handlers = program.handlers if any(map(is_graph_node, found)) else None
    handled = handlers.rank() if handlers is not None else {}
    placed = sorted(
        plain,
        key=lambda item: (
            item.module.path,
            item.name != "__init__",
            flow.get(item.owner, len(flow)) if item.owner is not None else len(flow),
            handled.get(item.qualname, len(handled)) if is_graph_node(item) else len(handled),
            ranks.get(item.node_name, len(ranks)),
            item.node.lineno,
        ),
    )
    placed = put_in_turn(placed, program.roles.order)
    placed = put_in_turn(
        placed, {one: ranks[one.node_name] for one in placed if one.node_name in ranks}
    )
    return handlers_in_turn(placed, program)


def handlers_in_turn(
    placed: list[FunctionDefinition], program: Program
) -> list[FunctionDefinition]:
    """The functions with handlers in the order in which they call for each other."""
    if program.handlers is None:
        return placed
    turns = {node: turn for turn, node in enumerate(program.handlers.in_turn())}
    handlers = ((one, turns.get(handler_node(one))) for one in placed)
    return put_in_turn(placed, {one: turn for one, turn in handlers if turn is not None})


def ranks_in(program: Program) -> dict[str, int]:
    """The ranks of the nodes of the graphs, by their names."""
    return program.graph.rank() if program.graph is not None else {}


def put_in_turn(
    functions: list[FunctionDefinition], order: dict[FunctionDefinition, int]
) -> list[FunctionDefinition]:
    """Functions with those that have an order in it, in the places where these stood."""
    ordered = sorted((one for one in functions if one in order), key=lambda one: order[one])
    in_turn = iter(ordered)
    return [next(in_turn) if one in order else one for one in functions]
