"""Textual's style sheet, read once for each theme."""

from typing import Final

from textual.cache import LRUCache
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

THEMES: Final = 16
"""More than are shipped, so that going round them with a key reads none twice."""
SOURCES: Final = 256
"""More than there are kinds of widgets, each of which has a style sheet."""

Rules = LRUCache[tuple[object, ...], list[RuleSet]]

_read: Final[LRUCache[tuple[tuple[str, str], ...], Rules]] = LRUCache(THEMES)
"""What was read, by the variables of a theme."""


class ThemedStylesheet(Stylesheet):
    """Textual reads all of a style sheet anew whenever a theme is set, even that it has, and again
    when the next widget brings styles of its own. This one keeps what it read with the same
    variables, for this app and for the next of the process.
    """

    def set_variables(self, variables: dict[str, str]) -> None:
        self._parse_cache = LRUCache(SOURCES)  # Textual empties the one it finds
        super().set_variables(variables)
        known = tuple(sorted(variables.items()))
        if known not in _read:
            _read[known] = LRUCache(SOURCES)
        self._parse_cache = _read[known]

    def reparse(self) -> None:
        self.parse()
