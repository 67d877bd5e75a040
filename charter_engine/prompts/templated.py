"""Prompts written as messages, in the markup of a model's chat template.

A template is a program, so its markup is found by having it write marks in place of texts. It is
certain only where the template does with a prompt's own texts as it did with the marks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from charter_engine.prompts.assembly import HEADING, Piece, Prompt

Writes = Callable[[Sequence[tuple[str, str]]], str]
"""Roles and texts of messages; gives the prompt that a chat template makes of them. Raises
`ValueError` where the template refuses them."""

GIVEN = "\ue002"
"""Stands, in what `Writes` gives, for text that the template or its caller puts in and that
differs from one request to the next: the date, tools."""

GIVEN_KIND = "given"
"""The kind of a piece that stands for such text."""

_MARK = "\ue000{}\ue001"
_SPACE = "\n\u2003\n"
"""White space that no markup holds: a template that trims messages takes it away."""
_OPEN = "…"
Edge = tuple[str, str, int]


class OtherMarkup(ValueError):
    """A prompt of which no template can be said to make a certain text; the message says why."""


@dataclass(frozen=True)
class TemplatedPrompt:
    """A prompt as a chat template writes it.

    `origins[i]` is the piece of the prompt as it was that piece `i` comes from.
    `edges` are the variables whose white space the template takes away on one side: `begin` or
    `end`, and node and source of the piece.
    """

    pieces: Prompt
    origins: tuple[int, ...]
    edges: frozenset[Edge]


@dataclass(frozen=True)
class _MessagePieces:
    """What stands behind a heading; `first` is the index of the heading's piece."""

    role: str
    first: int
    content: Prompt


@dataclass(frozen=True)
class _Markup:
    """The text before each message, and behind the last; and for each message whether white space
    is taken off its begin and its end."""

    between: tuple[str, ...]
    trimmed: tuple[tuple[bool, bool], ...]


def in_template(prompt: Prompt, write: Writes) -> TemplatedPrompt:
    """The prompt with a template's markup in place of its headings.

    Raises `OtherMarkup` where its messages cannot be told apart in what the template writes.
    """
    *messages, closing = _messages(prompt)
    if not messages or closing.content:
        raise OtherMarkup("does not end with a message that asks for an answer")
    markup = _markup([message.role for message in messages], write)
    _require_certain(messages, markup, write)
    found: list[tuple[Piece, int]] = []
    edges: set[Edge] = set()
    for message, before, trimmed in zip(
        (*messages, closing), markup.between, (*markup.trimmed, (False, False)), strict=True
    ):
        found += [(piece, message.first) for piece in _given_apart(before, prompt[message.first])]
        shown, bare = _shown(message.content, trimmed)
        found += [
            (piece, message.first + 1 + index) for index, piece in enumerate(shown) if piece.text
        ]
        edges |= bare
    pieces, origins = zip(*found, strict=True)
    return TemplatedPrompt(pieces, origins, frozenset(edges))


def _messages(prompt: Prompt) -> list[_MessagePieces]:
    starts = [index for index, piece in enumerate(prompt) if piece.kind == HEADING]
    if not starts or starts[0] != 0:
        raise OtherMarkup("is not written as messages")
    ends = [*starts[1:], len(prompt)]
    return [
        _MessagePieces(_role(prompt[start]), start, prompt[start + 1 : end])
        for start, end in zip(starts, ends, strict=True)
    ]


def _role(heading: Piece) -> str:
    """As `assembly.ROLE_HEADER` writes it."""
    return heading.text.strip().removeprefix("<|").removesuffix("|>")


def _markup(roles: Sequence[str], write: Writes) -> _Markup:
    between = _between(roles, write, "")
    spaced = _between(roles, write, _SPACE)
    kept: list[tuple[bool, bool]] = []
    for plain, wide in zip(between, spaced, strict=True):
        ends, begins = wide.startswith(_SPACE), wide.endswith(_SPACE)
        if wide != _SPACE * ends + plain + _SPACE * begins:
            raise OtherMarkup("the chat template rewrites the ends of messages")
        kept.append((ends, begins))
    trimmed = [(not begins, not ends) for (_, begins), (ends, _) in pairwise(kept)]
    return _Markup(tuple(between), tuple(trimmed))


def _between(roles: Sequence[str], write: Writes, around: str) -> list[str]:
    """What the template writes before, between and behind messages that hold only a mark."""
    marks = [_MARK.format(number) for number in range(len(roles))]
    texts = [around + mark + around for mark in marks]
    rest = _written(list(zip(roles, texts, strict=True)), write)
    found: list[str] = []
    for mark in marks:
        before, is_there, rest = rest.partition(mark)
        if not is_there:
            raise OtherMarkup("the chat template leaves out or reorders messages")
        found.append(before)
    return [*found, rest]


def _require_certain(messages: Sequence[_MessagePieces], markup: _Markup, write: Writes) -> None:
    """The template must do with the prompt's texts as it did with the marks."""
    sent: list[tuple[str, str]] = []
    expected = markup.between[0]
    for message, trimmed, behind in zip(messages, markup.trimmed, markup.between[1:], strict=True):
        numbered = tuple(
            piece if piece.kind == "static" else replace(piece, text=_MARK.format(index))
            for index, piece in enumerate(message.content)
        )
        sent.append((message.role, _text(numbered)))
        expected += _text(_shown(numbered, trimmed)[0]) + behind
    if _written(sent, write) != expected:
        raise OtherMarkup("the chat template rewrites what its messages hold")


def _written(messages: Sequence[tuple[str, str]], write: Writes) -> str:
    try:
        return write(messages)
    except ValueError as error:
        raise OtherMarkup(f"the chat template refuses its messages: {error}") from None


def _text(pieces: Prompt) -> str:
    return "".join(piece.text for piece in pieces)


def _shown(content: Prompt, trimmed: tuple[bool, bool]) -> tuple[Prompt, set[Edge]]:
    """A message's pieces as the template shows them, and the variables that it trims."""
    pieces = list(content)
    edges: set[Edge] = set()
    indices = range(len(pieces))
    sides = (("begin", indices, str.lstrip), ("end", indices[::-1], str.rstrip))
    for (side, inwards, strip), is_trimmed in zip(sides, trimmed, strict=True):
        for index in inwards if is_trimmed else ():
            piece = pieces[index]
            if piece.kind != "static":
                edges.add((side, piece.node, piece.source))
                break
            pieces[index] = replace(piece, text=strip(piece.text))
            if pieces[index].text:
                break
    return tuple(pieces), edges


def _given_apart(markup: str, heading: Piece) -> Iterator[Piece]:
    """Markup as pieces: fixed text, and what is put in anew for every request."""
    for index, text in enumerate(markup.split(GIVEN)):
        if index:
            yield replace(heading, text=_OPEN, kind=GIVEN_KIND)
        if text:
            yield replace(heading, text=text)
