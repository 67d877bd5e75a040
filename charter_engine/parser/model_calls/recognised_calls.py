"""Which calls ask a model, by the catalogue, an address that other calls gave, or evidence."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls import evidence, recognise
from charter_engine.parser.model_calls.catalogue import Evidence
from charter_engine.parser.model_calls.chosen_templates import keeps
from charter_engine.parser.model_calls.decorated import calls_decorated
from charter_engine.parser.model_calls.further_evidence import FurtherEvidence
from charter_engine.parser.model_calls.go_betweens import asks_as_model
from charter_engine.parser.model_calls.nearest import near_call
from charter_engine.parser.model_calls.picture_requests import asks_for_picture
from charter_engine.parser.model_calls.recognise import CallShape, Recognition
from charter_engine.parser.model_calls.sent_requests import is_sent_later
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.values.values import Instance, Made, Value
from charter_engine.parser.workflows.executors import handling_of

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

POSTING = frozenset(("post", "stream", "request"))
"""Methods by which a client sends a request."""

HANDED_IN = "agent_framework.agent"


class CallRecogniser:
    """Tells which calls ask a model."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.memory = analysis.memory
        self.progress = analysis.progress
        self.evaluator = evaluator
        self.further = FurtherEvidence(analysis.program.catalogue)

    def recognised(
        self, frame: Frame, node: ast.Call, receiver: Value, shape: CallShape
    ) -> Recognition | None:
        """What the catalogue, or an address that other calls gave, says of a call."""
        found = (
            recognise.recognise(shape, self.program.catalogue)
            or self.known_post(node, shape)
            or self.known_by_name(frame, shape)
        )
        if found is None or self.evaluator.teams.asks_nobody(receiver, shape, found.family):
            return None
        if asks_for_picture(shape) or recognise.asks_for_other(shape, found.family):
            self.findings.of_others.add(id(node))
            return None
        if recognise.tells_model(shape, found.family):
            self.findings.of_texts.add(id(node))
        elif id(node) in self.findings.of_others:
            return None
        is_open = bool(found.family.url) and recognise.is_open_request(shape, found.family)
        if shape.verb in POSTING and tests_own_server(frame, shape):
            return None
        if is_open and does_other_work(frame, shape, self.program.catalogue.evidence):
            return None
        return None if is_sent_later(frame.module, shape) else found

    def known_by_name(self, frame: Frame, shape: CallShape) -> Recognition | None:
        """What the catalogue says of a method that a class at hand only declares, by the name of
        the class."""
        if not shape.receiver:
            return None
        kinds = self.evaluator.names.named_kinds(frame, shape.receiver)
        if not kinds:
            return None
        return recognise.by_kind(replace(shape, receiver=kinds), self.program.catalogue)

    def known_post(self, node: ast.Call, shape: CallShape) -> Recognition | None:
        """What other arguments proved a request to be, unless these speak against it."""
        found = self.findings.posts.get(id(node))
        if found is None:
            return None
        addresses = recognise.addresses_in(shape, whole=True)
        known = self.findings.asked_addresses.get(id(node), set[str]())
        bodies = [value for name, _, value in shape.keywords if name in found.family.prompt]
        is_told = any(map(recognise.fields_within, bodies))
        if addresses and known.issuperset(addresses) and bodies and not is_told:
            return found
        return None if recognise.posts_elsewhere(shape, found.family) else found

    def by_evidence(self, frame: Frame, node: ast.Call, shape: CallShape) -> Recognition | None:
        """What speaks for a call of an imported or injected wrapper."""
        if calls_decorated(frame.function, node) or self.is_lacking(shape):
            return None
        if id(node) in self.findings.handed_out:
            return None
        made = [kind for kind in shape.receiver if isinstance(kind, Made)] if shape.receiver else ()
        if len(made) == 1 and self.evaluator.teams.runs_own_code(made[0]):
            return None
        handed = runs_what_is_handed_in(frame.function, shape)
        family = self.program.catalogue.family_of_verb(HANDED_IN, shape.verb) if handed else None
        if family is not None:
            return Recognition(family, "an executor runs what the function around it is given")
        found = evidence.by_evidence(shape, self.program.catalogue)
        if found is None and not shape.receiver and frame.function is not None:
            found = self.handed_on(frame.function, node)
        if found is None:
            found = self.further.found(frame, shape)
        elif not shape.receiver:
            self.further.keep(frame, shape)
        if found is None and shape.receiver:
            self.findings.disproved.add(id(node))
        catalogue = self.program.catalogue
        makes = found is not None and evidence.is_asked_itself(frame.module, node, catalogue)
        is_other = found is not None and self.asks_for_other(shape)
        return None if makes or is_other else found

    def asks_for_other(self, shape: CallShape) -> bool:
        """Whether what is asked for is no text, by what is given or the name of the model."""
        known = recognise.recognise(shape, self.program.catalogue)
        is_other = known is not None and recognise.asks_for_other(shape, known.family)
        return is_other or asks_for_picture(shape)

    def handed_on(self, function: FunctionDefinition, node: ast.Call) -> Recognition | None:
        """A call by which a model's client hands on what it is asked to one that isn't at hand."""
        if not asks_as_model(function, node, self.program.catalogue):
            return None
        why = f"`{function.qualname}` hands on what it is asked to what it was made with"
        return Recognition(evidence.EVIDENCE, why, by_evidence=True)

    def is_lacking(self, shape: CallShape) -> bool:
        """Whether a method is called that none of the objects has which the receiver may be: all
        are of classes whose bases are at hand, and nothing keeps anything under that name. What a
        method calls on its own object is set elsewhere."""
        if not shape.receiver or shape.callee or shape.path[:-1] == ("self",):
            return False
        kinds = [kind for kind in shape.receiver if isinstance(kind, Instance)]
        return len(kinds) == len(shape.receiver) and not any(
            self.may_have(kind, shape.verb) for kind in kinds
        )

    def may_have(self, kind: Instance, name: str) -> bool:
        """Whether an object, or one of a class made from its class, may have an attribute."""
        program, definition = self.program, kind.definition
        classes = [definition, *program.made_from(definition)]
        return (
            name in self.memory.object_of(definition, kind.place).fields
            or not program.is_whole(definition)
            or any(program.method_of(one, name) is not None for one in classes)
            or any(keeps(statement, name) for one in classes for statement in one.node.body)
        )

    def note_near(self, frame: Frame, shape: CallShape) -> None:
        """Keep why something is no call of a model."""
        score, reasons = evidence.weigh(shape, self.program.catalogue)
        found = (*reasons, f"evidence {score}, {evidence.ENOUGH} needed")
        near = near_call(frame.module.path, shape, self.program.catalogue, score, found)
        self.progress.keep_near(near)


