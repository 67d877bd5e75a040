"""Prompts as they will be sent: calls expanded over their inputs, variables bound, layouts applied.

Used wherever prompts are made: to run an agent, to generate a workload from it, and to predict one.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from charter_engine.contracts.graph import Call, Loop, Segment
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.histories import SentSegment, grows, sent_in

ROLE_HEADER = "<|{role}|>\n"
"""Charter's own plain chat markup, for prompts written as messages; a deployment's chat template
replaces it."""

TURNS = "turns"
"""The input that tells how often loops go round whose length only the running program knows."""

HEADING = "heading"
"""The kind of a piece that begins a chat message."""

HEAD_HEADER = "<|tools|>\n"
"""Stands before what a request offers the model: a definition a line, as chat templates write
them."""

ASSUMED_DEFINITIONS = 100
"""Words of definitions that aren't at hand: a handful of tools."""

CHARACTERS_A_TOKEN = 4
"""Assumed, as is said of English; measured: 3.7 in the example agent's source by the embedded
tokenizer."""


class MissingInput(ValueError):
    """A prompt needs a value nobody gave."""

    def __init__(self, node: str, variable: str, line: int) -> None:
        super().__init__(f"{node} (line {line}): no value for {variable!r}")
        self.node, self.variable, self.line = node, variable, line
        self.remedy = f"give it with --input {variable}=VALUE, or @FILE for a file's text"


@dataclass(frozen=True)
class CallInstance:
    """One execution of a call: `iteration` counts the passes of its loop from 0.

    `after` are the instances whose output must exist first: the upstream ones of the prompt, and
    with a loop-carried edge the previous pass. `scopes` are those of the passes before, which a
    history holds.
    """

    call: Call
    iteration: int
    scope: Mapping[str, Any]
    after: tuple["InstanceKey", ...]
    scopes: tuple[Mapping[str, Any], ...] = ()

    @property
    def key(self) -> "InstanceKey":
        return (self.call.id, self.iteration)


InstanceKey = tuple[str, int]


@dataclass(frozen=True)
class Piece:
    """A run of a final prompt. `source` is the segment's index in the call that wrote it.

    `kind` is that of the segment, or `HEADING`.

    `token_ids`, where known, are the very tokens the server generated, so that a continued prompt
    need not be tokenised again.
    """

    text: str
    kind: str
    node: str
    source: int
    token_ids: tuple[int, ...] = ()


Prompt = tuple[Piece, ...]


def text_of(prompt: Prompt) -> str:
    """The prompt as it is sent."""
    return "".join(piece.text for piece in prompt)


