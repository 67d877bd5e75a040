"""The text of an answer that was passed on, as its model wrote it."""

import msgspec
from msgspec import Struct


class _Written(Struct, frozen=True):
    """A message, or a part of one, of a chat. One that calls functions holds more than text."""

    content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


class _WrittenChoice(Struct, frozen=True):
    """Of a completion, of a chat, or of one event of either."""

    text: str | None = None
    message: _Written = _Written()
    delta: _Written = _Written()

    @property
    def is_text(self) -> bool:
        return not (self.message.tool_calls or self.delta.tool_calls)

    @property
    def written(self) -> str:
        return self.text or self.message.content or self.delta.content or ""


class _WrittenAnswer(Struct, frozen=True):
    """A body of OpenAI's chat or completions, or one event of theirs."""

    choices: list[_WrittenChoice] = []


_decode = msgspec.json.Decoder(_WrittenAnswer).decode


def answer_text(answer: bytes) -> str:
    """The text of the only choice of a chat or a completion, streamed or whole; "" where there is
    none, or it holds more than text."""
    lines = [line.removeprefix(b"data:").strip() for line in answer.split(b"\n")]
    streamed = answer.lstrip().startswith(b"data:")
    try:
        parts = [_decode(line) for line in (lines if streamed else (answer,)) if _is_json(line)]
    except msgspec.DecodeError:
        return ""
    if any(len(part.choices) > 1 for part in parts):
        return ""
    choices = [choice for part in parts for choice in part.choices]
    if not all(choice.is_text for choice in choices):
        return ""
    return "".join(choice.written for choice in choices)


def _is_json(line: bytes) -> bool:
    return line.startswith(b"{")
