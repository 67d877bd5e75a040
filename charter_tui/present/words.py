"""Sentences and labelled lines, as the panes of several screens have them."""

from typing import Final, NamedTuple

from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap

LEAST_WIDTH = 20
"""Assumed: narrower, words are torn apart."""


class Standing(NamedTuple):
    """How something stands, in a sign and a few words, and what more there is to say in a line."""

    state: Span
    more: Line = EMPTY


class EmptyState(NamedTuple):
    """What stands where there is nothing to list: why, and what to do. `refused`: the engine did
    not tell."""

    text: str
    refused: bool = False

    def lines(self, width: int) -> tuple[Line, ...]:
        """The words, wrapped; a refusal has the sign and the tone of what went wrong."""
        if self.refused:
            return labelled_lines("✗", self.text, width, "bad", label_width=2, label_tone="bad")
        return sentence_lines(self.text, width, "muted")


ASKING: Final = EmptyState("Asking the engine …")


def sentence_lines(text: str, width: int, tone: Tone = "text", indent: int = 0) -> tuple[Line, ...]:
    """A text wrapped to the width; nothing for no text."""
    if not text:
        return ()
    room = max(LEAST_WIDTH, width - indent)
    return tuple(line(Span(" " * indent + part, tone)) for part in wrap(text, room))


def labelled_lines(
    label: str,
    text: str,
    width: int,
    tone: Tone = "text",
    label_width: int = 9,
    label_tone: Tone = "muted",
) -> tuple[Line, ...]:
    """A text behind a label, wrapped below itself; nothing for no text."""
    if not text:
        return ()
    parts = wrap(plain(text), max(LEAST_WIDTH, width - label_width))
    return tuple(
        line(Span(f"{label if not index else '':<{label_width}}", label_tone), Span(part, tone))
        for index, part in enumerate(parts)
    )


def sentence(text: str) -> str:
    """The text with a capital and a full stop; what begins with a name or a path keeps its case."""
    text = text.strip()
    is_word = text.partition(" ")[0].rstrip(",:").isalpha()
    start = text[:1].upper() if is_word else text[:1]
    return f"{start}{text[1:]}" if not text or text[-1] in ".!?…" else f"{start}{text[1:]}."
