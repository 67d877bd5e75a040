"""What a plan's requests are made of: the inputs given, completed, or assumed ones, as large as
recorded where a workload tells that."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.assumed_inputs import (
    ASSUMED_PASSES,
    ASSUMED_SIZES,
    Sizes,
    completed,
    is_open,
    named,
    synthetic_inputs,
    what_is_open,
)
from charter_engine.analysis.recorded_sizes import (
    RecordedCall,
    answering_as_recorded,
    recorded_calls,
    recorded_sizes,
    sessions_of,
)
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Reason
from charter_engine.plan.recorded_workload import RecordedWorkload
from charter_engine.prompts.histories import grows
from charter_engine.prompts.tokens import Encode

Inputs = Sequence[Mapping[str, Any]]


class NamedInputs(Struct, frozen=True):
    """Inputs that an operator gave, and what to call them."""

    inputs: Inputs
    name: str


class RequestsToPlanOn(Struct, frozen=True):
    """An agent and inputs that make requests, and what an operator should know of them."""

    agent: CompiledFile
    inputs: Inputs
    name: str
    notes: tuple[Note, ...]


def given_inputs(inputs: Inputs, file: str) -> NamedInputs | None:
    """Inputs by the name of their file, where they have one; None where there are none."""
    return NamedInputs(inputs, file or f"{len(inputs)} inputs of the agent") if inputs else None


def layouts_left_out(workload: str) -> Reason:
    """Why layouts are not searched on assumed inputs where a workload tells what is really sent."""
    return Reason(
        f"as written: {workload} tells what prompts share, not which segments they are made of; "
        "--inputs lets layouts be searched",
        "assumed",
    )


def requests_to_plan_on(
    agent: CompiledFile,
    given: NamedInputs | None,
    recorded: RecordedWorkload | None,
    encode: Encode,
) -> RequestsToPlanOn:
    """An agent over the inputs given, or over assumed ones. What they leave open is as a workload
    recorded it, else *assumed*; answers are as long as the recorded ones."""
    seen = recorded_calls(recorded.workload) if recorded is not None else {}
    sizes = ASSUMED_SIZES
    if recorded is not None and any(call.id in seen for call in agent.calls):
        sizes = recorded_sizes(agent.calls, seen, sessions_of(recorded.workload), encode)
    source = recorded.name if recorded is not None else ""
    answering = replace(agent, calls=answering_as_recorded(agent.calls, seen))
    if given is not None:
        notes = _notes_of_completed(agent, given.inputs[0], sizes, source)
        inputs = [
            completed(agent.calls, values, run, sizes) for run, values in enumerate(given.inputs)
        ]
        return RequestsToPlanOn(answering, inputs, given.name, notes)
    measured = _as_recorded(agent, seen, sizes)
    return RequestsToPlanOn(
        answering,
        [synthetic_inputs(agent.calls, run, sizes) for run in range(sizes.runs)],
        f"{sizes.runs} runs {'of the sizes recorded' if measured else 'with assumed inputs'}",
        _notes_of_assumed(agent, sizes, measured, source),
    )


def _notes_of_assumed(
    agent: CompiledFile, sizes: Sizes, measured: str, source: str
) -> tuple[Note, ...]:
    turns, _ = what_is_open(agent.calls, {}, sizes.turns)
    loops = f"{turns} take {ASSUMED_PASSES} turns" if turns else ""
    if not measured:
        rests = "no inputs given; the plan rests on assumed ones"
        remedy = "give --inputs FILE to make it rest on yours"
        return (Note("; ".join(filter(None, (rests, loops))), remedy),)
    told = Note(f"no inputs given; what is sent is as large as recorded in {source}: {measured}")
    return (told, Note(f"{source} tells no turns of some calls: {loops} (assumed)"))[
        : 1 + bool(loops)
    ]


def _notes_of_completed(
    agent: CompiledFile, given: Mapping[str, Any], sizes: Sizes, source: str
) -> tuple[Note, ...]:
    """What inputs leave open, and what is taken for it."""
    turns, texts = what_is_open(agent.calls, given, sizes.turns)
    known = [
        f"{call.id} {sizes.turns[call.id]} turns"
        for call in agent.calls
        if call.id in sizes.turns and grows(call) and is_open(call, given)
    ]
    untold = "the inputs do not tell how often loops go round"
    notes = []
    if known:
        notes.append(Note(f"{untold}; as recorded in {source}: {named(known)} (measured)"))
    if turns:
        notes.append(
            Note(
                f"{untold}: {turns} are assumed to take {ASSUMED_PASSES} turns",
                'give a number as "turns" in the inputs, or a list with each turn\'s values',
            )
        )
    if texts:
        notes.append(
            Note(f"the text of {texts} is not at hand and assumed", "give it with the inputs")
        )
    return tuple(notes)


def _as_recorded(agent: CompiledFile, seen: Mapping[str, RecordedCall], sizes: Sizes) -> str:
    """What a recording shows of the agent's calls, in words; empty where it has none of them."""
    told = []
    for call in agent.calls:
        one = seen.get(call.id)
        if one is None:
            continue
        turns = sizes.turns.get(call.id, 0)
        cut = f" (of {one.turns})" if turns < one.turns else ""
        often = f"{turns} turns{cut} of " if turns > 1 else ""
        grown = f", {one.growth:,} more each turn" if often and one.growth else ""
        told.append(f"{call.id} {often}{one.prompt:,} tokens{grown}, {one.answer:,} answered")
    return f"{named(told)} (measured)" if told else ""
