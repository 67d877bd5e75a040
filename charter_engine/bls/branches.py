"""What a session's newer prompts supersede of its earlier ones.

A prompt that keeps at least half of an earlier one goes on from it: what it does not keep was
rewritten. A prompt that keeps less is another branch, a side call say, and the earlier one may be
gone back to; it is given up once two newer prompts have left it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

Prompt = TypeVar("Prompt")

TIMES_LEFT = 2
"""So many newer prompts must have left a branch before it is given up."""


class Superseded(NamedTuple, Generic[Prompt]):
    """Of `prompt` nothing behind its first `keep_tokens` is asked for again."""

    prompt: Prompt
    keep_tokens: int


@dataclass
class _Open(Generic[Prompt]):
    """A prompt that may be gone on from, how often newer ones have left it, and how many leading
    tokens these keep at most."""

    prompt: Prompt
    times_left: int = 0
    kept: int = 0


class Branches(Generic[Prompt]):
    """The prompts of one session that may be gone on from.

    `common` tells how many leading tokens two prompts share, `length` how many one has.
    """

    def __init__(
        self, common: Callable[[Prompt, Prompt], int], length: Callable[[Prompt], int]
    ) -> None:
        self._common, self._length = common, length
        self._open: list[_Open[Prompt]] = []

    def follow(self, newest: Prompt) -> list[Superseded[Prompt]]:
        """The session's next prompt is there; gives what it supersedes, the oldest first."""
        found: list[Superseded[Prompt]] = []
        still_open: list[_Open[Prompt]] = []
        for branch in self._open:
            common = self._common(branch.prompt, newest)
            goes_on = 2 * common >= self._length(branch.prompt)
            branch.kept = max(branch.kept, common)
            branch.times_left += not goes_on
            if goes_on or branch.times_left >= TIMES_LEFT:
                found.append(Superseded(branch.prompt, branch.kept))
            else:
                still_open.append(branch)
        self._open = [*still_open, _Open(newest)]
        return [one for one in found if one.keep_tokens < self._length(one.prompt)]
