"""Text that comes in pieces, held back as long as it may turn out to be something else."""

from collections.abc import Sequence


def held(text: str, marks: Sequence[str]) -> int:
    """How many of the last characters may be the beginning of a mark."""
    longest = min(len(text), max(map(len, marks), default=1) - 1)
    return next(
        (
            length
            for length in range(longest, 0, -1)
            if any(mark.startswith(text[-length:]) for mark in marks)
        ),
        0,
    )


class UpToStop:
    """Gives text up to the first of the stop words, which the server generates and no API shows."""

    def __init__(self, stop_words: Sequence[str]) -> None:
        self._words = tuple(word for word in stop_words if word)
        self._rest = ""
        self.stop_word = ""

    def feed(self, text: str) -> str:
        """What is certainly part of the answer."""
        if self.stop_word or not self._words:
            return "" if self.stop_word else text
        self._rest += text
        found = [(place, word) for word in self._words if (place := self._rest.find(word)) >= 0]
        if found:
            place, self.stop_word = min(found)
            return self._rest[:place]
        given = len(self._rest) - held(self._rest, self._words)
        text, self._rest = self._rest[:given], self._rest[given:]
        return text

    def finish(self) -> str:
        """What was held back, once nothing more comes."""
        return "" if self.stop_word else self._rest
