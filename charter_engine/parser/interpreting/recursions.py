"""Functions that call themselves: what one call leaves for the next.

A function isn't entered again while it is followed. What it hands itself reaches it in a later
turn, and what it returned before is what the call of itself gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from charter_engine.contracts.graph import Loop
from charter_engine.parser.flows.edges import in_round
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.origins import NOTHING, Origin, Origins
from charter_engine.parser.values.values import Value, moved


@dataclass(slots=True)
class Recursion:
    """What the calls that a function makes of itself hand it, by its parameters; `fanout` is how
    these run side by side. `returned` are the outputs that are part of what it returns."""

    given: dict[str, Origins] = field(default_factory=dict)
    fanout: str | None = None
    returned: Origins = NOTHING

    def hand_down(self, spread: str | None, running: Frame, names: dict[str, Value]) -> None:
        """Keep what a call hands the function that is `running`, beside what that was given itself;
        `spread`: how the calls that it makes run side by side."""
        self.fanout = self.fanout or spread
        above = len(running.chain)
        for name, value in names.items():
            self.given[name] = self.given.get(name, NOTHING) | {
                Origin(origin.chain[above:], origin.how)
                for origin in moved(value, "argument").all_origins()
                if origin.chain[0][0] >= 0
                and origin.chain not in running.given
                and origin.chain[:above] == running.chain
                and len(origin.chain) > above
            }

    def given_before(self, name: str, round_number: int) -> Origins:
        """What a parameter was handed in a turn before."""
        return in_round(self.given.get(name, NOTHING), round_number - 1)

    def returned_before(self, round_number: int) -> Origins:
        """The outputs in what the function returned in a turn before."""
        return in_round(self.returned, round_number - 1)

    def keep_returned(self, result: Value) -> None:
        made = (origin for origin in result.all_origins() if origin.chain[0][0] >= 0)
        self.returned |= frozenset(made)

    @property
    def goes_round(self) -> bool:
        """Whether the function goes on with what was answered, or from one to several: it doesn't
        only try again what failed."""
        return self.fanout is not None or any(self.given.values())


def recursion_of(
    frame: Frame | None, recursions: Mapping[FunctionDefinition, Recursion]
) -> Loop | None:
    """The nearest function around a call that goes round by calling itself."""
    while frame is not None:
        function = frame.function
        found = recursions.get(function) if function is not None else None
        if function is not None and found is not None and found.goes_round:
            return Loop(kind="recursion", line=function.node.lineno)
        frame = frame.caller
    return None
