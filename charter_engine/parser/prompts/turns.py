"""What a prompt holds in every turn, and what each turn before has left in it.

A history is seen twice: as it was sent in the first turn and as it was sent in a later one. What
the later prompt has more is what one turn leaves, and every turn leaves as much.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.model_calls.findings import Message, Site
from charter_engine.parser.prompts.prompts import perhaps
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.pieces import flattened, pieces_of
from charter_engine.parser.values.values import UNKNOWN, Hole, Limit, Piece, Static, Value

NOTHING_SEEN: tuple[Message, ...] = (("", Value(pieces=(Hole("", UNKNOWN),))),)
"""The prompt of a call that is sent something, though none of it can be seen."""

Shape = tuple[object, ...]
"""What tells the places of a prompt's texts apart, whatever fills them."""


class Turns(NamedTuple):
    """The messages that stand before a history; those that it begins with anew, where it does;
    those that every turn adds; and those behind it."""

    opening: tuple[Message, ...]
    anew: tuple[Message, ...] = ()
    each: tuple[Message, ...] = ()
    closing: tuple[Message, ...] = ()


def turns_of(site: Site) -> Turns:
    """The messages of a site's prompt by turns; where no turns can be told, all of the later
    prompt."""
    if not site.prompt:
        return Turns(NOTHING_SEEN)
    anew = tuple(message for message in site.prompt if is_anew(message))
    grown = grown_from(site.opening, site.prompt) if is_repeated(site) else None
    if grown is None:
        return Turns(tuple(untrimmed(message) for message in site.prompt))
    return Turns(grown.opening, distinct(anew), distinct(grown.each), grown.closing)


def limit_of(turns: Turns) -> Limit | None:
    """What bounds a history."""
    limits = (value.limit for _, value in (*turns.opening, *turns.each) if value.limit is not None)
    return next(limits, None) if turns.each else None


def is_anew(message: Message) -> bool:
    limit = message[1].limit
    return limit is not None and limit.begins


def as_sent(site: Site, sites: dict[int, Site]) -> Site:
    """A call of a wrapper with the prompt that the wrapper sends for it, in any case rather than
    on one way only, as far as that is seen to
    hold what it is given, if anything, or is what agents say that it is given; any other call as
    it is."""
    inner = next((sites[number] for number in site.via if turns_of(sites[number]).each), None)
    last_first = [*reversed(site.via), *site.sent]
    always = [number for number in last_first if sites[number].condition is None]
    known = (number for number in (*always, *last_first) if number in site.sent)
    first, later = next((site.sent[number] for number in known), ((), ()))
    is_of_agents = any(any(made_in(value)) for value in site.given.values())
    is_told = not site.given or is_of_agents or holds(first, site.opening)
    if first and (inner is not None or is_told):
        return dataclasses.replace(site, opening=first, prompt=later)
    if inner is None:
        return site
    inner = as_sent(inner, sites)
    opening = filled(inner.opening, site.given)
    is_once = site.loop is None and not site.repeated_by
    fillings = {
        key: {
            chain: (site.number if number == inner.number else number, carried)
            for chain, (number, carried) in made.items()
        }
        for key, made in inner.fillings.items()
    }
    return dataclasses.replace(
        site,
        opening=opening,
        prompt=opening if is_once else filled(inner.prompt, site.given),
        fillings=fillings | site.fillings,
    )


def holds(sent: tuple[Message, ...], given: tuple[Message, ...]) -> bool:
    """Whether everything of a prompt, which is not nothing, is part of another; a single word may
    name a template that the other is made of."""
    pieces = in_pieces(sent)
    text = "\n".join(piece.text for piece in pieces if isinstance(piece, Static))
    fillings = {key for piece in pieces if isinstance(piece, Hole) for key in keys_of(piece)}
    asked = in_pieces(given)
    return bool(asked) and all(
        piece.text in text or piece.text.isidentifier()
        if isinstance(piece, Static)
        else piece.key in fillings
        for piece in asked
    )


def keys_of(hole: Hole) -> set[tuple[int, int, str]]:
    """A hole's own place, and that of what its function was given for it."""
    given = hole.value.source
    return {hole.key, *({Hole(given, UNKNOWN).key} if given is not None else ())}


def in_pieces(messages: tuple[Message, ...]) -> list[Piece]:
    """The pieces of messages, with those of the texts that fill them in their holes' places."""
    found: list[Piece] = []
    pending = [piece for _, value in reversed(messages) for piece in reversed(value.pieces or ())]
    while pending:
        piece = pending.pop()
        inner = piece.value.pieces if isinstance(piece, Hole) else None
        if inner:
            pending += reversed(inner)
        else:
            found.append(piece)
    return found


def filled(messages: tuple[Message, ...], given: dict[str, Value]) -> tuple[Message, ...]:
    """The messages of a function with what a call of it gives in the place of its parameters."""
    return tuple(
        (
            role,
            replace(
                value,
                pieces=tuple(part for piece in value.pieces or () for part in put(piece, given)),
            ),
        )
        for role, value in messages
    )


def put(piece: Piece, given: dict[str, Value]) -> tuple[Piece, ...]:
    name = piece.source.id if isinstance(piece, Hole) and isinstance(piece.source, ast.Name) else ""
    value = given.get(name)
    if value is None or value.box is not None:
        return (piece,)
    return pieces_of(value)


def is_repeated(site: Site) -> bool:
    """Whether an earlier answer of the call, or of one that it takes turns with, reaches it."""
    return any(carried == "loop" for _, carried in site.edges)


def grown_from(first: tuple[Message, ...], later: tuple[Message, ...]) -> Turns | None:
    """What a later prompt has more than the first, in one place; None where the first isn't all
    there. What a history begins with anew is in neither."""
    first, later = (
        tuple(message for message in messages if not is_anew(message))
        for messages in (first, later)
    )
    return (
        grown_by(first, later)
        or grown_by(texts_of(first), texts_of(later))
        or grown_by(whole_texts_of(first), whole_texts_of(later))
    )


def grown_by(first: tuple[Message, ...], later: tuple[Message, ...]) -> Turns | None:
    shapes = [shape(message) for message in later]
    wanted = [shape(message) for message in first]
    common = 0
    while common < min(len(wanted), len(shapes)) and wanted[common] == shapes[common]:
        common += 1
    behind = len(wanted) - common
    if not wanted or len(later) <= len(wanted) or shapes[len(shapes) - behind :] != wanted[common:]:
        return None
    end = len(later) - behind
    return Turns(later[:common], each=later[common:end], closing=later[end:])


def distinct(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages without those that stand in the same place of the source as one before."""
    return tuple({shape(message): message for message in reversed(messages)}.values())[::-1]


def texts_of(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The pieces of messages one by one: a text may grow as a list does."""
    return tuple(
        (role, Value(pieces=(piece,), origins=value.origins, limit=value.limit))
        for role, value in messages
        for piece in value.pieces or ()
    )


def whole_texts_of(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The pieces of messages one by one, with those of the texts that fill them in their places."""
    return texts_of(
        tuple(
            (role, replace(value, pieces=tuple(flattened(value.pieces or ()))))
            for role, value in messages
        )
    )


def shape(message: Message) -> Shape:
    role, value = message
    return (role, *(place(piece) for piece in value.pieces or ()))


def place(piece: Piece) -> object:
    return piece.text if isinstance(piece, Static) else piece.key


def untrimmed(message: Message) -> Message:
    """A member of a list of which only the end is sent: it may not be there."""
    role, value = message
    is_exact = value.limit is None or value.pieces is None
    return message if is_exact else (role, perhaps(value))
