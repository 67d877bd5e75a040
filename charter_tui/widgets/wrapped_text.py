"""A sentence in as many lines as it takes, in which a figure and its unit stay together."""

from charter_tui.present.spans import Tone
from charter_tui.present.words import sentence_lines
from charter_tui.widgets.line_view import LineView


class WrappedText(LineView):
    """Textual's own labels break lines at every space, also at one that is not to be broken."""

    def __init__(self, text: str, tone: Tone = "muted", *, classes: str | None = None) -> None:
        super().__init__(classes=classes)
        self._text = text
        self._tone = tone

    def rebuild(self) -> None:
        self.set_lines(sentence_lines(self._text, self.inner_width, self._tone))
