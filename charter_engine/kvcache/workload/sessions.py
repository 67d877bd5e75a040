"""Recorded agent sessions, pooled into one workload."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from charter_engine.kvcache.workload.columns import Run, Workload, WorkloadBuilder

LARGEST_NUMBER = 1 << 40
"""Of an id that counts blocks; a larger one is a hash."""


class Turn(Struct, frozen=True):
    """One call of a session. Times in seconds: `at` from the session's start, `served` how long it
    took then.

    `agent` is the type of the sub-agent that made it, or empty.
    """

    at: float
    served: float
    input_length: int
    output_length: int
    runs: tuple[Run, ...]
    agent: str = ""


class AgentSession(Struct, frozen=True):
    """A session whose unit ids are its own, unless `shared_ids` says that they are the same content
    in all sessions."""

    name: str
    unit_tokens: int
    turns: tuple[Turn, ...]
    shared_ids: bool = False

    def add_to(
        self, builder: WorkloadBuilder, start_s: float, base: int, gap_cap_s: float | None = None
    ) -> int:
        """Add the session's calls to a workload, from `start_s` on, with `base` added to its own
        ids; those that are hashes are told apart as salts are.

        Between two calls at most `gap_cap_s` pass on top of the time the later one was served in.
        Returns the next free id.
        """
        now = start_s
        previous: float | None = None
        runs = (run for turn in self.turns for run in turn.runs)
        beyond = max((first + count for first, count in runs), default=0)
        hashed = beyond > LARGEST_NUMBER
        shift = 0 if self.shared_ids or hashed else base
        salt = f"{self.name}, {len(builder)}" if hashed and not self.shared_ids else ""
        for turn in sorted(self.turns, key=lambda turn: turn.at):
            if previous is not None:
                gap = turn.at - previous
                now += gap if gap_cap_s is None else min(gap, gap_cap_s + turn.served)
            previous = turn.at
            builder.add(
                now * 1000,
                turn.input_length,
                turn.output_length,
                self.unit_tokens,
                [(first + shift, count) for first, count in turn.runs],
                node=turn.agent or "main",
                session=self.name,
                served_ms=turn.served * 1000,
                salt=salt,
            )
        return base if hashed else max(base, shift + beyond)


def pool(
    sessions: Sequence[AgentSession], count: int, window_s: float, gap_cap_s: float, seed: int
) -> Workload:
    """`count` of the sessions in one workload: uniform starts within `window_s`, pauses capped at
    `gap_cap_s`.

    The same arguments give the same workload. Raises ValueError if there are fewer sessions than
    that.
    """
    if not 1 <= count <= len(sessions):
        raise ValueError(f"{count} sessions were asked for; the file has {len(sessions)}")
    if window_s < 0 or gap_cap_s < 0:
        raise ValueError("the window and the gap cap are seconds and cannot be negative")
    random = np.random.default_rng(seed)
    chosen = random.choice(len(sessions), count, replace=False)
    starts = random.uniform(0, window_s, count)
    builder = WorkloadBuilder()
    base = 0
    for index, start in zip(chosen.tolist(), starts.tolist(), strict=True):
        base = sessions[index].add_to(builder, start, base, gap_cap_s)
    return builder.build()


def check_turn(turn: Turn, unit_tokens: int, where: str) -> None:
    """Raise ValueError, naming the place, for a turn that no server can have seen."""
    prompt = turn.input_length
    if unit_tokens < 1 or prompt < 1:
        raise ValueError(f"{where}: a prompt and a block have at least one token")
    if any(first < 0 or count < 1 for first, count in turn.runs):
        raise ValueError(f"{where}: block ids go from 0 up")
    if sum(count for _, count in turn.runs) > -(-prompt // unit_tokens):
        raise ValueError(f"{where}: more blocks than {prompt} prompt tokens fill")
