"""LangChain's `prompt | model | parser`: what a pipe of runnables is."""

from __future__ import annotations

import ast

from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.recognise import CallShape, names_in, names_model, words_of
from charter_engine.parser.prompts.offered import KEPT_AS
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import UNKNOWN, Box, Element, External, Kind, Type, Value

PROMPTS = frozenset((Kind("langchain.prompt"), Kind("langchain.fetched.prompt")))
PARSER = Kind("langchain.parser")
CHAIN = Kind("langchain.model")
PLACEHOLDER = "langchain.placeholder"
FROM_MODEL = "from_llm"


def steps_in(shape: CallShape) -> list[tuple[ast.expr, Value]]:
    """The steps of `RunnableSequence(prompt, model, parser)`, or with `first`, `middle` and `last`,
    in their order."""
    steps = [*shape.positional]
    for name in ("first", "middle", "last"):
        steps += [(source, value) for given, source, value in shape.keywords if given == name]
    return [
        (source, step)
        for source, value in steps
        for step in (
            [element.value for element in value.box.items]
            if value.box is not None and value.box.kind == "list"
            else [value]
        )
    ]


def piped(left: Value, right: Value, source: ast.expr, catalogue: Catalogue) -> Value:
    """A chain as soon as a model is part of it; it keeps the prompt. `source` is how the left side
    is written."""
    kinds = left.types | right.types
    models = frozenset(
        kind for kind in kinds if isinstance(kind, Kind) and catalogue.is_model(kind.name)
    )
    if not models and asks_unseen(left, right, source, catalogue):
        models = frozenset((CHAIN,))
    prompts = [side for side in (left, right) if PROMPTS & side.types]
    box = prompts[0].box if prompts else left.box or (None if models else right.box)
    offered = {
        name: side.box.fields[name]
        for side in (left, right)
        if side.box is not None
        for name in KEPT_AS.values()
        if name in side.box.fields
    }
    if offered:
        box = Box("object", fields={**(box.fields if box is not None else {}), **offered})
    types: frozenset[Type] = models or kinds
    return Value(types=types, origins=left.all_origins() | right.all_origins(), box=box)


def asks_unseen(left: Value, right: Value, source: ast.expr, catalogue: Catalogue) -> bool:
    """Whether a model that is imported or passed in is part of a pipe: what follows a prompt, or
    what is named as a model and parsed."""
    if PROMPTS & left.types:
        return is_unseen(right)
    named = any(names_model(name, catalogue) for name in names_in(source))
    return PARSER in right.types and is_unseen(left) and named


def is_unseen(value: Value) -> bool:
    """Whether nothing is known of a value but where it was imported from."""
    is_imported = all(isinstance(kind, External) for kind in value.types)
    return is_imported and value.box is None and value.pieces is None and value.constant is None


def makes_chain(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether a function that is imported makes a chain around a model, by its name:
    `llm_generation_chain("query.prompt", engine=…)`, `SummaryChain.from_llm(llm)`."""
    if not shape.callee:
        return False
    words = words_of(shape.verb)
    if words[-1:] != ("chain",) and shape.verb != FROM_MODEL:
        return False
    if not all(isinstance(kind, External) for kind in shape.callee):
        return False
    if words[-1:] != ("chain",) or words[0] in catalogue.evidence.running:
        return shape.verb == FROM_MODEL
    is_model_named = any(names_model(word, catalogue) for word in words)
    return is_model_named or not shape.keyword_names.isdisjoint(
        catalogue.evidence.model_given | {"engine"}
    )


def chain_box(shape: CallShape) -> Box | None:
    """What a chain that a function elsewhere makes keeps of its prompt: the messages that the
    function is given by the names of their roles (`create_llm_chain(system_prompt=RULES,
    human_prompt=TASK)`); None without any."""
    said = [
        (role, value)
        for name, _, value in shape.keywords
        for role in [SAID_BY.get(name.removesuffix("_prompt").removesuffix("_template"))]
        if role is not None and value.pieces is not None
    ]
    messages = [Box("tuple", [Element(static(role)), Element(value)]) for role, value in said]
    talk = Box("list", [Element(Value(box=message)) for message in messages])
    return Box("object", fields={"messages": Value(box=talk)}) if said else None


SAID_BY = {
    "system": "system",
    "system_message": "system",
    "human": "user",
    "human_message": "user",
    "user": "user",
    "prompt": "user",
    "template": "user",
}
"""Roles by the names under which a function is given the messages of a chain."""


def placeholder(shape: CallShape) -> Box:
    """`MessagesPlaceholder("history")` as the pair that a template may have in its place:
    `("placeholder", "{history}")`."""
    given = shape.argument(0, "variable_name") or UNKNOWN
    name = given.static_text() or "messages"
    return Box("tuple", [Element(static("placeholder")), Element(static(f"{{{name}}}"))])
