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


class CanvasLine:
    """A line of the terminal: of each cell its sign and its look.

    A wide character is in its first cell, the sign of its second is empty. A sign is None where
    nobody knows what the terminal shows.
    """

    __slots__ = ("looks", "signs")

    def __init__(self, signs: list[str | None], looks: list[Look]) -> None:
        self.signs = signs
        self.looks = looks

    @classmethod
    def unknown(cls, width: int) -> "CanvasLine":
        """A line of which nobody knows anything."""
        return cls([None] * width, [Look()] * width)

    def put(self, x: int, signs: Sequence[str], look: Look) -> None:
        """Have the signs shown from that cell on; what is beyond the line is cut off."""
        width = len(self.signs)
        end = x + len(signs)
        self.signs[x:end] = signs
        self.looks[x:end] = [look] * len(signs)
        del self.signs[width:], self.looks[width:]

    def copy(self) -> "CanvasLine":
        """The same line, to be changed apart from this one."""
        return CanvasLine(self.signs.copy(), self.looks.copy())

    def changed_since(self, shown: "CanvasLine") -> Iterator[tuple[int, int]]:
        """Where this line differs from the one shown: first cell and the one behind the last."""
        if self.signs == shown.signs and self.looks == shown.looks:
            return
        changed = [
            index
            for index, (sign, look, old_sign, old_look) in enumerate(
                zip(self.signs, self.looks, shown.signs, shown.looks, strict=True)
            )
            if sign is not None
            and (sign != old_sign or (look is not old_look and not _alike(sign, look, old_look)))
        ]
        if not changed:
            return
        if any(sign is not None and len(sign) > 1 for sign in self.signs):
            # Terminals differ on how wide joined characters are.
            yield 0, len(self.signs)
            return
        start = last = changed[0]
        for index in changed[1:]:
            if index - last > BRIDGED:
                yield self._whole(start, last + 1)
                start = index
            last = index
        yield self._whole(start, last + 1)

    def _whole(self, start: int, end: int) -> tuple[int, int]:
        """The run with all of the wide characters at its ends."""
        while start > 0 and self.signs[start] == "":
            start -= 1
        while end < len(self.signs) and self.signs[end] == "":
            end += 1
        return start, end


class Canvas:
    """Takes what Textual's compositor wants shown, and tells how the terminal gets there."""

    def __init__(self, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only
        self._size = Size(0, 0)
        self._wanted: list[CanvasLine] = []
        self._shown: list[CanvasLine] = []
        self._dirty: set[int] = set()

    def fit(self, size: Size) -> None:
        """Be as large as the terminal; of another size nothing is known."""
        if size != self._size:
            self._size = size
            self._wanted = [CanvasLine.unknown(size.width) for _ in range(size.height)]
            self.forget()

    def forget(self) -> None:
        """Know no more what the terminal shows, as after another program had it."""
        self._shown = [CanvasLine.unknown(self._size.width) for _ in range(self._size.height)]
        self._dirty = set(range(self._size.height))

    def take(self, update: LayoutUpdate | ChopsUpdate, system: ColorSystem) -> None:
        """Note what an update wants shown, in the colours that the terminal has."""
        for x, y, segments in _pieces(update):
            if 0 <= y < self._size.height:
                self._put(x, y, segments, system)

    def _put(self, x: int, y: int, segments: Iterable[Segment], system: ColorSystem) -> None:
        line = self._wanted[y]
        for text, style, control in segments:
            if not control:
                signs = _signs(in_ascii(text) if self._ascii_only else text)
                line.put(x, signs, _look(style, system))
                x += len(signs)
        self._dirty.add(y)

    def difference(self) -> "Difference":
        """What to write; from then on it counts as shown."""
        runs: list[CellRun] = []
        for y in sorted(self._dirty):
            wanted = self._wanted[y]
            for start, end in wanted.changed_since(self._shown[y]):
                cells = zip(wanted.signs[start:end], wanted.looks[start:end], strict=True)
                runs.append(CellRun(start, y, [(sign, look) for sign, look in cells if sign]))
            self._shown[y] = wanted.copy()
        self._dirty.clear()
        return Difference(runs)


class CellRun(NamedTuple):
    """Signs side by side, with their looks; `x` and `y` are the first one's cell."""

    x: int
    y: int
    cells: list[tuple[str, Look]]


class Difference:
    """Runs of cells with their places, as a terminal is told of them."""

    def __init__(self, runs: Sequence[CellRun]) -> None:
        self.runs = runs

    def __bool__(self) -> bool:
        return bool(self.runs)

    def render(self) -> str:
        """The sequences to write; of a look only what changes is told."""
        written: list[str] = []
        look = Look()
        for x, y, cells in self.runs:
            written.append(f"\x1b[{y + 1};{x + 1}H")
            for sign, wanted in cells:
                if wanted is not look and not _alike(sign, wanted, look):
                    told = _on_blank(wanted, look) if sign == " " else wanted
                    written.append(f"\x1b[{_codes(look, told)}m")
                    look = told
                written.append(sign)
        written.append("\x1b[m")
        return "".join(written)


def _alike(sign: str, one: Look, other: Look) -> bool:
    """Whether a sign looks the same in both; of a blank only the ground shows, and lines."""
    return one == other or (
        sign == " "
        and one.background == other.background
        and LINED.isdisjoint(one.attributes)
        and LINED.isdisjoint(other.attributes)
    )


def _on_blank(wanted: Look, look: Look) -> Look:
    """What a blank needs of a wanted look, where a terminal writes in another: but the ground,
    unless one of them shows lines."""
    lined = not LINED.isdisjoint(wanted.attributes) or not LINED.isdisjoint(look.attributes)
    return wanted if lined else look._replace(background=wanted.background)


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
def _look(style: Style | None, system: ColorSystem) -> Look:
    if style is None:
        return Look()
    return Look(
        Strip.render_ansi(style.without_color, system),
        Strip.render_ansi(Style(color=style.color), system),
        Strip.render_ansi(Style(bgcolor=style.bgcolor), system),
    )


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


@lru_cache(maxsize=4096)
def _signs(text: str) -> Sequence[str]:
    """A sign a cell: marks that join the character before stand with it, and behind a wide
    character comes an empty sign."""
    if text.isascii() or all(cell_len(character) == 1 for character in text):
        return text
    signs: list[str] = []
    for character in text:
        width = cell_len(character)
        if width == 0 and signs:
            at = -1 if signs[-1] else -2
            signs[at] += character
        else:
            signs += [character, *[""] * (width - 1)]
    return signs
