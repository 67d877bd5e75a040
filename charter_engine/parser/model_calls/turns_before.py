"""What a conversation that outlasts a function holds of turns before: nothing that the function
says itself."""

from __future__ import annotations

import ast
import dataclasses

from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.model_calls.own_text import is_written
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.model_calls.wrappers import takes_turns
from charter_engine.parser.prompts.kept_talks import HISTORY
from charter_engine.parser.source.symbols import FunctionDefinition, walk
from charter_engine.parser.values.values import Value


def without_turns_before(definition: FunctionDefinition, visits: list[Visit]) -> list[Visit]:
    """The visits of a method with what they ask in this turn alone, where its object keeps a
    conversation, and it doesn't ask again with what tools gave."""
    if not visits or not keeps_talk(definition) or takes_turns(visits):
        return visits
    found: list[Visit] = []
    asked: set[int] = set()
    for visit in visits:
        found.append(in_this_turn(visit, asked))
        asked.add(visit.site)
    return found


def keeps_talk(definition: FunctionDefinition) -> bool:
    """Whether a method reads a conversation that its object keeps: `self.messages`."""
    return definition.takes_self and any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == definition.own_name
        and not HISTORY.isdisjoint(words_of(node.attr)[-1:])
        for node in walk(definition.node)
    )


def in_this_turn(visit: Visit, asked: set[int]) -> Visit:
    """A visit without the messages up to the last answer of a turn before, but for the rules and
    what is written out. `asked` are the sites that this turn has asked until then."""
    answers = [
        number
        for number, (role, part) in enumerate(visit.prompt)
        if role == "assistant" and is_earlier_answer(part, asked)
    ]
    last = max(answers, default=-1)
    said = tuple(
        (role, part)
        for number, (role, part) in enumerate(visit.prompt)
        if number > last or role == "system" or is_written(part)
    )
    return visit if len(said) == len(visit.prompt) else dataclasses.replace(visit, prompt=said)


def is_earlier_answer(part: Value, asked: set[int]) -> bool:
    """Whether a message is what a model answered in a turn before, as it came."""
    sites = {site for one in part.all_origins() for site, _ in one.chain if site >= 0}
    return bool(sites - asked) and not is_written(part)
