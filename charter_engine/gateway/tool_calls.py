"""Calls of functions in what a model writes: the forms of Hermes, Llama and Mistral.

Hermes (NousResearch/Hermes-Function-Calling, also Qwen): `<tool_call>{"name": …, "arguments":
{…}}</tool_call>`, any number of them, with text between.
Llama 3 (meta-llama/llama-models, "JSON based tool calling"): the whole answer is
`{"name": …, "parameters": {…}}`, maybe behind `<|python_tag|>`, several joined by `; `.
Mistral (mistralai/mistral-common): `[TOOL_CALLS]` and a list of `{"name": …, "arguments": {…}}`, or
`[TOOL_CALLS]name{…}` for each call. The mark is a special token, which a server may leave out.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping

from charter_engine.gateway.asking import Text, ToolCall
from charter_engine.gateway.held_back import held

HERMES_OPENS, HERMES_CLOSES = "<tool_call>", "</tool_call>"
LLAMA_MARK = "<|python_tag|>"
MISTRAL_MARK = "[TOOL_CALLS]"
WHOLE_MARKS = (LLAMA_MARK, MISTRAL_MARK)
_MISTRAL_NAMED = re.compile(r"\s*([\w.-]+)\s*(?=\{)")
_decoder = json.JSONDecoder()


class ToolCallReader:
    """Tells text from calls in an answer that comes in pieces."""

    def __init__(self) -> None:
        self._rest = ""
        self._begun = False

    def feed(self, text: str) -> Iterator[Text | ToolCall]:
        """What is certain by now."""
        self._rest += text
        if self._is_one_whole():
            return
        while self._rest:
            opens = self._rest.find(HERMES_OPENS)
            if opens < 0:
                yield from self._text(len(self._rest) - held(self._rest, (HERMES_OPENS,)))
                return
            closes = self._rest.find(HERMES_CLOSES, opens)
            if closes < 0:
                yield from self._text(opens)
                return
            whole = self._rest[opens : closes + len(HERMES_CLOSES)]
            calls = calls_in(whole[len(HERMES_OPENS) : -len(HERMES_CLOSES)])
            yield from self._text(opens if calls else opens + len(whole))
            if calls:
                self._rest = self._rest[len(whole) :].lstrip("\n")
                yield from calls

    def finish(self) -> Iterator[Text | ToolCall]:
        """What is left once nothing more comes: calls, or else text after all."""
        calls = calls_in(self._rest.removeprefix(HERMES_OPENS))
        if calls:
            yield from calls
        else:
            yield from self._text(len(self._rest))

    def _is_one_whole(self) -> bool:
        """Whether all of the answer may be calls: then it is read at its end."""
        begin = self._rest.lstrip()
        return not self._begun and (
            not begin
            or begin[0] in "{["
            or any(begin.startswith(mark) or mark.startswith(begin) for mark in WHOLE_MARKS)
        )

    def _text(self, length: int) -> Iterator[Text]:
        text, self._rest = self._rest[:length], self._rest[length:]
        if text:
            self._begun = True
            yield Text(text)


def calls_in(text: str) -> tuple[ToolCall, ...]:
    """The calls that a text consists of; none where any of it is something else."""
    text = text.strip()
    named = text.startswith(MISTRAL_MARK)
    for mark in WHOLE_MARKS:
        text = text.removeprefix(mark)
    found: list[ToolCall] = []
    try:
        while text := text.strip(" \n;"):
            text = text.removeprefix(MISTRAL_MARK)
            name = _MISTRAL_NAMED.match(text) if named else None
            value, end = _decoder.raw_decode(text, name.end() if name else 0)
            items = value if isinstance(value, list) else [value]
            found += [_named(name[1], item) if name else _call(item) for item in items]
            text = text[end:].lstrip()
            text = text.removeprefix(",")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    return tuple(found)


def _call(item: Mapping[str, object]) -> ToolCall:
    """Raises `KeyError` or `TypeError` for what is no call."""
    arguments = item["arguments"] if "arguments" in item else item["parameters"]
    return _named(str(item["name"]), arguments)


def _named(name: str, arguments: object) -> ToolCall:
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    if not isinstance(arguments, dict):
        raise TypeError("arguments are an object")
    return ToolCall(
        id=f"call_{uuid.uuid4().hex[:24]}",
        name=name,
        arguments=json.dumps(arguments, ensure_ascii=False),
    )
