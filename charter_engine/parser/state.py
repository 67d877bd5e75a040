"""The state of one analysis, which everyone who takes part in it holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from charter_engine.parser.findings import Findings
from charter_engine.parser.memory import Memory
from charter_engine.parser.program import Program


@dataclass(slots=True)
class Progress:
    """How far an analysis has come.

    `round` counts the passes that record edges; `start` names the function it started from; `steps`
    counts evaluated expressions, which end at `budget`. `notes` tell of the line that is asked for.
    """

    asked_line: int | None = None
    round: int = 0
    start: str = ""
    steps: int = 0
    budget: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep a reason that was asked for, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is analysed, what its functions left for each other, what was found, and how far it has
    come."""

    program: Program
    memory: Memory
    findings: Findings
    progress: Progress
