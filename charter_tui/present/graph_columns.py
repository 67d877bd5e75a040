"""The columns of the graph screen: those that suit a width, or those that were asked for."""

from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.moments import Mistyped
from charter_tui.present.tables import Column, fill
from charter_tui.typed import nearest

NAME: Final = Column("name", "NODE", 0, "left")
STATE: Final = Column("state", "STATE", 9, "left")
REQUESTS: Final = Column("requests", "REQ", 5)
COMPUTED: Final = Column("computed", "COMPUTED", 8)
TREND: Final = Column("trend", "TREND", 10)
PROMPT: Final = Column("prompt", "PROMPT", 7)
BLOCKS: Final = Column("blocks", "KV BLOCKS", 14)
HIT: Final = Column("hit", "HIT", 7)
HIT_BAR: Final = Column("hit_bar", "HIT", 12, "left")
HIT_PREDICTED: Final = Column("predicted", "PREDICTED", 9)
HIT_DRAFT: Final = Column("draft", "DRAFT", 7)
TTFT: Final = Column("ttft", "TTFT", 7)
TTFT_P95: Final = Column("ttft_p95", "TTFT P95", 8)
RETENTION: Final = Column("retention", "RETAIN", 9, "left")

NARROW: Final = (
    Column("sign", "S", 1, "left"),
    NAME,
    REQUESTS,
    COMPUTED,
    PROMPT,
    TTFT,
    HIT,
    HIT_PREDICTED._replace(heading="PREDICT", width=7),
    RETENTION._replace(width=7),
)
SMALL: Final = tuple(
    column
    for column in NARROW
    if column.key in ("sign", "name", "requests", "computed", "ttft", "hit")
)
SMALLEST: Final = tuple(
    column for column in SMALL if column.key in ("sign", "name", "computed", "hit")
)
NORMAL: Final = (NAME, STATE, REQUESTS, COMPUTED, PROMPT, TTFT, HIT, HIT_PREDICTED, RETENTION)
WIDE: Final = (
    NAME,
    STATE,
    REQUESTS,
    COMPUTED,
    TREND,
    PROMPT,
    TTFT,
    TTFT_P95,
    BLOCKS,
    HIT,
    HIT_PREDICTED,
    HIT_DRAFT,
    RETENTION._replace(width=12),
)
CHOOSABLE: Final = {
    column.key: column
    for column in (
        STATE,
        REQUESTS,
        COMPUTED,
        TREND,
        PROMPT,
        TTFT,
        TTFT_P95,
        BLOCKS,
        HIT,
        HIT_BAR,
        HIT_PREDICTED,
        HIT_DRAFT,
        RETENTION,
    )
}
"""The columns that stand beside the name, by the words they are asked for with."""

NARROW_BELOW: Final = 92
WIDE_FROM: Final = 134
_COLUMNS_BELOW: Final = ((48, SMALLEST), (72, SMALL), (NARROW_BELOW, NARROW), (WIDE_FROM, NORMAL))
"""Derived, in cells: what the columns and the blanks between them take, and names of 15 to 23."""
LEAST_NAME: Final = 14
"""Cells that the name of a call needs."""


def named_columns(text: str) -> tuple[str, ...]:
    """The words of `CHOOSABLE` in a text, each once. Raises `Mistyped`."""
    words = tuple(dict.fromkeys(text.lower().replace(",", " ").split()))
    for word in words:
        if word not in CHOOSABLE:
            known = nearest(word, CHOOSABLE) or f"; there are {', '.join(CHOOSABLE)}"
            raise Mistyped(f"there is no column {word!r}{known}")
    return words


def columns_for(width: int, chosen: Sequence[str] = ()) -> tuple[Column, ...]:
    """The columns that fit in `width` cells; the name takes what is left.

    Those that were `chosen`, as many from the left as leave the name its room, or what suits the
    width.
    """
    if chosen:
        room = width - LEAST_NAME
        kept = [NAME]
        for column in (CHOOSABLE[key] for key in chosen):
            room -= column.width + 1
            if room < 0:
                break
            kept.append(column)
        return fill(tuple(kept), width)
    for below, suited in _COLUMNS_BELOW:
        if width < below:
            return fill(suited, width)
    return fill(WIDE, width)
