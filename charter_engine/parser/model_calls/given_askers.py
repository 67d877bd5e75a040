"""Models and agents that code which isn't at hand is given to run, with what they are asked:
`run_with_retry(agent, {"messages": …})`, `safe_invoke(chain, {"topic": topic})`."""

from __future__ import annotations

import ast
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.parser.model_calls.catalogue import Catalogue, Family
from charter_engine.parser.model_calls.recognise import CallShape, Recognition, words_of
from charter_engine.parser.source.syntax import used_by
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.values import Kind, Made, Value

VERBS = ("invoke", "run", "kickoff", "chat", "complete")
"""Methods by which one that is given may be asked; the first that it has is taken."""


class GivenAsker(NamedTuple):
    """Who is asked, and the call that this comes to."""

    asked: Value
    shape: CallShape
    found: Recognition


def given_asker(shape: CallShape, catalogue: Catalogue) -> GivenAsker | None:
    """The only model or agent that a function is given to run, by its name, and hands on the answer
    of; None for any other call."""
    words, known = set(words_of(shape.verb)), catalogue.evidence
    running = known.running_given
    runs = not words.isdisjoint(running) and words <= running | known.beside_running
    if not runs or shape.receiver or shape.verb[:1].isupper():
        return None
    if isinstance(used_by(shape.parents, shape.node), ast.Expr):
        return None
    named = [(node, value) for _, node, value in shape.keywords]
    askers = [
        (node, value, verb, family)
        for node, value in (*shape.positional, *named)
        for verb, family in [asked_by(value, catalogue)]
        if family is not None
    ]
    if len(askers) != 1:
        return None
    asker, asked, verb, family = askers[0]
    said = tuple(item for item in shape.positional if item[0] is not asker)
    told = tuple(item for item in shape.keywords if item[0] in family.prompt)
    if not said and not told:
        return None
    why = f"`{shape.verb}` is given `{ast.unparse(asker)}` to run, and what it is asked"
    later = replace(
        shape,
        verb=verb,
        callee=frozenset(),
        receiver=asked.types,
        positional=said,
        keywords=told,
        held=asked.box,
    )
    return GivenAsker(asked, later, Recognition(family, why, by_evidence=True))


def asked_by(value: Value, catalogue: Catalogue) -> tuple[str, Family | None]:
    """The method that asks a model or an agent, and its family; none for what is neither."""
    for kind in in_order(value.types):
        name = kind.kind if isinstance(kind, Made) else kind.name if isinstance(kind, Kind) else ""
        for verb in VERBS if name else ():
            family = catalogue.family_of_verb(name, verb)
            if family is not None:
                return verb, family
    return "", None
