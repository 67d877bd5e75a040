"""A scrolling view of styled lines that repaints only the lines that changed."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar, Final, cast

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style as ContentStyle

from charter_tui.present.spans import EMPTY, Line, Tone, crop, text_of
from charter_tui.state import Snapshot
from charter_tui.terminal.ascii import ascii_only, spelt
from charter_tui.widgets.tones import sixteen_styles, tone_styles

if TYPE_CHECKING:
    from charter_tui.console import Console

KEPT_STYLES: Final = 4_096
"""Of about 600 bytes each; a full screen of 200 by 60 has about 1,000 of them."""


class LineView(ScrollView, can_focus=False):
    """Lines in, dirty lines out.

    Live data is painted here rather than in a DataTable, whose cells all repaint when one of them
    changes.

    A subclass that shows part of the snapshot names it in `PARTS` and sets its lines in `rebuild`.
    Where a line is drawn above the view, a title that its lines begin with stands in that; above a
    view that is empty there is no line.
    """

    DEFAULT_CSS = """
    LineView {
        height: auto; overflow-x: hidden; overflow-y: hidden;
        scrollbar-size-vertical: 1; scrollbar-gutter: stable;
    }
    """

    PARTS: ClassVar[tuple[str, ...]] = ()
    """The attributes of the snapshot that change what is shown."""

    snapshot: reactive[Snapshot] = reactive(Snapshot(), repaint=False, init=False)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._lines: tuple[Line, ...] = ()
        self._title: Line = EMPTY
        self._tones: dict[Tone, Style] = {}
        self._base: Style | None = None

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._forget_tones)
        self._hide_border()

    def watch_snapshot(self, old: Snapshot, new: Snapshot) -> None:
        parts = (*self.PARTS, "figures_of") if "nodes" in self.PARTS else self.PARTS
        if any(getattr(old, part) is not getattr(new, part) for part in parts):
            self.rebuild()

    def on_resize(self, _event: events.Resize) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        """Set the lines anew from the snapshot and the width."""

    def _forget_tones(self, _theme: object) -> None:
        self._tones = {}
        self._draw_title()
        self.refresh()

    @property
    def console(self) -> "Console":
        """The app, as the console that it is."""
        return cast("Console", self.app)

    @property
    def inner_width(self) -> int:
        """Cells a line may take, beside the scrollbar."""
        return self.scrollable_content_region.width

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown, before it is cut to the width."""
        return self._lines

    def set_lines(self, lines: Sequence[Line]) -> None:
        """Show `lines`; a different number of lines lays the view out again."""
        old, self._lines = self._lines, self._without_title(tuple(lines))
        self._hide_border()
        if len(old) != len(self._lines):
            self._resize()
            return
        pairs = enumerate(zip(old, self._lines, strict=True))
        self.repaint(
            index for index, (before, after) in pairs if before is not after and before != after
        )

    def _hide_border(self) -> None:
        """Draw no line above a view that has neither lines nor a title."""
        is_empty = not (self._lines or self._title or self.BORDER_TITLE)
        self.set_class(is_empty and bool(self.styles.border_top[0]), "-blank")

    def _without_title(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """The lines below the title, which goes into the line above the view where there is one."""
        is_titled = bool(lines and lines[0]) and lines[0][0].tone == "title"
        title = lines[0] if is_titled and self.styles.border_top[0] else EMPTY
        if title != self._title:
            self._title = title
            self._draw_title()
        return lines[1:] if title else lines

    def _draw_title(self) -> None:
        """Draw the title in the line above the view, over where its text begins."""
        if not self._title:
            self.border_title = self.BORDER_TITLE
            return
        tones = ((span.text, self.tone(span.tone)) for span in self._title)
        styled = ((text, ContentStyle.from_rich_style(tone)) for text, tone in tones)
        self.border_title = Content.assemble(" ", *styled, " ")

    def repaint(self, changed: Iterable[int]) -> None:
        """Paint the lines of these indexes, which ascend; neighbours go together."""
        numbered = enumerate(changed)
        for _, run in groupby(numbered, key=lambda pair: pair[1] - pair[0]):
            indexes = [index for _, index in run]
            self.refresh_lines(indexes[0], len(indexes))

    def _resize(self) -> None:
        self._take_room(Size(self.inner_width, len(self._lines)))

    def _take_room(self, content: Size) -> None:
        """Lay the view out for content of that size."""
        self.virtual_size = content
        # Where a layout is due already, Textual keeps a height that it worked out since.
        self._box_model_cache.clear()
        # Textual looks at the scrollbars only where the view's own size changes.
        self._scroll_update(content)
        self.refresh(layout=self.styles.height is not None and self.styles.height.is_auto)

    def tone(self, tone: Tone) -> Style:
        """The style of a tone in the current theme."""
        if not self._tones:
            self._tones = (
                sixteen_styles(self.app.current_theme.dark)
                if self.app.console.color_system == "standard"
                else tone_styles(self.app.theme_variables)
            )
        return self._tones[tone]

    def strip(self, spans: Line, width: int, base: Style) -> Strip:
        """A line as a strip of exactly `width` cells on `base`."""
        spans = spelt(spans) if ascii_only() else spans
        segments = [Segment(span.text, base + self.tone(span.tone)) for span in spans if span.text]
        return Strip(segments).adjust_cell_length(width, base)

    def line_at(self, index: int) -> Line:
        """The line at that index of the content."""
        return self._lines[index] if index < len(self._lines) else EMPTY

    def render_lines(self, crop: Region) -> list[Strip]:
        self._base = self.rich_style
        return super().render_lines(crop)

    @property
    def base(self) -> Style:
        """The style that lines stand on, as it was when the view was last drawn."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def render_line(self, y: int) -> Strip:
        width = self.inner_width
        index = y + self.scroll_offset.y
        shown = self.strip(crop(self.line_at(index), width), width, self.base)
        return self.selectable(shown, index)

    def selectable(self, strip: Strip, index: int) -> Strip:
        """The strip of a line, to be selected with the mouse, with what is selected of it."""
        span = self.text_selection.get_span(index) if self.text_selection else None
        if span is not None:
            start = min(span[0], strip.cell_length)
            end = min(max(start, span[1]), strip.cell_length) if span[1] >= 0 else None
            style = self.screen.get_component_rich_style("screen--selection")
            chosen = strip.crop(start, end).apply_style(style)
            parts = [strip.crop(0, start), chosen, *([] if end is None else [strip.crop(end)])]
            strip = Strip.join(parts)
        return _with_offsets(strip, index)

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """The selected text, as it is shown; nothing where the lines are gone by now."""
        lines = [text_of(self.line_at(index)) for index in range(self.virtual_size.height)]
        gone = selection.start is not None and selection.start.y >= len(lines)
        return "" if gone else selection.extract("\n".join(lines)), "\n"

    def text_to_copy(self) -> str:
        """What is copied where nothing is selected: all of it."""
        return "\n".join(
            text_of(self.line_at(index)).rstrip() for index in range(self.virtual_size.height)
        )


def _with_offsets(strip: Strip, y: int) -> Strip:
    """The strip of line `y`, each part of it with its place, by which Textual selects text.

    `Strip.apply_offsets` makes these styles anew for every strip.
    """
    segments: list[Segment] = []
    x = 0
    for text, style, _ in strip:
        segments.append(Segment(text, _at(style or Style.null(), x, y)))
        x += len(text)
    return Strip(segments, strip.cell_length)


@lru_cache(maxsize=KEPT_STYLES)
def _at(style: Style, x: int, y: int) -> Style:
    return style + Style.from_meta({"offset": (x, y)})
