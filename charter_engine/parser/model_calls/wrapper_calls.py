"""Calls of wrappers: each is a call of a model of its own, with the prompt that its caller gives.

What other modules ask as a model, and asks one in a way that isn't known, is taken for one as well.
"""

from __future__ import annotations

import ast
from collections.abc import Set
from itertools import zip_longest
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.flows.edge_recorder import record_fillings
from charter_engine.parser.flows.fanout import SEVERAL
from charter_engine.parser.interpreting.arguments import bind
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls import evidence, recognise
from charter_engine.parser.model_calls.findings import Message, Wrapper
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.model_calls.stand_ins import asks_nobody, is_meant
from charter_engine.parser.prompts import prompts
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.candidates import functions_in
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.strings import origins_of
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Function,
    Instance,
    Kind,
    Member,
    Type,
    Value,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class WrapperCalls:
    """Records calls of wrappers, and weighs those of functions that may be some."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.stand_ins: dict[FunctionDefinition, bool] = {}

    def record(
        self,
        frame: Frame,
        node: ast.Call,
        function: Function,
        names: dict[str, Value],
        wrapper: Wrapper,
        shape: CallShape,
        holder: str,
    ) -> Value:
        """A call of a wrapper is a site of its own; what happens inside is recorded under it."""
        self.findings.called_wrappers.add(function.definition)
        why = f"{function.definition.qualname} asks a model and returns its answer"
        site = self.evaluator.recorder.site_for(
            frame, node, self.findings.sites[wrapper.site].family, "wrapper", (why,)
        )
        site.given, site.called = names, function.definition
        site.via = [number for number in wrapper.sites if number != site.number]
        chain = self.evaluator.edges.chain_to(frame, site)
        prompt = wrapper_prompt(names, wrapper) or self.findings.sites[wrapper.site].prompt
        self.evaluator.recorder.describe(
            frame, site, prompt, prompts.options_of(shape, evidence.EVIDENCE)
        )
        for _, part in prompt:
            record_fillings(site, part, self.evaluator.edges.edges_to(frame, chain, part))
        before, frame.chain = frame.chain, chain
        fanout, spread, frame.fanout, frame.spread = frame.fanout, frame.spread, None, None
        follower = self.evaluator.follower
        is_called = follower.is_called_as_written(frame, node, shape)
        inner = follower.enter(frame, function, names, holder, is_called=is_called)
        frame.chain, frame.fanout, frame.spread = before, fanout, spread
        site.fanout = site.fanout or self.spread_within(function.definition)
        if inner is None:
            self.evaluator.edges.record(frame, chain, origins_of(names.values()), {})
        self.findings.outputs.add(chain)
        answer = replace(inner or UNKNOWN, pieces=None, constant=None)
        asked = {origin.chain for origin in origins_of(names.values())}
        own = frozenset(origin for origin in answer.origins if origin.chain not in asked)
        box = without_asked(answer.box, chain, asked)
        return replace(answer, box=box, origins=own | {Origin(chain)})

    def behind(self, function: Function, shape: CallShape) -> Wrapper | None:
        """The wrapper that a function is, unless this call posts to another address, or gives it
        something else to call than what asks a model."""
        wrapper = self.findings.wrappers.get(function.definition)
        if wrapper is None or (wrapper.askers and not self.gives_askers(function, shape, wrapper)):
            return None
        post = self.findings.posts.get(id(self.findings.sites[wrapper.site].node))
        if post is None:
            return wrapper
        given = without_models(function.definition, shape)
        return None if recognise.posts_elsewhere(given, post.family) else wrapper

    def gives_askers(self, function: Function, shape: CallShape, wrapper: Wrapper) -> bool:
        """Whether a call gives a wrapper others to ask by."""
        given = bind(function, shape)
        handed = [one for name in wrapper.askers for one in functions_in(given.get(name, UNKNOWN))]
        return any(one.definition in self.findings.wrappers for one in handed)

    def spread_within(self, wrapper: FunctionDefinition) -> str | None:
        """How a wrapper asks several times side by side for one call of it."""
        numbers = [self.findings.site_numbers.get(id(call), -1) for call in wrapper.calls]
        sites = [self.findings.sites.get(number) for number in numbers]
        ways = [site.fanout for site in sites if site is not None]
        return next((way for way in ways if way in SEVERAL), None)

    def asks_elsewhere(
        self, frame: Frame, node: ast.Call, function: Function, shape: CallShape
    ) -> Recognition | None:
        """Whether a call of another module's function is one of a model by what stands here: the
        function may ask in a way that isn't known. One that answers out of its own source asks
        nobody."""
        if function.definition.module is frame.module:
            return None
        kinds = kinds_in(shape.receiver) | self.evaluator.names.named_kinds(frame, shape.receiver)
        seen = replace(shape, callee=frozenset(), receiver=kinds, held=None)
        catalogue = self.program.catalogue
        asked = recognise.recognise(seen, catalogue) or evidence.by_evidence(seen, catalogue)
        around = frame.function
        if asked is None or around is None or not self.is_stand_in(function.definition):
            return asked
        return None if is_meant(node, function.definition, around) else asked

    def is_stand_in(self, definition: FunctionDefinition) -> bool:
        """Whether a function asks nobody: it answers out of its own source."""
        known = self.stand_ins.get(definition)
        if known is None:
            known = asks_nobody(self.program, definition)
            self.stand_ins[definition] = known
        return known

    def is_opaque(self, frame: Frame, node: ast.Call, function: FunctionDefinition) -> bool:
        """Whether a call that speaks of asking a model led to none that is known, as far as it is
        followed; what is only looked at is settled later, and so is what takes from a queue, into
        which others may put what they were answered."""
        queues = self.evaluator.queues
        if queues.hands_out(function):
            return False
        is_first = self.progress.is_looking or self.findings.visits is None
        waits = is_first and function in queues.taken_by and frame.function is not None
        if waits or (self.progress.is_looking and self.progress.is_spent):
            if frame.function is not None:
                self.findings.unsettled.add(frame.function)
            return False
        self.findings.opaque.setdefault(id(node), set()).add(function)
        return True

    def makes_asker(self, result: Value | None) -> bool:
        """Whether a function gave an object that can be asked: it is a factory."""
        return result is not None and any(
            isinstance(kind, Instance)
            and not self.program.is_record(kind.definition)
            and self.program.may_ask(kind.definition)
            for kind in result.types
        )


def wrapper_prompt(names: dict[str, Value], wrapper: Wrapper) -> tuple[Message, ...]:
    """What a call of a wrapper says itself: the arguments that become the prompt, the system's
    first; with a template all that may fill it."""
    given = [name for name in names if name in wrapper.parameters] or list(names)
    wanted = [name for name in given if set(recognise.words_of(name)) & PROMPT_WORDS] or given[:1]
    if any("template" in recognise.words_of(name) for name in wanted):
        wanted = given
    messages: list[tuple[str, Value]] = []
    for name in sorted(wanted, key=lambda item: "system" not in item):
        messages += prompts.messages_of(names[name], "system" if "system" in name else "")
    return tuple(messages)


def without_asked(box: Box | None, chain: Chain, asked: Set[Chain]) -> Box | None:
    """A record that a wrapper gives, with what its parts have of the answer: a part that holds it
    is told by the call, whatever that was asked with."""
    if box is None or box.kind not in ("object", "dict"):
        return box
    fields: dict[str, Value] = {}
    for name, part in box.fields.items():
        own = frozenset(origin for origin in part.origins if origin.chain not in asked)
        if own != part.origins and any(is_within(origin, chain) for origin in own):
            fields[name] = replace(part, pieces=None, constant=None, origins=own)
    return replace(box, fields=box.fields | fields, joined_to=box) if fields else box


def is_within(origin: Origin, chain: Chain) -> bool:
    """Whether an output was made within a call."""
    return origin.chain[: len(chain)] == chain


def without_models(definition: FunctionDefinition, shape: CallShape) -> CallShape:
    """A call without the names of models that it gives: `vendor/model` is no address."""
    names = definition.parameters[definition.takes_self :]
    by_place = zip_longest(shape.positional, names[: len(shape.positional)], fillvalue="")
    return replace(
        shape,
        positional=tuple(item for item, name in by_place if not is_models(name)),
        keywords=tuple(item for item in shape.keywords if not is_models(item[0])),
    )


def is_models(name: str) -> bool:
    """Whether a parameter takes the name of a model."""
    return "model" in recognise.words_of(name)


def kinds_in(types: frozenset[Type]) -> frozenset[Type]:
    return frozenset(kind for kind in types if isinstance(kind, Kind | Member))


def sites_behind(result: Value | None) -> set[int]:
    """The sites whose answers a function returned."""
    origins = result.all_origins() if result is not None else ()
    return {origin.chain[-1][0] for origin in origins if origin.chain[-1][0] >= 0}


PROMPT_WORDS = frozenset(
    "prompt prompts messages message msg msgs query question instruction system content text "
    "input history user conversation task".split()
)
