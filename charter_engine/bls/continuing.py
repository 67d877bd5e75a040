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
TOO_LITTLE = "repeats too little of an earlier call to tell which"

LEAST_CHARACTERS = 64
"""What a prompt must repeat of a call whose pieces it does not repeat all: an answer such as "yes"
has been given to others too."""


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
        self,
        node: str,
        moves: Rearrangement,
        calls: Sequence[EarlierCall],
        texts: Sequence[str],
        session: str,
    ) -> tuple[EarlierCall | None, str]:
        """The call to go on from, or why there is none. `texts` are the prompt's written pieces.

        Where the prompt repeats every variable of the call, all that is sent stands in it. Else it
        must repeat enough, and no other call may do.
        """
        if not calls:
            met_before = bool(session) and bool(self._calls.find(key_of(node, session, ())))
            return None, DIFFERS if met_before else self._unknown
        as_planned = [call for call in calls if call.as_planned]
        if not as_planned:
            return None, NOT_AS_PLANNED
        doubt = self._doubt(node, moves, as_planned, texts, session)
        return (None, doubt) if doubt else (as_planned[0], "")

    def _doubt(
        self,
        node: str,
        moves: Rearrangement,
        calls: Sequence[EarlierCall],
        texts: Sequence[str],
        session: str,
    ) -> str:
        """Why it is not certain which of the calls a prompt goes on from; "" where it is."""
        latest = calls[0]
        if not all(same_tokens(latest, call) for call in calls):
            return SEVERAL_CALLS
        if len(moves.same) == sum(item is not None for item in latest.contents):
            return ""
        if sum(len(texts[written]) for written, _ in moves.same) < LEAST_CHARACTERS:
            return TOO_LITTLE
        (answer,) = (texts[written] for written, piece in moves.same if piece == moves.answer)
        in_doubt = self._calls.find(_in_doubt(node, session, digest(answer)))
        return SEVERAL_CALLS if in_doubt else ""

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

        `contents` are what is known of its planned pieces: nothing where they could not be told
        apart. `token_ends` are their ends: none where it was not sent as planned.
        """
        later = self._later.get(node, ())
        if not contents:
            keys = [_in_doubt(name, session, digest(answer)) for name, _ in later]
            self._calls.add(EarlierCall(unit, ()), keys)
            return
        contents = (*contents, digest(answer))
        call = EarlierCall(unit, contents)
        if token_ends:
            tokens = np.concatenate((token_ids, np.asarray(output_ids, np.int32)))
            call = EarlierCall(unit, contents, tokens, (*token_ends, len(tokens)))
        keys = []
        for name, moves in later:
            repeated = _repeated(moves, contents)
            if repeated is not None:
                keys += [key_of(name, session, repeated), key_of(name, session, ())]
        if keys:
            self._calls.add(call, keys)


def _in_doubt(node: str, session: str, answer: bytes) -> bytes:
    """The key of calls of which the answer is known and the pieces are not."""
    return key_of(node, session, (b"in doubt", answer))


def _repeated(moves: Rearrangement, contents: Contents) -> list[bytes] | None:
    """The digests of the pieces by which an earlier call is known; None where one is unknown."""
    found = [contents[piece] for _, piece in moves.same]
    known = [item for item in found if item is not None]
    return known if len(known) == len(found) else None
