"""The `parameters` in a text protobuf, found in place: what is edited keeps everything around it,
comments, layout and fields that nobody here knows.

Grammar: protobuf.dev, Text Format Language Specification.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf import text_encoding

TOKEN = re.compile(
    r"""\s+|\#[^\n]*|(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')"""
    r"""|(?P<mark>[{}<>\[\]:,;])|(?P<word>[^\s\#"'{}<>\[\]:,;]+)""",
    re.DOTALL,
)
CLOSING = {"{": "}", "<": ">", "[": "]"}


class NotTextFormat(ValueError):
    """A text that is no text protobuf."""


class TextSpan(NamedTuple):
    """From `start` up to, and without, `end`, in characters."""

    start: int
    end: int


class _Token(NamedTuple):
    text: str
    is_string: bool
    span: TextSpan


@dataclass(frozen=True)
class _Value:
    """A scalar, or a message with its fields."""

    span: TextSpan
    strings: tuple[str, ...] = ()
    fields: "tuple[_Field, ...]" = ()


@dataclass(frozen=True)
class _Field:
    """One field with its values; several where they stand in a list."""

    name: str
    span: TextSpan
    values: tuple[_Value, ...]
    commas: tuple[TextSpan, ...] = ()

    def cuts(self, index: int) -> tuple[TextSpan, ...]:
        """What to cut out to be rid of one value: the field with its only one, else the value and
        the comma that parts it from the next, or from the one before."""
        if len(self.values) == 1:
            return (self.span,)
        return (self.values[index].span, self.commas[min(index, len(self.commas) - 1)])

    def value(self, name: str) -> _Value | None:
        """The value of a field of the message that this one holds."""
        found = [item for item in self.values[0].fields if item.name == name]
        return found[-1].values[0] if found and found[-1].values else None


def with_parameter(text: str, key: str, value: str) -> str:
    """The text with one parameter set, in place where it has it, else at the end. Raises
    `NotTextFormat`."""
    quoted = f'"{text_encoding.CEscape(value, as_utf8=True)}"'
    present = [found for name, _, found in _parameters(text) if name == key]
    if present and present[-1] is not None:
        return text[: present[-1].start] + quoted + text[present[-1].end :]
    added = f'parameters {{\n  key: "{key}"\n  value {{ string_value: {quoted} }}\n}}\n'
    return f"{without_parameter(text, key).rstrip()}\n{added}"


def without_parameter(text: str, key: str) -> str:
    """The text without one parameter. Raises `NotTextFormat`."""
    cuts = [cut for name, cuts, _ in _parameters(text) if name == key for cut in cuts]
    for cut in sorted(cuts, reverse=True):
        text = text[: cut.start] + text[cut.end :]
    return text


def _parameters(text: str) -> Iterator[tuple[str, tuple[TextSpan, ...], TextSpan | None]]:
    """Each parameter's key, what to cut out to be rid of it, and where its value's text stands."""
    for field in _Reader(text).message(""):
        if field.name != "parameters":
            continue
        for index, value in enumerate(field.values):
            entry = _Field("", value.span, (value,))
            key, held = entry.value("key"), entry.value("value")
            if key is None:
                continue
            inner = _Field("", held.span, (held,)).value("string_value") if held else None
            cuts = tuple(_whole_lines(text, cut) for cut in field.cuts(index))
            yield _unquoted(key), cuts, inner.span if inner else None


def _unquoted(value: _Value) -> str:
    return "".join(
        text_encoding.CUnescape(string[1:-1]).decode(errors="surrogateescape")
        for string in value.strings
    )


def _whole_lines(text: str, span: TextSpan) -> TextSpan:
    """The span with its lines, where nothing else stands on them."""
    start = text.rfind("\n", 0, span.start) + 1
    newline = text.find("\n", span.end)
    end = len(text) if newline < 0 else newline + 1
    alone = not (text[start : span.start] + text[span.end : end]).strip()
    return TextSpan(start, end) if alone else span


class _Reader:
    """Reads the tokens of a text one after the other."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def message(self, closing: str) -> tuple[_Field, ...]:
        """The fields up to the closing mark, which is passed."""
        fields = []
        while (token := self._take(closing)) is not None:
            fields.append(self._field(token))
        return tuple(fields)

    def _field(self, name: _Token) -> _Field:
        if name.text == "[":  # an extension's name
            while self._take("]") is not None:
                pass
        self._skip(":")
        values, commas = self._values()
        end = self._tokens[self._next - 1].span.end
        separator = self._skip(",") or self._skip(";")
        span = TextSpan(name.span.start, separator.end if separator else end)
        return _Field(name.text, span, values, commas)

    def _values(self) -> tuple[tuple[_Value, ...], tuple[TextSpan, ...]]:
        if self._skip("[") is None:
            return (self._value(),), ()
        values, commas = [], []
        while self._skip("]") is None:
            values.append(self._value())
            comma = self._skip(",")
            if comma is not None:
                commas.append(comma)
        return tuple(values), tuple(commas)

    def _value(self) -> _Value:
        first = self._require()
        if first.text in ("{", "<"):
            fields = self.message(CLOSING[first.text])
            return _Value(
                TextSpan(first.span.start, self._tokens[self._next - 1].span.end), fields=fields
            )
        strings = [first.text] if first.is_string else []
        while first.is_string and self._next < len(self._tokens):
            token = self._tokens[self._next]
            if not token.is_string:
                break
            strings.append(token.text)
            self._next += 1
        end = self._tokens[self._next - 1].span.end
        return _Value(TextSpan(first.span.start, end), tuple(strings))

    def _skip(self, mark: str) -> TextSpan | None:
        """Pass a mark if it comes next; where it stood."""
        if self._next >= len(self._tokens):
            return None
        token = self._tokens[self._next]
        if token.is_string or token.text != mark:
            return None
        self._next += 1
        return token.span

    def _take(self, closing: str) -> _Token | None:
        """The next token; None at the closing mark, or at the end of the text where that closes."""
        if not closing and self._next >= len(self._tokens):
            return None
        token = self._require()
        return None if closing and token.text == closing else token

    def _require(self) -> _Token:
        if self._next >= len(self._tokens):
            raise NotTextFormat("it ends in the middle of a message")
        token = self._tokens[self._next]
        self._next += 1
        return token


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise NotTextFormat(f"character {place} begins nothing")
        if match.lastgroup is not None:
            yield _Token(match[0], match.lastgroup == "string", TextSpan(*match.span()))
        place = match.end()
