"""Ends of earlier prompts that a server can be told to forget, request by request."""

from collections.abc import Sequence
from typing import NamedTuple

from charter_engine.bls.branches import Branches
from charter_engine.bls.retention import ReleaseWhen
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.path_tree import PathTree


class Released(NamedTuple):
    """Of what `request` left all blocks behind its first `keep_tokens` are forgotten, as far as no
    other prompt continues them."""

    request: int
    keep_tokens: int


Releases = Sequence[tuple[Released, ...]]
"""What each request releases once it has ended."""


def releases_of(workload: Workload, paths: PathTree, when: ReleaseWhen) -> Releases | None:
    """What the requests of a workload release; None where that is nothing.

    `superseded`: what a prompt's session has left behind by then (`bls.branches`). `session-end`:
    besides, with a session's last request, what no earlier request of another session came with.
    Requests without a session release nothing.
    """
    if when == "never":
        return None
    sessions = workload.conversation.tolist()
    last = {session: request for request, session in enumerate(sessions)}
    tree = _PromptPaths(paths)
    branches: dict[int, Branches[int]] = {}
    found: list[tuple[Released, ...]] = []
    for request, session in enumerate(sessions):
        own: list[Released] = []
        if session:
            known = branches.setdefault(session, Branches(tree.common, tree.length))
            own += [Released(*one) for one in known.follow(request)]
            if when == "session-end" and last[session] == request:
                own.append(Released(request, tree.met_elsewhere(request, session)))
        tree.visit(request, session)
        found.append(tuple(own))
    return found


class _PromptPaths:
    """The prompts of a workload as paths, and which sessions have come along each edge so far."""

    _SEVERAL = -1
    """Derived: no session has a number below nought."""

    def __init__(self, paths: PathTree) -> None:
        self._paths = paths
        self._nodes: list[int] = paths.node.tolist()
        self._ends: list[int] = paths.end.tolist()
        self._parents: list[int] = paths.parent.tolist()
        self._visitors: list[int | None] = [None] * len(self._ends)

    def length(self, request: int) -> int:
        """How many tokens of a prompt are looked up."""
        return self._ends[self._nodes[request]]

    def common(self, one: int, other: int) -> int:
        """How many leading tokens two prompts share."""
        first, second = self._nodes[one], self._nodes[other]
        # Edges come before those below them.
        while first != second:
            if first > second:
                first = self._parents[first]
            else:
                second = self._parents[second]
        return self._ends[first]

    def visit(self, request: int, session: int) -> None:
        """A request of a session, 0 being none, has come."""
        for edge in self._paths.path(request):
            before = self._visitors[edge]
            alone = session and before in (None, session)
            self._visitors[edge] = session if alone else self._SEVERAL

    def met_elsewhere(self, request: int, session: int) -> int:
        """How many leading tokens of a prompt others than its session came with."""
        met = (
            self._ends[edge]
            for edge in self._paths.path(request)
            if self._visitors[edge] not in (None, session)
        )
        return max(met, default=0)


def of_pairs(releases: Releases | None) -> Releases | None:
    """What the requests of a workload release, by what those of the workload `storing_twice` do:
    of each pair the second holds all that the first does."""
    if releases is None:
        return None
    return [
        tuple(
            Released(release.request // 2, release.keep_tokens)
            for release in (*prompt, *sequence)
            if release.request % 2
        )
        for prompt, sequence in zip(releases[::2], releases[1::2], strict=True)
    ]