def tests_own_server(frame: Frame, shape: CallShape) -> bool:
    """Whether a test sends a request to a path alone: of the server that it tests."""
    is_test = frame.function is not None and recognise.words_of(frame.function.name)[:1] == (
        "test",
    )
    addresses = recognise.addresses_in(shape, whole=False) if is_test else []
    return any(address.startswith("/") for address in addresses)


def does_other_work(frame: Frame, shape: CallShape, words: Evidence) -> bool:
    """Whether a request is made by a function, or for one, that by its name or that of its class
    has something other than text made, or at an address that is named so."""
    near = [one for one in (frame, frame.caller) if one is not None and one.function is not None]
    functions = [one.function for one in near if one.function is not None]
    owners = [function.owner.name for function in functions if function.owner is not None]
    given = [node for node, _ in shape.positional[:2]]
    given += [node for name, node, _ in shape.keywords if name == "url"]
    named = [name for node in given for name in recognise.names_in(node)]
    return any(
        recognise.names_other_product(name, words)
        for name in (*(function.name for function in functions), *owners, *named)
    )


def runs_what_is_handed_in(function: FunctionDefinition | None, shape: CallShape) -> bool:
    """Whether an executor calls a method, with something to say, of what isn't at hand: the
    function around it is given that (`agents["judge"].run(text)`)."""
    outer = function.outer if function is not None else None
    is_handed = outer is not None and shape.path[:1] and shape.path[0] in outer.parameters
    is_open = len(shape.path) > 1 and not shape.receiver and bool(shape.positional)
    return bool(is_handed and is_open and function and handling_of(function))
