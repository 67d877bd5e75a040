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
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values.candidates import in_order, made_as, made_in, members_in
from charter_engine.parser.values.values import UNKNOWN, Box, Function, Kind, Made, Value

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

FED = "fed"
"""Under this name a prompt keeps what its fields are filled by."""

OLD_CHAIN = "langchain.old.chain"
"""`LLMChain(llm=llm, prompt=prompt)`, which may have a memory and names its output."""

ASKING = frozenset(("langchain.filled", "langchain.retriever", OLD_CHAIN))
"""What is made of a model and a template that are given."""

BESIDE = ("memory", "output_key")
"""What an old chain is made with beside these."""

OUTPUT = "text"
"""The name of what an old chain answers, unless it says another."""

SERIES = "langchain.old.series"
"""`SequentialChain(chains=[plan, write])`: each is given all that those before it answered."""

SEQUENCE, PARALLEL, LOOKUP = "langchain.sequence", "langchain.parallel", "langchain.lookup"

LOOKING_UP = Kind("retriever")

ASSIGNING = "assign"
"""The method by which a runnable hands on what it was given, with more."""

RETRIEVAL = "langchain.retrieval"

COMPOSED = frozenset((PARALLEL, "langchain.branch", "langchain.lambda", RETRIEVAL, SERIES))
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
        if before is not None and (behind is not None or LOOKING_UP in right.types):
            return self.joined(frame, place or node, before, behind)
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

    def joined(self, frame: Frame, node: ast.expr, before: Value, behind: Value | None) -> Value:
        """Two parts of a pipe that lead to chains, or one before what looks something up."""
        if behind is None:
            return self.made(frame, node, LOOKUP, Box("object", fields={"0": before}))
        if is_assigned(behind):
            behind = self.made(frame, beside(node), PARALLEL, carrying(before, behind, node))
        return self.made(frame, node, SEQUENCE, Box("object", fields={"0": before, "1": behind}))

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
            return self.filled(frame, node, kind, box)
        if kind == SERIES:
            return self.in_series(frame, node, box)
        if any(True for value in box.members() for _ in made_in(value)):
            return self.made(frame, node, kind, box)
        return other(box) if kind != RETRIEVAL else Value(types=frozenset((CHAIN,)))

    def filled(self, frame: Frame, node: ast.expr, kind: str, box: Box) -> Value:
        """`create_stuff_documents_chain(llm, prompt)`: the same as `prompt | llm`."""
        prompt, model = box.fields.get("prompt", UNKNOWN), box.fields.get("llm", UNKNOWN)
        pipe = piped(prompt, model, node, self.program.catalogue)
        if kind == OLD_CHAIN:
            held = pipe.box.fields if pipe.box is not None else {}
            beside = {name: box.fields[name] for name in BESIDE if name in box.fields}
            own = Box("object", fields={**held, **beside})
            pipe = replace(pipe, box=own, types=pipe.types | {Kind(kind)})
        chain = self.made(frame, node, "langchain.chain", pipe.box or Box("object"))
        return replace(pipe, types=pipe.types | chain.types)

    def in_series(self, frame: Frame, node: ast.expr, box: Box) -> Value:
        """Chains one after the other, each of which is given all that those before answered, by
        the names of their outputs."""
        listed = members_in(box.fields.get("chains", UNKNOWN))
        chains = [chain for chain in listed if made_of(chain) is not None]
        whole: Value | None = None
        for number, chain in enumerate(chains, 1):
            step = chain
            if number < len(chains):
                named = chain.box.fields.get("output_key", UNKNOWN) if chain.box else UNKNOWN
                fields = Box("object", fields={named.static_text() or OUTPUT: chain})
                if whole is not None:
                    fields = carrying(whole, Value(box=fields), node)
                step = self.made(frame, beside(node), PARALLEL, fields)
            if whole is None:
                whole = step
                continue
            whole = self.joined(frame, beside(node), whole, step)
        return whole if whole is not None else Value(types=frozenset((CHAIN,)))

    def assigned(self, frame: Frame, receiver: Value, shape: CallShape) -> Value:
        """`chain.assign(title=title)`: what the chain gives, and beside it what others answer that
        are given that."""
        box = Box("object", fields={name: value for name, _, value in shape.keywords})
        before = made_of(receiver)
        if not any(True for value in box.members() for _ in made_in(value)):
            return receiver
        behind = self.made(frame, shape.node, PARALLEL, box)
        if before is None:
            return behind
        leading = Value(types=frozenset((CHAIN, before)))
        return self.joined(frame, shape.node.func, leading, behind)

    def leading(self, frame: Frame, node: ast.expr, value: Value) -> Value | None:
        """A part of a pipe as what leads to chains; None where it leads to none."""
        if made_of(value) is not None:
            return value
        for kind in in_order(value.types):
            if isinstance(kind, Function):
                return self.chosen(frame, node, kind)
        if value.box is not None and value.box.kind == "dict" and any(made_in(value)):
            return self.made(frame, node, PARALLEL, value.box)
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


def is_assigned(behind: Value) -> bool:
    """Whether a part of a pipe hands on what it is given: `RunnablePassthrough.assign(…)`."""
    made = made_of(behind)
    node = made.node if made is not None and made.kind == PARALLEL else None
    return isinstance(node, ast.Call) and last_name(node.func) == ASSIGNING


def carrying(before: Value, behind: Value, place: ast.expr) -> Box:
    """What runs side by side behind a chain, with what a dict before it holds under other names."""
    giver = ending(made_of(before))
    names = giver.box.fields if giver is not None and giver.kind == PARALLEL else ()
    own = behind.box.fields if behind.box is not None else {}
    taken = {name: Value(source=taking(name, place)) for name in names if name not in own}
    return Box("object", fields={**own, **taken})


def taking(name: str, place: ast.expr) -> ast.expr:
    """`itemgetter("name")`, as if it stood at a place."""
    call = ast.Call(ast.Name(GETTER, ast.Load()), [ast.Constant(name)], [])
    return ast.fix_missing_locations(ast.copy_location(call, place))


GETTER = "itemgetter"
"""What takes what stands under a name out of a dict."""


def ending(made: Made | None) -> Made | None:
    """What gives the answer of a sequence of runnables: the part that comes last."""
    while made is not None and made.kind == SEQUENCE:
        made = made_of(made.box.fields["1"])
    return made


def beside(node: ast.expr) -> ast.expr:
    """A place of its own beside that of what makes several things."""
    return ast.copy_location(ast.Tuple([], ast.Load()), node)


def other(box: Box) -> Value:
    return Value(types=frozenset((Kind("tool"),)), box=box)