def runnable(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls to execute: a client's call that only serves wrappers is made by calling those."""
    inner = {identifier for call in calls if call.kind == "wrapper" for identifier in call.via}
    return tuple(call for call in calls if call.id not in inner)


def expand(calls: Sequence[Call], inputs: Mapping[str, Any]) -> tuple[CallInstance, ...]:
    """All executions of an agent's calls over one set of inputs, in an order that respects `after`.

    A call in a loop runs once for each element of the loop's iterable when the inputs name it. A
    loop whose length only the running program knows goes round as often as the input `turns` says,
    a number, or a list with the values of each turn; without it, once.
    """
    passes = {call.id: _passes(call, inputs) for call in calls}
    instances = [
        CallInstance(
            call,
            iteration,
            scope,
            tuple(_after(call, iteration, calls, passes)),
            tuple(passes[call.id][:iteration]) if grows(call) else (),
        )
        for call in calls
        for iteration, scope in enumerate(passes[call.id])
    ]
    return _in_order(instances)


def side_by_side(instances: tuple[CallInstance, ...]) -> list[tuple[CallInstance, ...]]:
    """Chains that need nothing of each other: the passes of a loop where none needs another, else
    all as one."""
    if any(key[1] != instance.iteration for instance in instances for key in instance.after):
        return [instances]
    passes: dict[int, list[CallInstance]] = {}
    for instance in instances:
        passes.setdefault(instance.iteration, []).append(instance)
    return [tuple(chain) for chain in passes.values()]


def _passes(call: Call, inputs: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    loop = repetition_of(call)
    if loop is None:
        return (inputs,)
    elements = _lookup(loop.iterable, inputs) if loop.iterable else None
    if elements is None and not is_counted(loop):
        turns = inputs.get(TURNS)
        elements = [{}] * max(1, turns) if isinstance(turns, int) else turns
    if not isinstance(elements, Sequence) or isinstance(elements, str):
        return (inputs,)
    return tuple(_loop_scope(inputs, loop.target, element) for element in elements)


def repetition_of(call: Call) -> Loop | None:
    """What makes a call's passes: its loop, or what repeats a call that keeps a history."""
    if call.loop is not None:
        return call.loop
    if not grows(call):
        return None
    return next(iter(call.repeated_by), Loop(kind="caller", line=call.line))


def is_counted(loop: Loop) -> bool:
    """Whether a loop goes over something that an input may name."""
    return loop.kind in ("for", "comprehension", "caller") and not (
        loop.iterable == "" or loop.iterable.startswith(("range(", "count(", "itertools.count("))
    )


def _loop_scope(inputs: Mapping[str, Any], target: str, element: object) -> Mapping[str, Any]:
    fields = element if isinstance(element, Mapping) else {}
    names = [name.strip() for name in target.strip("() ").split(",") if name.strip()]
    if len(names) > 1 and isinstance(element, Sequence) and not isinstance(element, str):
        return {**inputs, **dict(zip(names, element, strict=False))}
    return {**inputs, **fields, **({target: element} if target else {})}


def _after(
    call: Call,
    iteration: int,
    calls: Sequence[Call],
    passes: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Iterator[InstanceKey]:
    by_id = {other.id: other for other in calls}
    for dependency in call.depends_on:
        upstream = by_id.get(dependency.call)
        if upstream is None:
            continue
        if dependency.carried == "loop":
            if iteration > 0:
                yield (upstream.id, min(iteration, len(passes[upstream.id])) - 1)
        elif upstream.loop == call.loop:
            yield (upstream.id, min(iteration, len(passes[upstream.id]) - 1))
        else:
            yield from ((upstream.id, other) for other in range(len(passes[upstream.id])))


def _in_order(instances: Sequence[CallInstance]) -> tuple[CallInstance, ...]:
    """A stable topological order; what a cycle leaves over follows in source order."""
    known = {instance.key for instance in instances}
    done: set[InstanceKey] = set()
    ordered: list[CallInstance] = []
    waiting = list(instances)
    while waiting:
        ready = [
            item for item in waiting if all(key in done or key not in known for key in item.after)
        ]
        for item in ready or waiting[:1]:
            ordered.append(item)
            done.add(item.key)
        waiting = [item for item in waiting if item.key not in done]
    return tuple(ordered)


def assemble(
    instance: CallInstance,
    plan: NodePlan,
    outputs: Mapping[InstanceKey, Piece],
    prompts: Mapping[InstanceKey, Prompt],
) -> Prompt:
    """The prompt of one instance under its node's layout.

    `outputs` and `prompts` hold what the instances in `after` sent and got. Raises `MissingInput`.
    """
    call = instance.call
    if plan.layout == "append-only" and plan.extends is not None:
        upstream = _extended(instance, plan.extends)
        if upstream in prompts:
            appended = tuple(_pieces(instance, plan, plan.order, outputs))
            return (*prompts[upstream], outputs[upstream], *_with_roles(call, appended, "\n"))
    order = (
        plan.order
        if plan.layout == "prefix-first" and plan.order
        else tuple(range(len(call.segments)))
    )
    if instance.scopes or grows(call):
        return tuple(_with_roles(call, tuple(_in_turns(instance, plan, order, outputs))))
    return tuple(_with_roles(call, tuple(_pieces(instance, plan, order, outputs))))


def with_head(instance: CallInstance, prompt: Prompt) -> Prompt:
    """A prompt behind what goes with its request; one that continues another begins with that
    one's. It counts as part of what stands first, wherever a layout moves that from."""
    call = instance.call
    if not call.head or not prompt or prompt[0].node != call.id:
        return prompt
    lines = "".join(f"{_definition(segment, instance.scope)}\n" for segment in call.head)
    return (Piece(HEAD_HEADER + lines, HEADING, call.id, prompt[0].source), *prompt)


def _definition(segment: Segment, scope: Mapping[str, Any]) -> str:
    """A definition's text; of what neither source nor inputs tell, one that is the same wherever
    the same name stands."""
    if segment.kind == "static":
        return segment.text
    name = segment.expression or segment.name
    given = _lookup(name, scope)
    if isinstance(given, str):
        return given
    return " ".join(f"{name}-{number}" for number in range(ASSUMED_DEFINITIONS))


def _extended(instance: CallInstance, call_id: str) -> InstanceKey:
    return next((key for key in instance.after if key[0] == call_id), (call_id, instance.iteration))


def _in_turns(
    instance: CallInstance,
    plan: NodePlan,
    order: Sequence[int],
    outputs: Mapping[InstanceKey, Piece],
) -> Iterator[Piece]:
    """The pieces of a prompt that holds what the turns before have left."""
    segments = instance.call.segments
    scopes = (*instance.scopes, instance.scope)

    def pieces_of(sent: SentSegment) -> Sequence[Piece]:
        segment = segments[sent.index]
        if segment.kind == "upstream" and (segment.each_turn or sent.turn < instance.iteration):
            answer = _answer(segment, sent.turn, outputs)
            if answer is None:
                return ()
            return (replace(answer, node=instance.call.id, source=sent.index),)
        turn = replace(instance, scope=scopes[min(sent.turn, len(scopes) - 1)])
        return tuple(_pieces(turn, plan, (sent.index,), outputs))

    def tokens(message: Sequence[SentSegment]) -> int:
        return sum(
            len(piece.token_ids) or len(piece.text) // CHARACTERS_A_TOKEN
            for sent in message
            for piece in pieces_of(sent)
        )

    for sent in sent_in(instance.call, instance.iteration, order, tokens):
        yield from pieces_of(sent)


def _answer(segment: Segment, turn: int, outputs: Mapping[InstanceKey, Piece]) -> Piece | None:
    """What a call answered in a turn, or last before it."""
    keys = ((segment.call or "", earlier) for earlier in range(turn, -1, -1))
    return next((outputs[key] for key in keys if key in outputs), None)


def _pieces(
    instance: CallInstance,
    plan: NodePlan,
    order: Sequence[int],
    outputs: Mapping[InstanceKey, Piece],
) -> Iterator[Piece]:
    segments = instance.call.segments
    for index in order:
        if not 0 <= index < len(segments):
            raise MissingInput(instance.call.id, f"segment {index} of the plan", instance.call.line)
        segment = segments[index]
        if segment.kind == "static":
            yield Piece(plan.wording.get(index, segment.text), "static", instance.call.id, index)
        elif segment.kind == "upstream" and segment.call is not None:
            yield from _upstream(instance, segment, index, outputs)
        else:
            yield Piece(_bound(instance, segment), segment.kind, instance.call.id, index)


def _upstream(
    instance: CallInstance, segment: Segment, index: int, outputs: Mapping[InstanceKey, Piece]
) -> Iterator[Piece]:
    keys = [key for key in instance.after if key[0] == segment.call and key in outputs]
    for position, key in enumerate(keys):
        if position:
            yield Piece("\n", "upstream", instance.call.id, index)
        yield Piece(outputs[key].text, "upstream", instance.call.id, index, outputs[key].token_ids)
    if not keys and segment.carried != "loop":
        yield Piece(_bound(instance, segment), "upstream", instance.call.id, index)


def _bound(instance: CallInstance, segment: Segment) -> str:
    names = [name for name in (segment.expression, segment.name) if name]
    names = names or [f"unknown_{segment.line}"]
    for name in names:
        value = _lookup(name, instance.scope)
        if value is not None:
            return str(value)
    raise MissingInput(instance.call.id, names[-1], segment.line or instance.call.line)


def _lookup(expression: str, scope: Mapping[str, Any]) -> Any:
    """Evaluate names, constant subscripts and attributes over plain values; nothing else is ever
    evaluated."""
    if expression in scope:
        return scope[expression]
    try:
        tree = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _value(tree, scope)


def _value(node: ast.expr, scope: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, scope)
        return owner.get(node.attr) if isinstance(owner, Mapping) else scope.get(node.attr)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner = _value(node.value, scope)
        if isinstance(owner, Mapping):
            return owner.get(node.slice.value)
        if isinstance(owner, Sequence) and isinstance(node.slice.value, int):
            return owner[node.slice.value] if -len(owner) <= node.slice.value < len(owner) else None
    return None


def _with_roles(call: Call, pieces: Prompt, before_first: str = "") -> Iterator[Piece]:
    """Mark where a chat message begins, when the prompt is written as messages."""
    role: str | None = None
    for piece in pieces:
        segment = call.segments[piece.source]
        if segment.role is not None and segment.role != role:
            role = segment.role
            lead = "\n" if piece is not pieces[0] else before_first
            yield Piece(lead + ROLE_HEADER.format(role=role), HEADING, piece.node, piece.source)
        yield piece
    if role is not None:
        yield Piece(
            "\n" + ROLE_HEADER.format(role="assistant"), HEADING, call.id, len(call.segments) - 1
        )
