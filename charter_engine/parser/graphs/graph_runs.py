"""Runs of state graphs: what a program starts a graph with, and what it finds at its end."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from charter_engine.parser.flows.edges import EARLIER_RUN, in_round, value_in_round, with_origins
from charter_engine.parser.graphs.frameworks import SharedStates, in_state
from charter_engine.parser.graphs.inner_graphs import builder_run
from charter_engine.parser.graphs.kept_graphs import (
    begun_anew,
    is_conversation,
    kept_between_runs,
    keys_given,
)
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.origins import Origins
from charter_engine.parser.values.values import UNKNOWN, Box, Value

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis

FanoutAt = Callable[[Frame, ast.Call], str | None]
"""Tells how a call runs beside others."""


class GraphRuns:
    """Takes what a graph is given into its state, and what its last nodes leave out of it."""

    def __init__(self, analysis: Analysis, states: SharedStates) -> None:
        self.graph = analysis.program.graph
        self.modules = analysis.program.modules.values()
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.states = states

    def called(self, frame: Frame, shape: CallShape, fanout_at: FanoutAt) -> Value | None:
        """What `graph.invoke(state)` gives; None for any other call."""
        graph = self.graph
        builder = builder_run(graph, frame.module, shape.node) if graph is not None else ""
        if graph is None or builder not in graph.builders.keys:
            return None
        self.findings.reached += 1
        beside = fanout_at(frame, shape.node)
        if beside is not None:
            self.memory.beside |= dict.fromkeys(graph.inside_of([builder]), beside)
        self.start(builder, shape.argument(0, "input") or UNKNOWN)
        return self.left(builder) if shape.verb.endswith("invoke") else None

    def start(self, builder: str, given: Value) -> None:
        held = self.memory.left.setdefault(f"{builder}/START", Box("dict"))
        begun = self.memory.begun.setdefault(f"{builder}/START", {}) if given.box else {}
        is_record = given.box is not None and given.box.kind == "object"
        for key, written in given.box.fields.items() if given.box is not None else ():
            if is_record and is_blank(written):
                continue
            value = self.as_before(builder, written)
            begun[key] = join(begun.get(key), value, key)
            before = held.fields.get(key)
            if before is None or not value.all_origins() <= before.all_origins():
                self.memory.changes += 1
                self.memory.note_spoken(key, value)
                held.fields[key] = join(before, in_state(value), key)

    def as_before(self, builder: str, given: Value) -> Value:
        """What a graph is given, with what its own nodes left in it as of an earlier run."""
        assert self.graph is not None
        inside = self.graph.inside_of([builder])
        sites = self.findings.sites
        made = {
            number
            for number in (origin.chain[0][0] for origin in given.all_origins())
            if number in sites and not inside.isdisjoint(sites[number].starts)
        }
        if not made:
            return given
        return with_origins(given, lambda origins: in_earlier_run(origins, made))

    def carry_on(self) -> None:
        """Let graphs begin with the conversations that their runs before ended with, where a
        checkpointer keeps these, and with what else is kept beside them that no run sets."""
        kept = kept_between_runs(self.graph, self.modules) if self.graph is not None else []
        anew = begun_anew(self.modules) if kept else ()
        for builder in kept:
            held = self.memory.left.setdefault(f"{builder}/START", Box("dict")).fields
            left = self.at_end(builder, EARLIER_RUN)
            said = {key for key in left if is_conversation(key) and key not in anew}
            given = keys_given(self.graph, self.modules, builder) if self.graph else set[str]()
            beside = left.keys() - given if said & given else set[str]()
            for key, value in left.items():
                if key in said | beside and value.all_origins():
                    held[key] = join(held.get(key), value, key)

    def left(self, builder: str) -> Value:
        return Value(box=Box("dict", fields=self.at_end(builder, self.progress.round)))

    def at_end(self, builder: str, round_number: int) -> dict[str, Value]:
        """What the state of a graph holds at its end, as of a round of that number."""
        assert self.graph is not None
        fields: dict[str, Value] = {}
        for name in sorted(self.graph.ending(builder, self.states.nodes)):
            box = self.memory.left.get(name)
            for key, value in box.fields.items() if box is not None else ():
                fields[key] = join(fields.get(key), value_in_round(value, round_number), key)
        return fields


def in_earlier_run(origins: Origins, made: Collection[int]) -> Origins:
    """Outputs, those of the calls in `made` as of an earlier run of the program."""
    earlier = frozenset(origin for origin in origins if origin.chain[0][0] in made)
    return (origins - earlier) | in_round(earlier, EARLIER_RUN)


def is_blank(value: Value) -> bool:
    """Whether a field of a record holds nothing but what its class begins with: none, or an empty
    text."""
    return value.constant == (None,) or value.pieces == ()
