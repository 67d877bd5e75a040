"""What inputs don't tell, assumed: turns of loops, and text for what fills a prompt, new in each
run and turn."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from charter_engine.contracts.graph import Call
from charter_engine.prompts.assembly import TURNS, is_counted, repetition_of, runnable
from charter_engine.prompts.histories import grows
from charter_engine.prompts.parts import is_constant

ASSUMED_RUNS = 4
"""Assumed: so many show what later runs share with earlier ones."""
ASSUMED_PASSES = 8
"""Turns of a loop whose length only the running program knows."""

MOST_NAMED = 3
"""Assumed: enough to recognise what is left open; the rest are counted."""
ASSUMED_WORDS = 100
"""Words in a variable nobody gave: a short paragraph."""


@dataclass(frozen=True)
class Sizes:
    """How large that is made which inputs leave open: words of the text behind a name, turns by the
    call's id, and runs where there are no inputs at all. What isn't named is *assumed*."""

    words: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[str, int] = field(default_factory=dict)
    runs: int = ASSUMED_RUNS

    def text(self, name: str, key: str) -> str:
        """What fills the prompt under a name: other words for another key."""
        return words_of(name, key, self.words.get(name, ASSUMED_WORDS // 4))

    def turns_of(self, calls: Sequence[Call]) -> int:
        """How often the longest of some calls goes round."""
        return max((self.turns.get(call.id, ASSUMED_PASSES) for call in calls), default=0)


ASSUMED_SIZES = Sizes()


def synthetic_inputs(
    calls: Sequence[Call], run: int, sizes: Sizes = ASSUMED_SIZES
) -> dict[str, Any]:
    """Inputs that fill every variable of every call; the elements of a loop fill those inside
    it."""
    inputs: dict[str, Any] = dict(constants_in(calls, sizes))
    repeated: dict[str, list[Call]] = {}
    for call in runnable(calls):
        for name in names_in(call):
            inputs.setdefault(name, sizes.text(name, f"{run}"))
        loop = repetition_of(call)
        if loop is not None:
            repeated.setdefault(loop.iterable if is_counted(loop) else TURNS, []).append(call)
    for key, together in repeated.items():
        if isinstance(inputs.get(key, []), list):
            inputs[key] = _turns(together, run, sizes)
    return inputs


def completed(
    calls: Sequence[Call], inputs: Mapping[str, Any], run: int, sizes: Sizes = ASSUMED_SIZES
) -> Mapping[str, Any]:
    """Given inputs with what they leave open: the constants and texts that aren't at hand, and
    turns of histories. Each turn fills what it leaves in the history, unless the inputs do."""
    texts = {name: sizes.text(name, f"{run}") for name in unknown_in(calls)}
    known = {**texts, **constants_in(calls, sizes), **inputs}
    growing = [call for call in runnable(calls) if grows(call) and is_open(call, inputs)]
    if not growing:
        return known
    given = known.keys() - texts.keys()
    turns = [
        {name: text for name, text in turn.items() if name not in given}
        for turn in _turns(growing, run, sizes)
    ]
    return {**known, TURNS: turns}


def _turns(calls: Sequence[Call], run: int, sizes: Sizes) -> list[dict[str, str]]:
    """What changes in calls that go round together, turn by turn."""
    changing = {name for call in calls for name in names_in(call, changing=True)}
    return [
        {name: sizes.text(name, f"{run}.{number}") for name in changing}
        for number in range(sizes.turns_of(calls))
    ]


def constants_in(calls: Sequence[Call], sizes: Sizes = ASSUMED_SIZES) -> dict[str, str]:
    """Text for the constants whose own isn't at hand, the same in every run."""
    return {
        key: sizes.text(key, "")
        for call in calls
        for segment in call.segments
        if segment.kind == "variable" and is_constant(segment)
        for key in (segment.expression, segment.name)
        if key
    }


def unknown_in(calls: Sequence[Call]) -> list[str]:
    """The names under which inputs may give the texts of which a source doesn't tell anything."""
    return [
        f"unknown_{segment.line}"
        for call in runnable(calls)
        for segment in call.segments
        if not (segment.expression or segment.name) and segment.kind == "unknown"
    ]


def what_is_open(
    calls: Sequence[Call], inputs: Mapping[str, Any], told: Collection[str] = ()
) -> tuple[str, str]:
    """What inputs leave open, in words: calls whose turns they don't tell, and constants, texts and
    definitions of tools that aren't at hand. Empty: nothing. Of the calls `told` the turns are
    known otherwise."""
    turns = [
        call.id
        for call in runnable(calls)
        if grows(call) and is_open(call, inputs) and call.id not in told
    ]
    asked = [*constants_in(runnable(calls)), *unknown_in(calls)]
    texts = [name for name in asked if name not in inputs]
    texts += [
        part.expression or part.name
        for call in runnable(calls)
        for part in call.head
        if part.kind != "static"
    ]
    return named(turns), named(list(dict.fromkeys(texts)))


def named(found: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    others = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + others


def is_open(call: Call, inputs: Mapping[str, Any]) -> bool:
    """Whether inputs leave it open how often a call is repeated."""
    loop = repetition_of(call)
    if loop is None or TURNS in inputs or loop.iterable in inputs:
        return False
    return not is_counted(loop)


def names_in(call: Call, *, changing: bool = False) -> set[str]:
    """The names under which inputs may fill a call's prompt; of those, what changes from turn to
    turn."""
    return {
        key
        for segment in call.segments
        if not is_constant(segment) and not (changing and segment.fixed)
        for key in (segment.expression, segment.name, f"unknown_{segment.line}")
        if key
    }


def words_of(name: str, key: str, count: int) -> str:
    """So many words that no other name and key have."""
    return " ".join(f"{name}{key}-{number}" for number in range(count))
