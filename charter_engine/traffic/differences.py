"""The texts of two prompts around the place where one leaves the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from charter_engine.traffic.causes.difference import Difference
from charter_engine.traffic.following import Following
from charter_engine.traffic.seen import SeenPrompt

HEAD_TOKENS, BEHIND_TOKENS = 512, 1024
"""Of each text, before and behind the place, that are looked at."""
Text = Callable[[SeenPrompt, int, int], str]
"""The text of a prompt's (and its answer's) tokens from one to before another; empty where it is
not known."""
Span = tuple[SeenPrompt, int, int]


@dataclass(frozen=True)
class Windows:
    """Which texts a difference is made of."""

    head: Span
    stood: Span
    stands: Span
    left_out: Span
    put_in: Span

    def __iter__(self) -> Iterator[Span]:
        return iter((self.head, self.stood, self.stands, self.left_out, self.put_in))


def windows_of(followed: Following) -> Windows | None:
    """The texts around the place where a prompt leaves the one it follows; None where it does not,
    or where the place is not known to the token."""
    if not followed.exact or not followed.leaves:
        return None
    place, change = followed.common, followed.change
    earlier, later = followed.earlier, followed.later

    def then(tokens: int) -> Span:
        return earlier, place, min(place + min(tokens, BEHIND_TOKENS), len(followed.stood))

    def now(tokens: int) -> Span:
        return later, place, min(place + min(tokens, BEHIND_TOKENS), len(followed.stands))

    return Windows(
        head=(later, max(0, place - HEAD_TOKENS), place),
        stood=then(BEHIND_TOKENS),
        stands=now(BEHIND_TOKENS),
        left_out=then(change.left_out),
        put_in=now(change.put_in),
    )


def difference_of(followed: Following, text: Text | None) -> Difference | None:
    """The two texts where they part; None where they are not known."""
    windows = windows_of(followed) if text is not None else None
    if text is None or windows is None:
        return None
    head, stood, stands, left_out, put_in = (text(*span) for span in windows)
    if not stood and not stands:
        return None
    return Difference(
        token=followed.common,
        head=head,
        stood=stood,
        stands=stands,
        left_out=left_out,
        put_in=put_in,
        change=followed.change,
        begins=followed.common <= HEAD_TOKENS,
    )
