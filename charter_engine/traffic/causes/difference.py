"""Two texts at the place where they part, as the detectors of causes look at them."""

import re
from dataclasses import dataclass
from functools import cached_property

from charter_engine.traffic.repeats import TokenChange

LINE_REACH = 200
"""Characters on each side of the place that count as its line at most."""
_ROLE = re.compile(
    r"(?:^|\n|<\|im_start\|>|<\|start_header_id\|>|<\|)[ \t]*"
    r"(system|developer|user|human|assistant|gpt|model|tool|tools|function)"
    r"(?=<\|end_header_id\|>|\|>|:|[ \t]*\n)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class TextDifference:
    """What both prompts begin with (its end: `head`), how the earlier one `stood` behind that, and
    how this one `stands`.

    `token` is where they part. `left_out` and `put_in` are the texts of the first `change`.
    """

    token: int
    head: str
    stood: str
    stands: str
    left_out: str
    put_in: str
    change: TokenChange

    @cached_property
    def line_begin(self) -> str:
        """What of the line in which they part stands before the place."""
        return self.head.rpartition("\n")[2][-LINE_REACH:]

    @cached_property
    def line_then(self) -> str:
        """The line in which they part, as it stood."""
        return self.line_begin + self.stood[:LINE_REACH].partition("\n")[0]

    @cached_property
    def line_now(self) -> str:
        """The line in which they part, as it stands."""
        return self.line_begin + self.stands[:LINE_REACH].partition("\n")[0]

    def both(self, pattern: re.Pattern[str]) -> tuple[str, str] | None:
        """What fits the pattern in both lines across the place where they part; None if one does
        not, or both have the same."""
        then, now = (self._across(pattern, line) for line in (self.line_then, self.line_now))
        return (then, now) if then and now and then != now else None

    @cached_property
    def role(self) -> str:
        """The role of the message in which they part, in lower case; empty where it cannot be
        told."""
        found = _ROLE.findall(self.head)
        return str(found[-1]).lower() if found else ""

    @property
    def later_messages(self) -> int:
        """How many messages of the earlier prompt begin behind the place, as far as it is known."""
        return len(_ROLE.findall(self.stood))

    @cached_property
    def _place(self) -> int:
        """Where in their line the texts part, by characters: a token may begin before that."""
        then, now = self.line_then, self.line_now
        pairs = enumerate(zip(then, now, strict=False))
        return next((at for at, (one, other) in pairs if one != other), min(len(then), len(now)))

    def _across(self, pattern: re.Pattern[str], line: str) -> str:
        for found in pattern.finditer(line):
            if found.start() <= self._place <= found.end():
                return found.group()
        return ""
