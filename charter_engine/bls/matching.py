"""Which node a prompt belongs to: by the longest static prefix, then by the longest static suffix.

Both indexes are radix trees whose edges are compared as whole strings, so a look-up costs no more
than reading the prompt's own prefix and suffix once, however many nodes the plan has. Of many that
begin and end alike, those are looked at whose fixed texts the prompt may hold.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from .grams import Grams
from .plan import Form, Node, Pieces

Value = TypeVar("Value")
FEW = 4
"""So many forms are sooner aligned than the prompt is looked through for all of them."""


@dataclass
class _Edge(Generic[Value]):
    label: str
    values: list[Value] = field(default_factory=list)
    children: dict[str, "_Edge[Value]"] = field(default_factory=dict)


class PrefixTree(Generic[Value]):
    """Values under strings; finds all whose string begins a text."""

    def __init__(self) -> None:
        self._root: _Edge[Value] = _Edge("")

    def add(self, key: str, value: Value) -> None:
        edge, position = self._root, 0
        while position < len(key):
            child = edge.children.get(key[position])
            if child is None:
                child = edge.children[key[position]] = _Edge(key[position:])
            shared = _shared_length(child.label, key, position)
            if shared < len(child.label):
                upper: _Edge[Value] = _Edge(child.label[:shared])
                child.label = child.label[shared:]
                upper.children[child.label[0]] = child
                child = edge.children[key[position]] = upper
            edge, position = child, position + shared
        edge.values.append(value)

    def longest_first(self, text: str) -> Iterator[list[Value]]:
        """The values of every key that `text` begins with, those of the longest key first."""
        edge, position, found = self._root, 0, [self._root.values]
        while position < len(text):
            child = edge.children.get(text[position])
            if child is None or not text.startswith(child.label, position):
                break
            edge, position = child, position + len(child.label)
            found.append(edge.values)
        return (values for values in reversed(found) if values)


@dataclass(frozen=True)
class Match:
    """A prompt recognised: the node, its form, and where each piece of it ends (exclusive, in
    characters)."""

    node: Node
    form: Form
    ends: tuple[int, ...]


class NodeIndex:
    """All forms of all nodes of a plan."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        holders: dict[Pieces, list[tuple[Node, Form]]] = {}
        for node in nodes:
            for form in node.forms:
                holders.setdefault(form.pieces, []).append((node, form))
        self._grams = Grams([filter(None, pieces) for pieces in holders])
        self._longest_suffix = 0
        groups: dict[str, _SamePrefix] = {}
        for number, (pieces, holding) in enumerate(holders.items()):
            prefix, suffix = static_prefix(pieces), static_suffix(pieces)
            group = groups.setdefault(prefix, _SamePrefix(prefix, holding[0][0].name))
            group.suffixes.add(suffix[::-1], _Candidate(number, pieces, tuple(holding)))
            self._longest_suffix = max(self._longest_suffix, len(suffix))
        self._prefixes: PrefixTree[_SamePrefix] = PrefixTree()
        for prefix, group in groups.items():
            self._prefixes.add(prefix, group)

    def find(self, prompt: str) -> Match | None:
        """The match with the longest prefix, then the longest suffix. None where nothing fits or
        two fit alike."""
        found = self.find_or_why(prompt)
        return found if isinstance(found, Match) else None

    def find_or_why(self, prompt: str) -> Match | str:
        """As `find`; where there is no match the reason, in words that hold nothing of the text."""
        matches = self._best(prompt)
        if len(matches) == 1:
            return matches[0]
        if matches:
            return "fits " + " and ".join(match.node.name for match in matches[:2]) + " alike"
        for groups in self._prefixes.longest_first(prompt):
            if groups[0].prefix:
                return f"begins like {groups[0].first}, whose other fixed text is not all there"
        return "begins like no node's prompt"

    def _best(self, prompt: str) -> list[Match]:
        """The match that pins down most; one for each of the nodes that fit alike."""
        backwards = prompt[-self._longest_suffix :][::-1]
        possible: Any = None
        aligned = 0
        for groups in self._prefixes.longest_first(prompt):
            for alike in groups[0].suffixes.longest_first(backwards):
                aligned += len(alike)
                if possible is None and aligned > FEW:
                    possible = self._grams.possible(prompt)
                matches = [
                    match
                    for candidate in alike
                    if possible is None or possible[candidate.number]
                    for match in candidate.matches(prompt)
                ]
                if matches:
                    return _pinning_most(matches)
        return []


