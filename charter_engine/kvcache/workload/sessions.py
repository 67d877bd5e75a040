"""Recorded agent sessions, pooled into one workload."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charter_engine.kvcache.workload.batch import (
    MAX_LENGTH,
    RequestColumns,
    length_problem,
    runs_problem,
    within,
)
from charter_engine.kvcache.workload.columns import Floats, Ints, Workload, WorkloadBuilder
from charter_engine.kvcache.workload.continuing import CallRuns, with_last_blocks

LARGEST_NUMBER = 1 << 40
"""Of an id that counts blocks; a larger one is a hash."""


@dataclass(frozen=True, kw_only=True)
class AgentSession:
    """A session, its calls in columns: one entry a call, but for `run_first` and `run_count`, which
    hold the runs of all one after another, `runs` of each.

    Times in seconds: `at` from the session's start, `served` how long a call took then. `agents`
    are the types of the sub-agents that made the calls, or empty. Unit ids are the session's own,
    unless `shared_ids` says that they are the same content in all sessions.
    """

    name: str
    unit_tokens: int
    at: Floats
    served: Floats
    input_length: Ints
    output_length: Ints
    agents: Sequence[str]
    runs: Ints
    run_first: Ints
    run_count: Ints
    shared_ids: bool = False

    def __len__(self) -> int:
        return len(self.at)

    def checked(self, places: Sequence[int]) -> "AgentSession":
        """The same session. Raises ValueError for a call that no server can have seen, naming it by
        its place in the record."""
        prompt, output = self.input_length, self.output_length
        ends = np.cumsum(self.runs)
        before = np.concatenate(([0], np.cumsum(self.run_count)))
        units = before[ends] - before[ends - self.runs]
        wrong = (prompt < 1) | (output < 0) | (prompt > MAX_LENGTH) | (output > MAX_LENGTH)
        wrong |= units > -(-prompt // max(self.unit_tokens, 1))
        if not 1 <= self.unit_tokens <= MAX_LENGTH:
            wrong[:] = True
        bad_runs = np.flatnonzero((self.run_first < 0) | (self.run_count < 1))
        wrong[np.searchsorted(ends, bad_runs, side="right")] = True
        for index in np.flatnonzero(wrong)[:1].tolist():
            raise ValueError(
                f"session {self.name}, request {places[index]}: {self._problem(index)}"
            )
        return self

    def _problem(self, index: int) -> str:
        """What is wrong with a call."""
        end = int(self.runs[: index + 1].sum())
        of_call = slice(end - int(self.runs[index]), end)
        runs = zip(self.run_first[of_call].tolist(), self.run_count[of_call].tolist(), strict=True)
        prompt, output = int(self.input_length[index]), int(self.output_length[index])
        return (
            length_problem(prompt, output, self.unit_tokens)
            or runs_problem([*runs], prompt, self.unit_tokens)
            or "a run of blocks has at least one"
        )

    def add_to(
        self, builder: WorkloadBuilder, start_s: float, base: int, gap_cap_s: float | None = None
    ) -> int:
        """Add the session's calls to a workload, from `start_s` on, with `base` added to its own
        ids; those that are hashes are told apart as salts are.

        The last, not full block of a call is the one that the next goes on with, where it does.
        Between two calls at most `gap_cap_s` pass on top of the time the later one was served in.
        Returns the next free id.
        """
        beyond = int((self.run_first + self.run_count).max(initial=0))
        hashed = beyond > LARGEST_NUMBER
        shift = 0 if self.shared_ids or hashed else base
        salt = f"{self.name}, {len(builder)}" if hashed and not self.shared_ids else ""
        order = np.argsort(self.at, kind="stable")
        served = self.served[order]
        pauses = np.diff(self.at[order])
        if gap_cap_s is not None:
            pauses = np.minimum(pauses, gap_cap_s + served[1:])
        now = np.cumsum(np.concatenate(([start_s], pauses)))[: len(self)]
        runs = self.runs[order]
        places = within(np.cumsum(self.runs)[order] - runs, runs)
        calls = CallRuns(runs, self.run_first[places] + shift, self.run_count[places])
        calls = with_last_blocks(calls, self.input_length[order], self.unit_tokens)
        builder.extend_by_runs(
            RequestColumns(
                arrival_ms=now * 1000,
                input_length=self.input_length[order],
                output_length=self.output_length[order],
                unit_tokens=np.full(len(self), self.unit_tokens),
                unit_count=np.zeros(len(self), dtype=np.int64),
                units=np.zeros(0, dtype=np.int64),
                nodes=[self.agents[call] or "main" for call in order.tolist()],
                sessions=[self.name] * len(self),
                served_ms=served * 1000,
            ),
            calls.first_ids,
            calls.counts,
            calls.runs,
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
