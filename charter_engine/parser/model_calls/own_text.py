"""How much a function adds to the prompt that its caller gives, in characters."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from charter_engine.parser.flows.edges import parameters_in
from charter_engine.parser.model_calls.findings import Visit
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.source.symbols import dotted_name
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.pieces import pieces_of
from charter_engine.parser.values.values import Hole, Piece, Static, Value


class OwnText(NamedTuple):
    """So many characters a wrapper may add to the prompt it is given, and so many its own rules
    before that may have: the system message."""

    prompt: int
    rules: int


NO_TEXT = OwnText(0, 0)


FOREIGN = 26
"""What a filling from elsewhere counts for, whose text can't be seen."""

MARKUP = re.compile(
    r"\\n|data:image/?|base64|\b(human|assistant|user|system|ai|instruction|response|input|output|inst|im_start|im_end|prompt|s)\b|[^\w]+",
    re.IGNORECASE,
)
"""What a chat template is made of; it says nothing of its own."""


def text_beside(visit: Visit, own: set[int]) -> OwnText:
    """What a prompt holds beside what the caller gave."""
    rules = sum(own_text(pieces_of(part), own) for role, part in visit.prompt if role == "system")
    asked = sum(own_text(pieces_of(part), own) for role, part in visit.prompt if role != "system")
    return OwnText(asked, rules)


def is_written(part: Value) -> bool:
    """Whether some of a text stands in the source."""
    return any(isinstance(piece, Static) for piece in part.pieces or ())


def written(pieces: tuple[Piece, ...]) -> str:
    """What is written out of a text at hand, without markup."""
    return "".join(
        MARKUP.sub("", piece.text)
        if isinstance(piece, Static)
        else written(piece.value.pieces or ())
        for piece in pieces
    )


def own_text(pieces: tuple[Piece, ...], own: set[int]) -> int:
    """Characters that don't come from the caller; a filling mixed from several parameters counts as
    written here, and of several texts the shortest."""
    total, before = 0, ""
    for piece in pieces:
        if isinstance(piece, Static):
            total += len(MARKUP.sub("", piece.text))
            before = piece.text
        elif may_be_empty(piece) or before.endswith("base64,"):
            continue
        elif piece.value.pieces is not None:
            total += own_text(piece.value.pieces, own)
        else:
            is_given = len(parameters_in(piece.value.all_origins()) & own) == 1
            is_known = is_given or is_conversation(piece) or is_image(piece)
            is_foreign = fills_text(piece.source) or not is_known
            total += max(FOREIGN * is_foreign, len(MARKUP.sub("", piece.written)))
    return total


def may_be_empty(piece: Hole) -> bool:
    """Whether a filling is nothing on one of two ways: `hint = "" if attempt == 0 else AGAIN`."""
    chosen = piece.source if isinstance(piece.source, str) else ""
    return chosen.startswith("'' if ") or chosen.endswith(" else ''")


def fills_text(source: ast.expr | str) -> bool:
    """Whether a filling is what a text that isn't at hand becomes: `prompts.get_prompt("plan",
    goal=goal)`, `template.format(goal=goal)`."""
    if not isinstance(source, ast.Call):
        return False
    words = words_of(last_name(source.func))
    is_named_so = bool(words) and words[0] in GETTING and words[-1] in TEXTS
    return is_named_so or words in FILLING


FILLING = (("format",), ("format", "map"), ("render",), ("substitute",), ("safe", "substitute"))
GETTING = frozenset("get load make build create fill format render".split())
TEXTS = frozenset("prompt prompts template templates".split())
"""Words of functions that fill a text: all of them, or the first with the last."""


def is_conversation(piece: Hole) -> bool:
    """A filling that by its name is the conversation so far, or the system prompt."""
    source = piece.source if isinstance(piece.source, str) else dotted_name(piece.source)
    return not source or bool(set(words_of(source)) & CONVERSATION)


CONVERSATION = frozenset(
    "system history messages message memory conversation context chat prefix prompt tools".split()
)


def is_image(piece: Hole) -> bool:
    """A filling that by its name is an image: what is said with it stands beside it."""
    source = piece.source if isinstance(piece.source, str) else last_name(piece.source)
    return not IMAGES.isdisjoint(words_of(source))


IMAGES = frozenset("image images img base64 b64 screenshot photo picture".split())