@dataclass(frozen=True)
class _Candidate:
    """Pieces that a prompt may consist of, and the forms that have them. `number` counts these
    among all of an index."""

    number: int
    pieces: Pieces
    holders: tuple[tuple[Node, Form], ...]

    def matches(self, prompt: str) -> list[Match]:
        ends = align(self.pieces, prompt)
        return [] if ends is None else [Match(node, form, ends) for node, form in self.holders]


@dataclass
class _SamePrefix:
    """The forms that begin with one text, by their closing text read backwards; `first` is a node
    that has one."""

    prefix: str
    first: str
    suffixes: PrefixTree[_Candidate] = field(default_factory=PrefixTree)


def static_prefix(pieces: Pieces) -> str:
    """The text a prompt of these pieces is known to begin with."""
    texts = []
    for piece in pieces:
        if piece is None:
            break
        texts.append(piece)
    return "".join(texts)


def static_suffix(pieces: Pieces) -> str:
    """The text a prompt of these pieces is known to end with."""
    texts: list[str] = []
    for piece in reversed(pieces):
        if piece is None:
            break
        texts.append(piece)
    return "".join(reversed(texts))


def known_prefix(pieces: Pieces, prompt: str) -> tuple[int, ...]:
    """Where the static pieces that begin the prompt end; those before the first that is not
    there."""
    ends: list[int] = []
    position = 0
    for piece in pieces:
        if piece is None or not prompt.startswith(piece, position):
            break
        position += len(piece)
        ends.append(position)
    return tuple(ends)


def align(pieces: Pieces, prompt: str) -> tuple[int, ...] | None:
    """Where each piece ends in the prompt, or None if the static ones are not there in this order.

    A variable reaches to the next occurrence of the static text behind it, and the closing static
    text is taken from the prompt's end. Of adjacent variables, which nothing separates, the first
    gets the whole text.
    """
    tail = len(pieces)
    while tail and pieces[tail - 1] is not None:
        tail -= 1
    closing = static_suffix(pieces)
    limit = len(prompt) - len(closing)
    if limit < 0 or not prompt.endswith(closing):
        return None
    ends: list[int] = []
    open_variables = 0
    position = 0
    for piece in pieces[:tail]:
        if piece is None:
            open_variables += 1
            continue
        start = prompt.find(piece, position, limit) if open_variables else position
        if start < 0 or not prompt.startswith(piece, start) or start + len(piece) > limit:
            return None
        ends += [start] * open_variables + [start + len(piece)]
        position, open_variables = start + len(piece), 0
    ends += [limit] * open_variables
    if not tail and limit:
        return None
    position = limit
    for piece in pieces[tail:]:
        position += len(piece or "")
        ends.append(position)
    return tuple(ends)


def _pinning_most(matches: list[Match]) -> list[Match]:
    """Of the matches that pin down most of the prompt, the first of every node."""
    most = max(map(_pinned, matches))
    best: dict[str, Match] = {}
    for match in matches:
        if _pinned(match) == most:
            best.setdefault(match.node.name, match)
    return list(best.values())


def _pinned(match: Match) -> int:
    return sum(len(piece) for piece in match.form.pieces if piece is not None)


def _shared_length(label: str, key: str, position: int) -> int:
    length = 0
    for one, other in zip(label, key[position : position + len(label)], strict=False):
        if one != other:
            break
        length += 1
    return length
