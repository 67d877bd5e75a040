"""The graph of calls as an indented tree.

It shows every call once, below the call whose output it needs last.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from charter_engine.contracts.graph import Call


@dataclass(frozen=True)
class TreeRow:
    """A row of the tree: a heading (`call` None) or a call with the guides left of its label.

    `also_from` names further calls whose output it needs; `loops_from` those whose output reaches
    it in a later iteration.
    """

    key: str
    label: str
    guides: str = ""
    call: Call | None = None
    also_from: tuple[str, ...] = ()
    loops_from: tuple[str, ...] = ()


@dataclass
class _Branch:
    call: Call
    children: list["_Branch"] = field(default_factory=list)


def tree_rows(calls: Sequence[Call]) -> tuple[TreeRow, ...]:
    """Rows in display order: roots in source order under a heading per function."""
    depth = _depths(calls)
    branches = {call.id: _Branch(call) for call in calls}
    roots: list[_Branch] = []
    for call in calls:
        parent = _parent(call, depth)
        (branches[parent].children if parent else roots).append(branches[call.id])
    rows: list[TreeRow] = []
    heading = ""
    for root in roots:
        function, _ = split_id(root.call.id)
        if function != heading:
            heading = function
            rows.append(TreeRow(key=f"heading:{len(rows)}", label=function))
        rows.extend(_walk(root, "", "", heading, depth))
    return tuple(rows)


def split_id(node: str) -> tuple[str, str]:
    """`Class.function:output` in its two parts; the first is empty where there is none."""
    function, colon, output = node.rpartition(":")
    return (function, output) if colon else ("", node)


def _walk(
    branch: _Branch, guides: str, below: str, heading: str, depth: dict[str, int]
) -> Iterator[TreeRow]:
    call = branch.call
    function, output = split_id(call.id)
    parent = _parent(call, depth)
    yield TreeRow(
        key=call.id,
        label=output if function == heading else call.id,
        guides=guides,
        call=call,
        also_from=tuple(
            split_id(edge.call)[1]
            for edge in call.depends_on
            if edge.carried == "data" and edge.call != parent and edge.call in depth
        ),
        loops_from=tuple(
            split_id(edge.call)[1] for edge in call.depends_on if edge.carried == "loop"
        ),
    )
    for index, child in enumerate(branch.children):
        last = index == len(branch.children) - 1
        yield from _walk(
            child,
            below + ("└ " if last else "├ "),
            below + ("  " if last else "│ "),
            heading,
            depth,
        )


def _depths(calls: Sequence[Call]) -> dict[str, int]:
    """Length of the longest data path to each call.

    Edges that would close a cycle count as none.
    """
    by_id = {call.id: call for call in calls}
    depths: dict[str, int] = {}
    open_calls: set[str] = set()
    for start in by_id:
        stack = [start]
        while stack:
            node = stack[-1]
            upstream = [
                edge.call
                for edge in by_id[node].depends_on
                if edge.carried == "data" and edge.call in by_id and edge.call != node
            ]
            waiting = [up for up in upstream if up not in depths and up not in open_calls]
            if waiting and node not in depths:
                open_calls.add(node)
                stack.append(waiting[0])
                continue
            stack.pop()
            open_calls.discard(node)
            depths.setdefault(node, 1 + max((depths.get(up, -1) for up in upstream), default=-1))
    return depths


def _parent(call: Call, depths: dict[str, int]) -> str | None:
    """The upstream call that is deepest, and so finishes last."""
    candidates = [
        edge.call
        for edge in call.depends_on
        if edge.carried == "data" and edge.call in depths and depths[edge.call] < depths[call.id]
    ]
    return max(candidates, key=lambda node: depths[node], default=None)
