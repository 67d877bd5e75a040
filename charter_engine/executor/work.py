"""What a run consists of: items that may run side by side, each a chain of call instances."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor.inputs import Inputs
from charter_engine.prompts.assembly import (
    CallInstance,
    Piece,
    assemble,
    expand,
    runnable,
    side_by_side,
)


@dataclass(frozen=True)
class Item:
    """Instances that depend on each other at most, in an order that respects it. `number` counts
    from 0."""

    number: int
    instances: tuple[CallInstance, ...]


def items_of(calls: Sequence[Call], inputs: Sequence[Inputs], plan: Plan) -> tuple[Item, ...]:
    """All the work of a run, checked: raises `MissingInput` before anything is sent.

    A set of inputs is one item, or one item for each pass of its loop where no pass needs another.
    """
    items: list[Item] = []
    for values in inputs:
        for chain in side_by_side(expand(runnable(calls), values)):
            _check(chain, plan)
            items.append(Item(len(items), chain))
    return tuple(items)


def counts(items: Sequence[Item]) -> Mapping[str, int]:
    """How many requests a node will get."""
    return Counter(instance.call.id for item in items for instance in item.instances)


def _check(chain: tuple[CallInstance, ...], plan: Plan) -> None:
    outputs = {instance.key: Piece("", "upstream", instance.call.id, -1) for instance in chain}
    for instance in chain:
        assemble(instance, plan.nodes.get(instance.call.id, NodePlan()), outputs, {})
