"""An output made in one place and read in another: which calls the edge joins, and whether a turn
lies between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from msgspec.structs import replace

from charter_engine.contracts.graph import Carried, Flow
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.values.origins import FLOW_RANK, Chain, Loops, Origin, Origins
from charter_engine.parser.values.values import Box, Element, Value


def loops_since(frame: Frame, chain: Chain, round_number: int) -> Loops:
    """The loops under way that the calls of `chain` don't account for yet, with the round of the
    analysis first."""
    known = {number for _, loops in chain for number, _ in loops}
    entered = [] if chain else [(0, round_number)]
    entered += [
        (loop.number, loop.iteration) for loop in frame.all_loops() if loop.number not in known
    ]
    return tuple(entered)


def edge_between(
    origin: Chain, reader: Chain, apart: Callable[[int, int], bool]
) -> tuple[int, int, Carried] | None:
    """The edge that an output made under `origin`, read under `reader`, amounts to: (from, to,
    carried).

    Calls of wrappers stand for what happens inside them: the edge joins the outermost calls that
    differ. A site that reads its own output does so in a later turn. Sites that are `apart` are not
    joined.
    """
    carried: Carried = "data"
    for (source, source_loops), (target, target_loops) in zip(origin, reader, strict=False):
        if turned(source_loops, target_loops):
            carried = "loop"
        if source != target:
            return distinct_edge(origin, reader, source, target, carried, apart)
        if carried == "loop":
            return source, target, carried
    return reader[0][0], reader[0][0], "loop"


def distinct_edge(
    origin: Chain,
    reader: Chain,
    source: int,
    target: int,
    carried: Carried,
    apart: Callable[[int, int], bool],
) -> tuple[int, int, Carried] | None:
    if target in [site for site, _ in origin]:
        return target, target, "loop"
    if source in [site for site, _ in reader]:
        return source, source, "loop"
    return None if apart(source, target) else (source, target, carried)


def turned(source: Loops, target: Loops) -> bool:
    """Whether a loop that both were made in has gone round in between."""
    if source != target:
        for number, iteration in source:
            for reached, turn in target:
                if number == reached and iteration != turn:
                    return True
    return False


def best_flow(first: Flow | None, second: Flow) -> Flow:
    return second if first is None or FLOW_RANK[second] > FLOW_RANK[first] else first


def parameters_in(origins: Iterable[Origin]) -> set[int]:
    return {origin.chain[0][0] for origin in origins if origin.chain[0][0] < 0}


def in_round(origins: Origins, number: int) -> Origins:
    """Outputs of any round of the analysis, as if they had been made in the round of that
    number: what lies between them and their reader is no turn."""
    return frozenset(
        origin if is_of_round(origin, number) else replace(origin, chain=moved_to(origin, number))
        for origin in origins
    )


MAX_DEPTH = 4
"""Lists and dicts within one another that are looked through."""


def value_in_round(value: Value, number: int) -> Value:
    """A value whose outputs, and those of what is in it, are of the round of that number."""
    return with_origins(value, partial(in_round, number=number))


def with_chains(value: Value, change: Callable[[Chain], Chain]) -> Value:
    """A value whose outputs, and those of what is in it, were made elsewhere, as `change` tells of
    each."""
    return with_origins(
        value,
        lambda origins: frozenset(
            replace(origin, chain=change(origin.chain)) for origin in origins
        ),
    )


def with_origins(value: Value, change: Callable[[Origins], Origins], depth: int = 0) -> Value:
    """A value with other outputs, and with what is in it so as well."""
    origins = change(value.origins)
    box = value.box
    if box is None or depth > MAX_DEPTH:
        same = origins == value.origins
        return value if same else replace(value, origins=origins, pieces=None)
    items = [
        Element(with_origins(item.value, change, depth + 1), item.maybe, item.place)
        for item in box.items
    ]
    fields = {name: with_origins(held, change, depth + 1) for name, held in box.fields.items()}
    rest = with_origins(box.rest, change, depth + 1) if box.rest is not None else None
    return replace(value, origins=origins, box=Box(box.kind, items, fields, rest))


EARLIER_RUN = -1
"""The round of what a program kept when it was run before: no round of an analysis has its
number."""


def is_of_round(origin: Origin, number: int) -> bool:
    first, loops = origin.chain[0]
    return first < 0 or loops[:1] == ((0, number),)


def moved_to(origin: Origin, number: int) -> Chain:
    (site, loops), *inner = origin.chain
    entered = loops[1:] if loops[:1] and not loops[0][0] else loops
    return (site, ((0, number), *entered)), *inner
