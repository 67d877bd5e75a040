"""The texts of two prompts around the place where one leaves the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charter_engine.traffic.causes.difference import TextDifference
from charter_engine.traffic.following import Following
from charter_engine.traffic.seen import SeenPrompt

HEAD_TOKENS, BEHIND_TOKENS = 384, 320
"""Of each text, before and behind the place, that are looked at."""
Text = Callable[[SeenPrompt, int, int], str]
"""The text of a prompt's (and its answer's) tokens from one to before another; empty where it is
not known."""
Span = tuple[SeenPrompt, int, int]


@dataclass(frozen=True)
class Windows:
    """Which texts a difference is made of."""

    head: Span
    left_out: Span
    then: Span
    put_in: Span
    now: Span

    def __iter__(self) -> Iterator[Span]:
        return iter((self.head, self.left_out, self.then, self.put_in, self.now))


def windows_of(followed: Following) -> Windows | None:
    """The texts around the place where a prompt leaves the one it follows; None where it does not,
    or where the place is not known to the token."""
    if not followed.exact or not followed.leaves:
        return None
    place, change = followed.common, followed.change
    left_out, then = _parted(followed.earlier, place, change.left_out, len(followed.stood))
    put_in, now = _parted(followed.later, place, change.put_in, len(followed.stands))
    head = followed.later, max(0, place - HEAD_TOKENS), place
    return Windows(head, left_out, then, put_in, now)


def _parted(seen: SeenPrompt, place: int, changed: int, end: int) -> tuple[Span, Span]:
    """What changed in a prompt from a place on, and what follows that."""
    stop = min(place + BEHIND_TOKENS, end)
    between = min(place + changed, stop)
    return (seen, place, between), (seen, between, stop)


def difference_of(followed: Following, text: Text | None) -> TextDifference | None:
    """The two texts where they part; None where they are not known."""
    windows = windows_of(followed) if text is not None else None
    if text is None or windows is None:
        return None
    head, left_out, then, put_in, now = (text(*span) for span in windows)
    stood, stands = left_out + then, put_in + now
    if not stood and not stands:
        return None
    return TextDifference(
        token=followed.common,
        head=head,
        stood=stood,
        stands=stands,
        left_out=left_out,
        put_in=put_in,
        change=followed.change,
    )
