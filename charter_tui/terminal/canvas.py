"""What the terminal shows, cell by cell, so that only what differs is written to it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Size
from textual.strip import Strip

from charter_tui.terminal.ascii import in_ascii

BRIDGED: Final = 4
"""Equal cells between two runs that cost less written again than jumped over."""
LINED: Final = frozenset("4789")
"""Attributes that show on a blank: underline, reverse, conceal, strike."""


class Look(NamedTuple):
    """How a cell looks, in SGR codes (ECMA-48, 8.3.117); empty is the terminal's own."""

    attributes: str = ""
    foreground: str = ""
    background: str = ""


class Cell(NamedTuple):
    """One cell. A wide character is in its first cell, the text of its second is empty."""

    text: str
    look: Look


Cells = list[Cell | None]
"""A line; None where nobody knows what the terminal shows."""


class Canvas:
    """Takes what Textual's compositor wants shown, and tells how the terminal gets there."""

    def __init__(self, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only
        self._size = Size(0, 0)
        self._wanted: list[Cells] = []
        self._shown: list[Cells] = []
        self._dirty: set[int] = set()

    def fit(self, size: Size) -> None:
        """Be as large as the terminal; of another size nothing is known."""
        if size != self._size:
            self._size = size
            self._wanted = [[None] * size.width for _ in range(size.height)]
            self.forget()

    def forget(self) -> None:
        """Know no more what the terminal shows, as after another program had it."""
        self._shown = [[None] * self._size.width for _ in range(self._size.height)]
        self._dirty = set(range(self._size.height))

    def take(self, update: LayoutUpdate | ChopsUpdate, system: ColorSystem) -> None:
        """Note what an update wants shown, in the colours that the terminal has."""
        for x, y, strip in _pieces(update):
            if 0 <= y < self._size.height:
                self._put(x, y, list(_cells(strip, system, self._ascii_only)))

    def _put(self, x: int, y: int, cells: list[Cell]) -> None:
        line = self._wanted[y]
        room = self._size.width - x
        line[x : x + len(cells)] = cells[:room]
        self._dirty.add(y)

    def difference(self) -> "Difference":
        """What to write; from then on it counts as shown."""
        runs: list[tuple[int, int, list[Cell]]] = []
        for y in sorted(self._dirty):
            wanted, shown = self._wanted[y], self._shown[y]
            for start, end in _changed(wanted, shown):
                runs.append((start, y, [cell for cell in wanted[start:end] if cell is not None]))
            self._shown[y] = list(wanted)
        self._dirty.clear()
        return Difference(runs)


class Difference:
    """Runs of cells with their places, as a terminal is told of them."""

    def __init__(self, runs: Sequence[tuple[int, int, list[Cell]]]) -> None:
        self.runs = runs

    def __bool__(self) -> bool:
        return bool(self.runs)

    def render(self) -> str:
        """The sequences to write; of a look only what changes is told."""
        written: list[str] = []
        look = Look()
        for x, y, cells in self.runs:
            written.append(f"\x1b[{y + 1};{x + 1}H")
            for cell in cells:
                wanted = cell.look
                if cell.text == " " and LINED.isdisjoint(look.attributes):
                    wanted = Look(look.attributes, look.foreground, wanted.background)
                if wanted != look:
                    written.append(f"\x1b[{_codes(look, wanted)}m")
                    look = wanted
                written.append(cell.text)
        written.append("\x1b[m")
        return "".join(written)


@lru_cache(maxsize=4096)
def _codes(old: Look, new: Look) -> str:
    if old.attributes != new.attributes:
        return ";".join(("0", *(part for part in new if part)))
    parts = []
    if old.foreground != new.foreground:
        parts.append(new.foreground or "39")
    if old.background != new.background:
        parts.append(new.background or "49")
    return ";".join(parts)


@lru_cache(maxsize=4096)
def _look(style: Style | None, system: ColorSystem, blank: bool) -> Look:
    if style is None:
        return Look()
    attributes = Strip.render_ansi(style.without_color, system)
    background = Strip.render_ansi(Style(bgcolor=style.bgcolor), system)
    if blank and LINED.isdisjoint(attributes):
        return Look(background=background)
    return Look(attributes, Strip.render_ansi(Style(color=style.color), system), background)


def _pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[tuple[int, int, Iterable[Segment]]]:
    """The parts of an update: column, line, and what is there."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            yield update.region.x, y, (segment for strip in strips for segment in strip)
        return
    for y, left, right in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x <= right and end > left:
                yield x, y, strip.crop(0, end - x)


def _cells(segments: Iterable[Segment], system: ColorSystem, ascii_only: bool) -> Iterator[Cell]:
    for text, style, control in segments:
        if control:
            continue
        look, blank = _look(style, system, False), _look(style, system, True)
        shown = in_ascii(text) if ascii_only else text
        if shown.isascii():
            yield from (Cell(sign, blank if sign == " " else look) for sign in shown)
        else:
            yield from _wide_cells(shown, look, blank)


def _wide_cells(text: str, look: Look, blank: Look) -> Iterator[Cell]:
    """The cells of text that may hold wide characters, and marks that join the one before."""
    joined = ""
    for character in text:
        if joined and cell_len(character) == 0:
            joined += character
            continue
        yield from _cell(joined, look, blank)
        joined = character
    yield from _cell(joined, look, blank)


def _cell(text: str, look: Look, blank: Look) -> Iterator[Cell]:
    if text:
        yield Cell(text, blank if text == " " else look)
        yield from (Cell("", look) for _ in range(cell_len(text[0]) - 1))


def _changed(wanted: Cells, shown: Cells) -> Iterator[tuple[int, int]]:
    """Where the two lines differ: first cell and the one behind the last."""
    changed = [
        index
        for index, (new, old) in enumerate(zip(wanted, shown, strict=True))
        if new is not None and new is not old and new != old
    ]
    if not changed:
        return
    if any(cell is not None and len(cell.text) > 1 for cell in wanted):
        # Terminals differ on how wide joined characters are.
        yield 0, len(wanted)
        return
    start = last = changed[0]
    for index in changed[1:]:
        if index - last > BRIDGED:
            yield _whole(wanted, start, last + 1)
            start = index
        last = index
    yield _whole(wanted, start, last + 1)


def _whole(cells: Cells, start: int, end: int) -> tuple[int, int]:
    """The run with all of the wide characters at its ends."""
    while start > 0 and cells[start] is not None and cells[start].text == "":  # type: ignore[union-attr]
        start -= 1
    while end < len(cells) and cells[end] is not None and cells[end].text == "":  # type: ignore[union-attr]
        end += 1
    return start, end
