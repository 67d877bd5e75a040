"""LangChain's runnables that lead to several models: chains that feed chains, branches, what runs
in parallel.

A chain that is complete, a prompt with a model, asks it; whatever is put together of such chains
leads to them. A dict in a pipe runs what it holds in parallel, and a function that returns chains
chooses one of them.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.chains import CHAIN, PROMPTS, piped, steps_in
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.values.candidates import in_order, made_as, made_in
from charter_engine.parser.values.values import UNKNOWN, Box, Function, Kind, Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

FED = "fed"
"""Under this name a prompt keeps what its fields are filled by."""

ASKING = frozenset(("langchain.filled", "langchain.retriever"))
"""What functions make of a model and a template that they are given."""

RETRIEVAL = "langchain.retrieval"

COMPOSED = frozenset(("langchain.parallel", "langchain.branch", "langchain.lambda", RETRIEVAL))
COMPOSED |= ASKING


class Runnables:
    """Puts runnables together as teams of chains."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.evaluator = evaluator

    def piped(
        self,
        frame: Frame,
        node: ast.BinOp,
        left: Value,
        right: Value,
        pipe: Value,
        place: ast.expr | None = None,
    ) -> Value:
        """What a pipe of two runnables leads to, beside what is known of it; `place` is where it
        stands, if not written as a pipe."""
        before = self.leading(frame, node.left, left)
        if PROMPTS & right.types and before is not None:
            fields = right.box.fields if right.box is not None else {}
            kept = before if left.box is None or made_of(left) is not None else left
            return replace(right, box=Box("object", fields={**fields, FED: kept}))
        is_chain = self.is_asked(pipe)
        behind = self.leading(frame, node.right, right)
        if before is not None and behind is not None:
            box = Box("object", fields={"0": before, "1": behind})
            return self.made(frame, place or node, "langchain.sequence", box)
        if before is not None and is_chain and self.is_asked(right):
            box = Box("object", fields={FED: before})
            return self.made(frame, place or node, "langchain.chain", box)
        known = before or behind
        if known is not None:
            made = frozenset(kind for kind in known.types if isinstance(kind, Made))
            return replace(pipe, types=pipe.types | made | {CHAIN})
        if is_chain:
            chain = self.made(frame, place or node, "langchain.chain", pipe.box or Box("object"))
            return replace(pipe, types=pipe.types | chain.types)
        return pipe

    def in_sequence(self, frame: Frame, shape: CallShape) -> Value:
        """`RunnableSequence(prompt, model, parser)`: the same as a pipe. Its first chain is called
        where the sequence is made, the others where their models are named."""
        chain: Value = UNKNOWN
        before: ast.expr | None = None
        place: ast.expr = shape.node
        for source, step in steps_in(shape):
            if before is None:
                chain, before = step, source
                continue
            pipe = piped(chain, step, before, self.program.catalogue)
            joined = ast.BinOp(before, ast.BitOr(), source)
            taken = made_of(chain)
            chain = self.piped(frame, joined, chain, step, pipe, place)
            place = source if made_of(chain) != taken else place
            before = source
        return chain

    def composed(self, frame: Frame, node: ast.expr, kind: str, box: Box) -> Value:
        """What a constructor of a runnable leads to: `RunnableParallel(…)`, `RunnableBranch(…)`;
        one that leads to no model asks none."""
        if kind == "langchain.lambda":
            return self.leading(frame, node, box.fields.get("0", UNKNOWN)) or other(box)
        if kind in ASKING:
            return self.filled(frame, node, box)
        if any(True for value in box.members() for _ in made_in(value)):
            return self.made(frame, node, kind, box)
        return other(box) if kind != RETRIEVAL else Value(types=frozenset((CHAIN,)))

    def filled(self, frame: Frame, node: ast.expr, box: Box) -> Value:
        """`create_stuff_documents_chain(llm, prompt)`: the same as `prompt | llm`."""
        prompt, model = box.fields.get("prompt", UNKNOWN), box.fields.get("llm", UNKNOWN)
        pipe = piped(prompt, model, node, self.program.catalogue)
        chain = self.made(frame, node, "langchain.chain", pipe.box or Box("object"))
        return replace(pipe, types=pipe.types | chain.types)

    def leading(self, frame: Frame, node: ast.expr, value: Value) -> Value | None:
        """A part of a pipe as what leads to chains; None where it leads to none."""
        if made_of(value) is not None:
            return value
        for kind in in_order(value.types):
            if isinstance(kind, Function):
                return self.chosen(frame, node, kind)
        if value.box is not None and value.box.kind == "dict" and any(made_in(value)):
            return self.made(frame, node, "langchain.parallel", value.box)
        return None

    def chosen(self, frame: Frame, node: ast.expr, function: Function) -> Value | None:
        """A function that returns one of several chains."""
        names = dict.fromkeys(function.definition.parameters, UNKNOWN)
        result = self.evaluator.follower.enter(frame, function, names)
        if result is None or not any(made_in(result)):
            return None
        return self.made(frame, node, "langchain.branch", Box("object", fields={"0": result}))

    def made(self, frame: Frame, node: ast.expr, kind: str, box: Box) -> Value:
        loop = frame.loops[-1].record if frame.loops else None
        made = Made(kind, node, frame.module, frame.function, box, loop)
        return Value(types=frozenset((CHAIN, made)), box=box)

    def is_asked(self, value: Value) -> bool:
        """Whether a part of a pipe is a model, whatever stands before it."""
        return any(self.is_model(kind) for kind in value.types)

    def is_model(self, kind: object) -> bool:
        return isinstance(kind, Kind) and self.program.catalogue.is_model(kind.name)


def made_of(value: Value) -> Made | None:
    """What a value itself was made as."""
    return next(iter(made_as(value)), None)


def other(box: Box) -> Value:
    return Value(types=frozenset((Kind("tool"),)), box=box)
