"""The state of one analysis, which everyone who takes part in it holds."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from charter_engine.parser.flows.memory import Memory
from charter_engine.parser.interpreting.entries import Entries
from charter_engine.parser.model_calls.findings import Findings
from charter_engine.parser.model_calls.nearest import MOST_KEPT, NearCall
from charter_engine.parser.source.program import Program


@dataclass(frozen=True, slots=True, order=True)
class Stop:
    """A function (empty: a module's top level) from which calls were not followed to the end:
    `deep` because of nesting, else because its budget was spent."""

    path: str
    line: int
    name: str
    deep: bool = False


@dataclass(frozen=True, slots=True)
class AskedPlace:
    """A line of a file; without a line, everything."""

    path: str = ""
    line: int = 0

    def covers(self, path: str, node: ast.AST) -> bool:
        if not self.line:
            return True
        first: int = getattr(node, "lineno", 0)
        last = getattr(node, "end_lineno", None) or first
        return path == self.path and first <= self.line <= last


@dataclass(slots=True)
class AnalysisProgress:
    """How far an analysis has come.

    `round` counts the passes that record edges; `start` names the function it started from, at
    `path` and `line`; `steps` counts evaluated expressions. From one start, calls are followed for
    as many as are `allowed`, until `budget` is reached; `is_cut`: that cut something off, as it did
    at the starts in `stops`.
    `is_short`: the budget is so small that what was followed in vain is not followed again.
    `is_looking`: it is only looked which functions ask a model themselves.
    `asked` is the place that reasons are wanted for; `notes` tell of it, `near` are the calls there
    that were not taken for one of a model.
    """

    asked: AskedPlace | None = None
    round: int = 0
    start: str = ""
    path: str = ""
    line: int = 0
    is_looking: bool = False
    steps: int = 0
    budget: int = 0
    allowed: int = 0
    is_short: bool = False
    spare: int = 0
    is_cut: bool = False
    stops: set[Stop] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    near: dict[tuple[str, int, str], NearCall] = field(default_factory=dict)

    @property
    def is_spent(self) -> bool:
        return self.steps > self.budget

    @property
    def left(self) -> int:
        """The steps that may still be taken from this start."""
        return self.budget - self.steps

    @property
    def is_far(self) -> bool:
        """Whether a quarter of what may be taken from this start was taken."""
        return self.left < self.allowed * 3 // 4

    def spend(self) -> None:
        """Take no more steps from this start."""
        self.budget = self.steps - 1

    def begin(self, path: str, budget: int, name: str = "", line: int = 1) -> None:
        """Start from a function, or from the top level of a module."""
        self.path, self.start, self.line = path, name, line
        self.is_short = False
        self.is_cut = False
        self.budget = self.steps + budget
        self.allowed = self.spare = budget

    def spare_steps(self, before: int) -> None:
        """Take what was followed since `before` for no part of the budget, as long as that lasts
        again: following one object more, or a tool of an agent, must not cut off what else is
        called."""
        spared = min(self.steps - before, self.spare)
        self.spare -= spared
        self.budget += spared

    def stop(self, deep: bool = False) -> None:
        """Tell that what is called from here is not followed to the end."""
        self.is_cut = True
        self.stops.add(Stop(self.path, self.line, self.start, deep))

    def is_asked(self, path: str, node: ast.AST) -> bool:
        """Whether reasons are wanted for what stands here."""
        return self.asked is not None and self.asked.covers(path, node)

    def keep_near(self, call: NearCall) -> None:
        if len(self.near) < MOST_KEPT:
            self.near.setdefault((call.path, call.line, call.written), call)

    def note(self, text: str) -> None:
        """Keep a reason that was asked for, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is analysed, what its functions left for each other, what was found, how far it has
    come, and what functions find when they are called."""

    program: Program
    memory: Memory
    findings: Findings
    progress: AnalysisProgress
    entries: Entries
