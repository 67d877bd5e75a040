"""Which answered call a prompt goes on from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .earlier import Contents, EarlierCall, EarlierCalls, digest, key_of, same_tokens
from .plan import ServedPlan
from .rearrangement import Rearrangement

UNKNOWN_CALL = "the call it would continue is not remembered"
OTHER_INSTANCE = "the call it would continue is not remembered: another instance may have served it"
DIFFERS = "differs from the call it would continue"
NOT_AS_PLANNED = "the call it would continue was not sent as planned"
SEVERAL_CALLS = "several earlier calls fit"


class Continuing:
    """The answered calls of a plan's nodes that other nodes continue.

    `instances` is how many processes serve the model side by side, of which each remembers its own.
    A call is found by the pieces that the later prompt repeats, in the same session only.
    All methods may be called from any thread.
    """

    def __init__(self, plan: ServedPlan, instances: int = 1) -> None:
        self._unknown = UNKNOWN_CALL if instances == 1 else OTHER_INSTANCE
        self._calls = EarlierCalls()
        self._later: dict[str, list[tuple[str, Rearrangement]]] = {}
        for node in plan.nodes.values():
            if node.rearrangement is not None and node.rearrangement.extends:
                later = self._later.setdefault(node.rearrangement.extends, [])
                later.append((node.name, node.rearrangement))

    def concerns(self, node: str) -> bool:
        """Whether any prompt continues those of this node."""
        return node in self._later

    def found(
        self, node: str, moves: Rearrangement, contents: Contents, session: str
    ) -> list[EarlierCall]:
        """The calls whose pieces a prompt of `node` repeats, the latest first."""
        repeated = _repeated(moves, contents)
        return [] if repeated is None else self._calls.find(key_of(node, session, repeated))

    def chosen(
        self, node: str, calls: Sequence[EarlierCall], session: str
    ) -> tuple[EarlierCall | None, str]:
        """The call to go on from, or why there is none."""
        if not calls:
            met_before = bool(session) and bool(self._calls.find(key_of(node, session, ())))
            return None, DIFFERS if met_before else self._unknown
        as_planned = [call for call in calls if call.as_planned]
        if not as_planned:
            return None, NOT_AS_PLANNED
        latest = as_planned[0]
        if not session and not all(same_tokens(latest, call) for call in as_planned):
            return None, SEVERAL_CALLS
        return latest, ""

    def remember(
        self,
        node: str,
        session: str,
        unit: str,
        contents: Contents,
        token_ids: Any,
        token_ends: Sequence[int],
        output_ids: Sequence[int],
        answer: str,
    ) -> None:
        """Keep an answered call that later prompts may continue.

        `contents` are what is known of its planned pieces, and `token_ends` where they end: none
        where it was not sent as planned.
        """
        contents = (*contents, digest(answer))
        call = EarlierCall(unit, contents)
        if token_ends:
            tokens = np.concatenate((token_ids, np.asarray(output_ids, np.int32)))
            call = EarlierCall(unit, contents, tokens, (*token_ends, len(tokens)))
        keys = []
        for later, moves in self._later.get(node, ()):
            repeated = _repeated(moves, contents)
            if repeated is not None:
                keys += [key_of(later, session, repeated), key_of(later, session, ())]
        if keys:
            self._calls.add(call, keys)


def _repeated(moves: Rearrangement, contents: Contents) -> list[bytes] | None:
    """The digests of the pieces by which an earlier call is known; None where one is unknown."""
    found = [contents[piece] for _, piece in moves.same]
    known = [item for item in found if item is not None]
    return known if len(known) == len(found) else None
