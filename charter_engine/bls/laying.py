"""Laying out prompts that programs send as their source writes them.

A prompt is rearranged only where nothing about it is in doubt. Else it goes on as it came, and the
reason is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .alignment import fits, only_alignment
from .arms import CONTROL, arm_of, unit_of
from .continuing import Continuing
from .earlier import Contents, EarlierCall, digest
from .matching import Match
from .plan import AS_WRITTEN, Node, ServedPlan
from .rearrangement import Rearrangement

AS_PLANNED_ALREADY = "came as planned"
IN_CONTROL = "its session is in the control share"
SEVERAL_WAYS = "its pieces can be told apart in several ways"
UNLIKE_ITS_NODE = "does not fit its node's prompt as written"
NOT_TEXT = "not sent as one text"
REFUSED = "the engine refused it as the continuation of a call"


@dataclass(frozen=True)
class Laying:
    """What became of a prompt's layout.

    `texts` are the planned pieces to send, behind those of `earlier` where it continues a call.
    None where the prompt goes on as it came, for `reason` ("": its node has no other layout).
    `arm` and `unit` place its session in a trial.
    `contents` tell what is known of its planned pieces.
    """

    texts: tuple[str, ...] | None = None
    earlier: EarlierCall | None = None
    reason: str = ""
    arm: str = ""
    unit: str = ""
    contents: Contents = ()


class LayingOut:
    """Lays out prompts under one plan, those in one of its markups (`ServedPlan.node_sets`).

    All methods may be called from any thread.
    """

    def __init__(self, plan: ServedPlan, instances: int = 1, markup: int = 0) -> None:
        self._plan = plan
        # A call is continued in the markup in which it was sent.
        self._continuing = Continuing(replace(plan, nodes=plan.node_sets[markup]), instances)

    def of(self, match: Match, prompt: str, session: str) -> Laying:
        """What to send for a prompt whose node was found; `session` is "" where the client names
        none."""
        node = match.node
        if match.form is node.forms[0]:
            return self._as_planned(node, prompt, session)
        if match.form.name != AS_WRITTEN:
            return Laying()
        if node.rearrangement is None:
            return Laying(reason=node.not_rearranged)
        if match.form.rendered:
            return Laying(reason=node.within_markup)
        texts = only_alignment(match.form.pieces, prompt)
        if texts is None or self._fits_other_markup(match, prompt):
            return self._drawn(Laying(reason=SEVERAL_WAYS), session, digest(prompt))
        return self._rearranged(node, node.rearrangement, texts, session)

    def answered(
        self,
        node: str,
        session: str,
        laying: Laying,
        token_ids: Any,
        token_ends: Sequence[int],
        output_ids: Sequence[int],
        answer: str,
    ) -> None:
        """Remember an answered prompt that later ones may continue; `token_ends` are those of its
        pieces."""
        if laying.unit and self._continuing.concerns(node):
            as_planned = laying.texts is not None or laying.reason in {"", AS_PLANNED_ALREADY}
            self._continuing.remember(
                node,
                session,
                laying.unit,
                laying.contents,
                token_ids,
                token_ends if as_planned else (),
                output_ids,
                answer,
            )

    def _fits_other_markup(self, match: Match, prompt: str) -> bool:
        """Whether the prompt could be its node's in another of the plan's markups: a variable may
        hold what looks like this one."""
        forms = (
            form
            for nodes in self._plan.node_sets
            if (node := nodes.get(match.node.name)) is not None
            for form in node.forms
        )
        return any(
            form.name == AS_WRITTEN
            and not form.rendered
            and form.pieces != match.form.pieces
            and fits(form.pieces, prompt)
            for form in forms
        )

    def _as_planned(self, node: Node, prompt: str, session: str) -> Laying:
        """A prompt that came in the planned form: others may go on from it."""
        reason = AS_PLANNED_ALREADY if node.rearrangement is not None else ""
        if not reason and not self._continuing.concerns(node.name):
            return Laying()
        pieces = node.forms[0].pieces
        texts = only_alignment(pieces, prompt) or ()
        contents = tuple(
            digest(text) if piece is None else None
            for piece, text in zip(pieces, texts, strict=False)
        )
        own = _own(contents) or digest(prompt)
        return self._drawn(Laying(reason=reason, contents=contents), session, own)

    def _rearranged(
        self, node: Node, moves: Rearrangement, texts: Sequence[str], session: str
    ) -> Laying:
        contents = _contents(moves, texts)
        own = _own(contents)
        if not moves.extends:
            laying = self._drawn(Laying(contents=contents), session, own)
            return _controlled(laying) or replace(laying, texts=_planned(node, moves, texts))
        calls = self._continuing.found(node.name, moves, contents, session)
        unit = calls[0].unit if calls else ""
        laying = self._drawn(Laying(contents=contents), session, own, unit)
        earlier, reason = self._continuing.chosen(node.name, moves, calls, texts, session)
        if earlier is None:
            return _controlled(laying) or replace(laying, reason=reason)
        return _controlled(laying) or replace(
            laying,
            texts=_planned(node, moves, texts),
            earlier=earlier,
            contents=(*earlier.contents, *contents[moves.earlier :]),
        )

    def _drawn(self, laying: Laying, session: str, own: bytes, unit: str = "") -> Laying:
        """The same with its arm: that of its session, known by name, by the call it continues, or
        by its own pieces."""
        name = digest(session) if session else own
        unit = unit or unit_of(self._plan.agent, name)
        return replace(laying, unit=unit, arm=arm_of(unit, self._plan.share))


def _controlled(laying: Laying) -> Laying | None:
    return replace(laying, reason=IN_CONTROL) if laying.arm == CONTROL else None


def _contents(moves: Rearrangement, texts: Sequence[str]) -> Contents:
    """What a prompt as written tells of its planned pieces."""
    known = [None if source is None else digest(texts[source]) for source in moves.fill]
    for source, piece in moves.same:
        known[piece] = digest(texts[source])
    return tuple(known)


def _own(contents: Contents) -> bytes:
    """What tells a prompt's variables from those of others."""
    return b"".join(item for item in contents if item is not None)


def _planned(node: Node, moves: Rearrangement, texts: Sequence[str]) -> tuple[str, ...]:
    """The planned pieces that do not come with the earlier call."""
    planned = node.forms[0].pieces[moves.earlier :]
    return tuple(
        text or "" if source is None else texts[source]
        for source, text in zip(moves.fill[moves.earlier :], planned, strict=True)
    )
