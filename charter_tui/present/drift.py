"""What others changed of the deployment since the last push, and the ways out."""

from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.deploy import Change
from charter_tui.present.diff import change_beside
from charter_tui.present.possible import acts
from charter_tui.present.spans import EMPTY, Line, Span, line, plain, wrap
from charter_tui.present.words import Standing, sentence_lines
from charter_tui.state import Snapshot

_WAYS_OUT: Final = (
    ("deploy.put_back", "P", "puts back what was pushed, over these changes"),
    (
        "deploy.adopt",
        "a",
        "adopts them: the deployment as it is becomes a revision of its own",
    ),
    ("deploy.push", "p", "pushes the draft over them, where its form says so"),
)
_AS_PUSHED: Final = (
    "The deployment is what was pushed: its served configurations and its files are compared every "
    "few seconds, and what somebody else changes is shown here with both values."
)
_NOT_PUSHED: Final = (
    "Nothing was pushed from here yet, so there is nothing to compare the deployment with."
)


def drift_standing(snapshot: Snapshot) -> Standing:
    """Whether somebody else changed it."""
    session = snapshot.session
    if session is not None and session.drift:
        first = session.drift[0]
        more = len(session.drift) - 1
        also = f", and {more} more" if more else ""
        told = f"{first.key} is {plain(first.new)}, not {plain(first.old)}{also}"
        return Standing(Span("✗ changed by others", "bad"), line(told))
    if not snapshot.revision:
        return Standing(Span("○ nothing was pushed", "muted"))
    return Standing(Span("● as pushed", "good"))


def drift_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Every difference with both values, and what can be done about it."""
    session = snapshot.session
    if session is None or not session.drift:
        return sentence_lines(_AS_PUSHED if snapshot.revision else _NOT_PUSHED, width, "muted")
    places = len(session.drift)
    heading = line(
        Span("Changed by others", "title"),
        Span(f"  {places} {'place' if places == 1 else 'places'} since the last push", "muted"),
    )
    ways = [(key, words) for action, key, words in _WAYS_OUT if acts(action, snapshot)]
    return (
        heading,
        *foreign_lines(session.drift, width),
        *((EMPTY,) if ways else ()),
        *(made for key, words in ways for made in _way_out(key, words, width)),
    )


def foreign_lines(drift: Sequence[Change], width: int) -> tuple[Line, ...]:
    """What was pushed, and what is found in its place."""
    return tuple(made for one in drift for made in change_beside(one, width, one.place))


def _way_out(key: str, words: str, width: int) -> tuple[Line, ...]:
    first, *more = wrap(words, max(20, width - 4))
    return (
        line(Span(f"  {key} ", "accent"), Span(first, "muted")),
        *(line(Span(f"    {part}", "muted")) for part in more),
    )
