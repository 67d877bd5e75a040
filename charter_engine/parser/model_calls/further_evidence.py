"""What the source around a call says for it, where its own names and arguments nearly do."""

from __future__ import annotations

import ast

from charter_engine.parser.graphs.inner_graphs import INVOKING
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls import evidence
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.recognise import CallShape, Recognition, words_of
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, walk
from charter_engine.parser.source.syntax import output_name, used_by

Held = tuple[str, ClassDefinition | FunctionDefinition | None, tuple[str, ...]]
"""A method of what a class's objects, or a function, hold under a name."""


class FurtherEvidence:
    """Keeps the methods that were found to ask a model; another call of one asks it, too."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.asked: set[Held] = set()

    def keep(self, frame: Frame, shape: CallShape) -> None:
        """Keep a method that asks a model."""
        if len(shape.path) > 1:
            self.asked.add(held_at(frame, shape))

    def found(self, frame: Frame, shape: CallShape) -> Recognition | None:
        """Why a call that nearly is one by itself asks a model."""
        if shape.receiver or shape.callee:
            return None
        why = "another call of it asks a model" if held_at(frame, shape) in self.asked else ""
        why = why or ("its answer is read as a chain's" if answers_as_chain(frame, shape) else "")
        if not why:
            return None
        score, reasons = evidence.weigh(shape, self.catalogue)
        if score < evidence.ENOUGH - 1:
            return None
        return Recognition(evidence.EVIDENCE, "; ".join([*reasons, why]), by_evidence=True)


def held_at(frame: Frame, shape: CallShape) -> Held:
    """What is called, as the class or the function holds it."""
    function = frame.function
    is_own = function is not None and shape.path[:1] == (function.own_name,)
    return frame.module.path, function.owner if function and is_own else function, shape.path


def answers_as_chain(frame: Frame, shape: CallShape) -> bool:
    """Whether a call gives a question and takes the answer as LangChain's chains have them:
    `engine.invoke({"input": question})["answer"]`."""
    given = shape.positional[0][0] if shape.positional else None
    if not isinstance(given, ast.Dict) or INVOKING.isdisjoint(words_of(shape.verb)):
        return False
    keys = {key.value for key in given.keys if isinstance(key, ast.Constant)}
    return not INPUTS.isdisjoint(keys) and not ANSWERS.isdisjoint(keys_read(frame, shape))


def keys_read(frame: Frame, shape: CallShape) -> set[object]:
    """The keys that are read of a call's result, at once or by the name that it is given."""
    used, name = used_by(shape.parents, shape.node), output_name(shape.parents, shape.node)
    around = frame.function.node if frame.function is not None else frame.module.tree
    read = [
        node
        for node in (walk(around) if name else ())
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    ]
    read += [used] if isinstance(used, ast.Subscript) else []
    return {node.slice.value for node in read if isinstance(node.slice, ast.Constant)}


INPUTS = frozenset("input question query".split())
ANSWERS = frozenset("answer output result".split())
"""Keys under which LangChain's chains are given a question, and answer it."""
