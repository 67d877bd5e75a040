"""Jinja templates made plain: what is included, blocks, loops over literals and constants are
written out, and only `{{ fields }}` are left. What only the running program decides is a hole."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from charter_engine.parser.values.pieces import add_piece
from charter_engine.parser.values.values import Hole, Piece, Static, Value

Include = Callable[[str], Static | None]
"""The text of another template, by its name; None where it isn't at hand."""

TOKEN = re.compile(r"\{%-?\s*(.*?)\s*-?%\}|\{#.*?#\}|\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
HOLDING = frozenset("block for if macro filter call with".split())
"""Tags that end with one of their own."""

MAX_INCLUDES = 8
MAX_TURNS = 50
MAX_PIECES = 400
"""Assumed: no prompt has so many includes, turns or pieces; one that includes itself has no end."""


def nothing(_: str) -> None:
    """Where no other templates are at hand."""


@dataclass
class TemplateNode:
    """A tag with what stands in it, or a text (`tag` empty)."""

    tag: str = ""
    words: str = ""
    text: Static = field(default_factory=lambda: Static(""))
    inside: list[TemplateNode] = field(default_factory=list)
    line: int = 0


def written_out(template: Static, include: Include = nothing) -> tuple[Piece, ...]:
    """The pieces of a template; its fields stay as they are written."""
    pieces: list[Piece] = []
    for piece in Writer(include).written(template, {}):
        add_piece(pieces, piece)
        if len(pieces) > MAX_PIECES:
            return (Hole("", Value(), template.source_line),)
    return tuple(pieces)


class Writer:
    """Writes templates out; `depth` counts those that include each other."""

    def __init__(self, include: Include) -> None:
        self.include = include
        self.blocks: dict[str, TemplateNode] = {}
        self.depth = 0

    def written(self, template: Static, constants: Mapping[str, str]) -> Iterator[Piece]:
        nodes = parsed(template)
        if nodes is None or self.depth > MAX_INCLUDES:
            yield Hole("", Value(), template.source_line)
            return
        base = next((node for node in nodes if node.tag == "extends"), None)
        for node in blocks_in(nodes) if base is not None else ():
            self.blocks.setdefault(node.words, node)
        self.depth += 1
        if base is not None:
            yield from self.named(base, constants)
        else:
            yield from self.all(nodes, dict(constants))
        self.depth -= 1

    def named(self, node: TemplateNode, constants: Mapping[str, str]) -> Iterator[Piece]:
        """What the template that a tag names holds."""
        name = literal(node.words.partition(" with")[0].partition(" ignore")[0])
        found = self.include(name) if isinstance(name, str) else None
        if found is None:
            yield Hole("", Value(), node.line)
        else:
            yield from self.written(found, constants)

    def all(self, nodes: Sequence[TemplateNode], constants: dict[str, str]) -> Iterator[Piece]:
        for node in nodes:
            yield from self.one(node, constants)

    def one(self, node: TemplateNode, constants: dict[str, str]) -> Iterator[Piece]:
        if not node.tag:
            yield from with_constants(node.text, constants)
        elif node.tag == "include":
            yield from self.named(node, constants)
        elif node.tag == "block":
            yield from self.all(self.blocks.get(node.words, node).inside, constants)
        elif node.tag == "set":
            name, _, value = node.words.partition("=")
            if isinstance(known := literal(value), str | int):
                constants[name.strip()] = str(known)
        elif node.tag == "for":
            yield from self.loop(node, constants)
        elif node.tag not in ("extends", "macro", "import", "from"):
            yield Hole("", Value(), node.line)

    def loop(self, node: TemplateNode, constants: dict[str, str]) -> Iterator[Piece]:
        name, _, over = node.words.partition(" in ")
        members = literal(over)
        if not isinstance(members, list | tuple) or not all(map(is_plain, members)):
            yield Hole("", Value(), node.line)
            return
        for item in members[:MAX_TURNS]:
            yield from self.all(node.inside, {**constants, name.strip(): str(item)})


def parsed(template: Static) -> list[TemplateNode] | None:
    """The tags of a template with what they hold; None where they don't match."""
    text = RAW.sub(lambda match: match[1].replace("{", "{\u200b"), template.text)
    top = TemplateNode()
    open_nodes = [top]
    start = 0
    for match in TOKEN.finditer(text):
        if match[1] is None and not match[0].startswith("{#"):
            continue
        before = text[start : match.start()]
        if match[0].startswith("{%-"):
            before = before.rstrip()
        add_text(open_nodes[-1], template, before, start)
        start = match.end()
        if match[0].endswith("-%}"):
            start += len(text[start:]) - len(text[start:].lstrip())
        if match[1] is None:
            continue
        line = template.source_line
        tag, _, words = match[1].partition(" ")
        if tag.startswith("end"):
            if len(open_nodes) == 1:
                return None
            open_nodes.pop()
            continue
        node = TemplateNode(tag, words.strip(), line=line)
        open_nodes[-1].inside.append(node)
        if tag in HOLDING or (tag == "set" and "=" not in words):
            open_nodes.append(node)
    add_text(open_nodes[-1], template, text[start:], start)
    return top.inside if len(open_nodes) == 1 else None


def add_text(node: TemplateNode, template: Static, text: str, start: int) -> None:
    if text:
        node.inside.append(TemplateNode(text=template.part(text.replace("{\u200b", "{"), start)))


def blocks_in(nodes: Sequence[TemplateNode]) -> Iterator[TemplateNode]:
    for node in nodes:
        if node.tag == "block":
            yield node
        yield from blocks_in(node.inside)


def with_constants(text: Static, constants: Mapping[str, str]) -> Iterator[Piece]:
    """A text with the fields filled in that hold constants."""
    start = 0
    for match in TOKEN.finditer(text.text):
        if match[2] in constants:
            yield text.part(text.text[start : match.start()], start)
            yield text.part(constants[match[2]], match.start())
            start = match.end()
    yield text.part(text.text[start:], start)


def is_plain(value: object) -> bool:
    return isinstance(value, str | int | float)


def literal(words: str) -> object:
    try:
        return ast.literal_eval(words.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
