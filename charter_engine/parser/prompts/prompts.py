"""The arguments of an LLM call → its prompt, as texts with roles."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from charter_engine.parser.flows.fanout import BATCHES
from charter_engine.parser.model_calls.catalogue import Family
from charter_engine.parser.model_calls.findings import Message
from charter_engine.parser.model_calls.recognise import CallShape, names_in, words_of
from charter_engine.parser.source.syntax import last_name
from charter_engine.parser.values import text
from charter_engine.parser.values.candidates import in_order
from charter_engine.parser.values.containers import any_member
from charter_engine.parser.values.origins import NOTHING, Origin, Origins
from charter_engine.parser.values.pieces import static, text_of
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    Element,
    Hole,
    Kind,
    Piece,
    Static,
    Value,
)

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}
OF_TOOLS = ("tool_result", "function_call_output")
"""Types of the parts of a message that tell what a tool gave."""

SAID = ("content", "contents", "parts", "text")
"""What a message has its text in."""

CONTENT = (*SAID, "input_text", "prompt", "0")
PARTS = ("text", "input_text")
"""What parts of a message have their text in."""

OPTIONS = frozenset(
    "model max_tokens max_new_tokens max_output_tokens max_completion_tokens max_length "
    "temperature top_p top_k n stop seed stream frequency_penalty presence_penalty engine "
    "num_return_sequences max_tokens_to_sample reasoning_effort model_id modelId model_name".split()
)

BESIDE = frozenset(
    "type role id name cache_control tools tool_choice response_format template_format media_type "
    "mime_type mimeType".split()
)
"""What stands in a message, a template or a request's body beside its text."""


BODIES = ("messages", "input")
"""What a request's body has its conversation in."""

SETTINGS = frozenset(
    "include metadata reasoning thinking truncation service_tier modalities stop_sequences "
    "stream_options provider plugins betas anthropic_version".split()
)
"""What stands in a request's body beside its conversation, and is told to no model."""


Fields = dict[str, tuple[Value, ast.expr | str]]
"""What fills the fields of a template, each with its source."""

Turns = frozenset[int]
"""Loops by their numbers."""

NO_TURNS: Turns = frozenset()


def prompt_of(shape: CallShape, family: Family, under_way: Turns = NO_TURNS) -> tuple[Message, ...]:
    """The parts of the prompt in the order they are sent, by a call in the loops `under_way`.
    Empty: the call's prompt stands elsewhere."""
    given = arguments_by_name(shape, family)
    if shape.verb in BATCHES:
        given = {name: one_of(value) for name, value in given.items()}
    messages: list[Message] = []
    for name in family.prompt:
        value = field_of(given, name)
        if value is not None:
            role = family.roles.get(name, "")
            messages += messages_of(value, role, under_way=under_way)
    if family.open_ended:
        messages += [
            part
            for name, value in given.items()
            if name not in family.prompt
            for part in upstream_parts(value)
        ]
        messages += [
            part
            for _, value in by_place(shape, family)[len(family.positional) :]
            for part in upstream_parts(value)
        ]
    if not messages and not given.keys().isdisjoint((family.runs, family.names)):
        return ()
    is_option = not OPTIONS.isdisjoint(family.positional[:1])
    if not messages and shape.positional and not is_option:
        first = shape.positional[0][1]
        only = one_of(first) if shape.verb in BATCHES else first
        messages += messages_of(only, "", under_way=under_way)
    if not messages:
        # A call that names its prompt its own way (`tweet=…`): everything it is given that is no
        # option.
        for name, value in given.items():
            if name not in OPTIONS and value.constant is None:
                messages += messages_of(value, "", under_way=under_way)
    return tuple(messages)


def one_of(batch: Value) -> Value:
    """One of the prompts that a batch asks, where it is a list of them."""
    is_list = batch.box is not None and batch.box.kind == "list"
    return any_member(batch) if is_list else batch


def field_of(given: dict[str, Value], name: str) -> Value | None:
    """An argument, or what one was made with: `argument.field`, to any depth."""
    first, _, rest = name.partition(".")
    value = given.get(first)
    if not rest or value is None:
        return value
    return field_of(value.box.fields, rest) if value.box is not None else None


KEPT_FOR_SYSTEM = (
    "instructions",
    "system_prompt",
    "system_message",
    "preamble",
    "system_instruction",
    "instruction",
    "config.system_instruction",
    "agent_kwargs.system_message",
    "agent_kwargs.prefix",
)
KEPT = (
    *KEPT_FOR_SYSTEM,
    "prompt",
    "chain_type_kwargs.prompt",
    "combine_docs_chain_kwargs.prompt",
    "template",
    "messages",
    "message_templates",
    "0",
)
PARTLY = "partly "
"""Goes before the names of the fields that a template was filled with before the call."""


def kept_messages(holder: Value, shape: CallShape, syntax: str = "format") -> tuple[Message, ...]:
    """The instructions of an agent or the template of a chain, with the template's fields filled
    from the call."""
    if (
        holder.box is None
        or holder.box.kind != "object"
        or not any(isinstance(kind, Kind) for kind in holder.types)
    ):
        return ()
    messages: list[Message] = [*signature_of(holder)]
    for name in KEPT:
        value = field_of(holder.box.fields, name)
        if value is None or (name == "0" and (not templates(holder) or is_name(value))):
            continue
        if value.box is not None and value.box.kind == "object":
            messages += kept_messages(value, shape, syntax)
        elif value.pieces is not None or value.box is not None:
            messages += messages_of(value, "system" if name in KEPT_FOR_SYSTEM else "")
    if not templates(holder):
        return tuple(messages)
    fields = fields_before(holder) | fields_of(shape)
    return tuple(
        message
        for role, value in messages
        for message in filled_message(role, value, fields, syntax)
    )


def filled_message(role: str, value: Value, fields: Fields, syntax: str) -> list[Message]:
    """A message of a template with its fields filled; one that is nothing but a list of messages
    becomes these."""
    filled = text.FILLINGS[syntax](value, fields.get) or text.unknown(value)
    if syntax == "jinja":
        filled = with_hidden(filled, fields)
    only = filled.pieces[0] if filled.pieces and len(filled.pieces) == 1 else None
    given = only.value if isinstance(only, Hole) else UNKNOWN
    if given.box is None or given.box.kind != "list" or not given.box.items:
        return [(role, filled)]
    return messages_of(given, role)


def with_hidden(filled: Value, fields: Fields) -> Value:
    """A text made from a Jinja template: where only the running program decides what stands, the
    models' answers may that it is given and that stand nowhere else."""
    pieces = filled.pieces or ()
    written = frozenset[Origin]().union(*(piece.value.all_origins() for piece in holes_in(pieces)))
    given = frozenset[Origin]().union(*(value.all_origins() for value, _ in fields.values()))
    hidden = frozenset(one for one in given - written if one.chain[0][0] >= 0)
    if not hidden:
        return filled
    return text_of(
        replace(piece, value=piece.value.with_origins(hidden))
        if isinstance(piece, Hole) and piece.source == ""
        else piece
        for piece in pieces
    )


def holes_in(pieces: tuple[Piece, ...]) -> list[Hole]:
    return [piece for piece in pieces if isinstance(piece, Hole)]


def partly_filled(template: Value, shape: CallShape) -> Value:
    """`template.partial(name=…)`: the template with what its fields are given before the call."""
    if template.box is None or not shape.keywords:
        return template
    given = {PARTLY + name: replace(value, source=node) for name, node, value in shape.keywords}
    return replace(template, box=Box("object", fields=template.box.fields | given))


def fields_before(holder: Value) -> Fields:
    fields = holder.box.fields if holder.box is not None else {}
    return {
        name.removeprefix(PARTLY): (value, value.source or name.removeprefix(PARTLY))
        for name, value in fields.items()
        if name.startswith(PARTLY)
    }


def with_given(kept: tuple[Message, ...], given: tuple[Message, ...]) -> tuple[Message, ...]:
    """A template's messages and those that a call gives it: in the one place that is left for
    them, else behind."""
    places = [number for number, (role, value) in enumerate(kept) if not role and is_open(value)]
    if len(places) != 1 or not given:
        return (*kept, *given)
    return (*kept[: places[0]], *given, *kept[places[0] + 1 :])


def is_open(value: Value) -> bool:
    """Whether a text is one field of a template that nothing fills."""
    return value.pieces is not None and len(value.pieces) == 1 and has_open_field(value)


def has_open_field(value: Value) -> bool:
    """Whether a text has a field of a template that nothing fills."""
    return any(map(is_open_field, value.pieces or ()))


def is_open_field(piece: Piece) -> bool:
    """Whether a part of a text is a field of a template that nothing fills."""
    return (
        isinstance(piece, Hole)
        and isinstance(piece.source, str)
        and bool(piece.source)
        and piece.value.pieces is None
        and piece.value.box is None
        and not piece.value.origins
    )


def signature_of(holder: Value) -> tuple[Message, ...]:
    """The instructions of a predictor made from a signature at hand: the signature's docstring, or
    what the signature is made with."""
    if holder.box is None:
        return ()
    made_from = holder.box.fields.get("0") or holder.box.fields.get("signature") or UNKNOWN
    if SIGNATURE in made_from.types and made_from.box is not None:
        fields = made_from.box.fields
        told = fields.get("instructions") or fields.get("1")
        return (("system", told),) if told is not None and told.pieces else ()
    written = [
        (ast.get_docstring(kind.definition.node), kind.definition.node.body[0].lineno)
        for kind in in_order(made_from.types)
        if isinstance(kind, Class)
    ]
    return tuple(("system", static(docstring, line)) for docstring, line in written if docstring)


SIGNATURE = Kind("dspy.signature")


def filled_template(holder: Value, shape: CallShape, syntax: str) -> Value | None:
    """What a template's own method makes of it: the text, or the messages, with the fields filled
    from the call."""
    messages = [
        (role, with_unnamed(value, unnamed_in(shape)))
        for role, value in kept_messages(holder, shape, syntax)
    ]
    if not messages:
        return None
    if len(messages) == 1 and not messages[0][0]:
        return messages[0][1]
    parts = [
        Value(box=Box("dict", fields={"role": static(role), "content": part}))
        for role, part in messages
    ]
    return Value(box=Box("list", [Element(part) for part in parts]))


def unnamed_in(shape: CallShape) -> Origins:
    """What a template is filled with by a dict whose names aren't known: `template.invoke(given)`,
    `template.format(**given)`."""
    spread = [value for name, _, value in shape.keywords if name == "**"]
    given = [*spread, *(value for _, value in shape.positional[:1] if value.pieces is None)]
    held = [value if value.box is None else value.box.rest for value in given]
    return NOTHING.union(*(value.all_origins() for value in held if value is not None))


def with_unnamed(filled: Value, unnamed: Origins) -> Value:
    """A text made from a template whose fields that nothing fills by its name may hold more."""
    if not unnamed:
        return filled
    return text_of(
        replace(piece, value=piece.value.with_origins(unnamed))
        if isinstance(piece, Hole) and is_open_field(piece)
        else piece
        for piece in filled.pieces or ()
    )


def is_name(value: Value) -> bool:
    """Whether a text is the name of something, such as a model."""
    text = value.static_text()
    return text is not None and not any(character.isspace() for character in text)


def templates(holder: Value) -> bool:
    kinds = [kind.name for kind in in_order(holder.types) if isinstance(kind, Kind)]
    return any(name.startswith("langchain.") or name.endswith(".prompt") for name in kinds)


def fields_of(shape: CallShape) -> Fields:
    """What a call gives a template to fill in: the members of its dict, or its keywords, those of
    `**fields` among them."""
    found: Fields = {name: (value, node) for name, node, value in shape.keywords}
    handed_on = [value.box for name, _, value in shape.keywords if name == "**"]
    for box in (*handed_on, filling_of(shape)):
        if box is None:
            continue
        found |= {name: (value, value.source or name) for name, value in box.fields.items()}
    return found


INPUT = "input"
"""The argument of a runnable that holds what its template is filled with."""


def filling_of(shape: CallShape) -> Box | None:
    """The dict that a call gives a template to fill in; of a batch of them, one."""
    named = (value for name, _, value in shape.keywords if name == INPUT)
    given = shape.positional[0][1] if shape.positional else next(named, UNKNOWN)
    box = given.box
    if box is None or box.kind != "list" or shape.verb not in BATCHES:
        return box
    return next((member.box for member in box.members() if member.box is not None), box)


def upstream_parts(value: Value) -> list[Message]:
    """An argument of unknown meaning is part of the prompt if a model's output is in it."""
    return (
        messages_of(value, "")
        if any(origin.chain[0][0] >= 0 for origin in value.all_origins())
        else []
    )


def by_place(shape: CallShape, family: Family) -> tuple[tuple[ast.expr, Value], ...]:
    """The arguments given by place, from the prompt on where the parameters can't be told."""
    return spoken(shape) or shape.positional if family.open_ended else shape.positional


def spoken(shape: CallShape) -> tuple[tuple[ast.expr, Value], ...]:
    """The arguments by place of a function whose parameters can't be told, without those before the
    prompt: None, a model or the name of one."""
    for number, (node, value) in enumerate(shape.positional):
        words = {word for name in names_in(node) for word in words_of(name)}
        if value.constant is None and not (words and words <= MODEL_NAMED):
            return shape.positional[number:]
    return ()


MODEL_NAMED = frozenset("model name engine llm client api key version".split())


def arguments_by_name(shape: CallShape, family: Family) -> dict[str, Value]:
    placed = by_place(shape, family)
    given = {name: value for name, (_, value) in zip(family.positional, placed, strict=False)}
    if family.open_ended:
        given |= {
            last_name(node): value for node, value in placed[1:] if last_name(node) in family.roles
        }
    for name, _, value in shape.keywords:
        if name == "**" and value.box is not None:
            given |= value.box.fields
            given |= {"**": value.box.rest} if value.box.rest is not None else {}
        elif name == "**":
            given["**"] = value
        else:
            given[name] = value
    return given


def options_of(shape: CallShape, family: Family) -> dict[str, str | int | float | bool]:
    """The options of a call that stand in the source: model, max_tokens, temperature, …"""
    found: dict[str, str | int | float | bool] = {}
    for name, value in arguments_by_name(shape, family).items():
        if name not in OPTIONS:
            continue
        written = value.static_text()
        if written is not None:
            found[name] = written
        elif value.constant is not None and value.constant[0] is not None:
            found[name] = value.constant[0]
    return found


def messages_of(
    value: Value, role: str, depth: int = 0, under_way: Turns = NO_TURNS
) -> list[Message]:
    """A prompt argument as texts with roles: a text, a message, a list of messages, or parts of a
    message. What the loops `under_way` add once in every turn is exact."""
    if value.box is None or value.pieces is not None or depth > 4:
        return [(role, value)] if value.constant is None else []
    if value.box.kind in ("dict", "object"):
        return message_of(value, role, depth, under_way)
    messages: list[Message] = []
    for element in value.box.items:
        in_turn = bool(element.loops) and element.loops <= under_way
        limit = element.limit or value.box.limit
        spoken_by = "assistant" if is_answer(element.value) and has_roles(value.box) else role
        for part_role, part in messages_of(element.value, spoken_by, depth + 1, under_way):
            known = part if in_turn or not element.maybe else perhaps(part)
            messages.append((part_role, replace(known, limit=limit) if limit else known))
    if value.box.kind == "tuple" and len(value.box.items) == 2:
        written = value.box.items[0].value.static_text()
        if written is not None and (written in ROLES or written == "placeholder"):
            spoken_by = ROLES.get(written, "")
            return messages_of(value.box.items[1].value, spoken_by, depth + 1, under_way)
    if value.box.rest is not None:
        messages += [
            (part_role, Value(origins=part.all_origins()))
            for part_role, part in messages_of(value.box.rest, role, depth + 1, under_way)
        ]
    if value.origins and not value.origins <= Value(box=value.box).all_origins():
        messages.append((role, Value(origins=value.origins)))
    return messages


def is_answer(value: Value) -> bool:
    """Whether a member of a conversation is what a model answered, as it came."""
    if value.box is not None or value.pieces is not None or not value.origins:
        return False
    return all(origin.chain[0][0] >= 0 for origin in value.origins)


def has_roles(box: Box) -> bool:
    """Whether some member of a list is a message with a role."""
    return any(item.value.box is not None and "role" in item.value.box.fields for item in box.items)


def perhaps(part: Value) -> Value:
    """A text that may be sent, or be sent several times: what fills it is known, its exact words
    are not."""
    holes = tuple(piece for piece in part.pieces or () if isinstance(piece, Hole))
    if part.pieces and not holes:
        holes = tuple(Hole(named_by(piece), UNKNOWN) for piece in part.pieces[:1])
    return Value(pieces=holes or None, origins=part.all_origins(), source=part.source)


def named_by(piece: Piece) -> str:
    """What names a text: the constant that holds it, or the text as the source writes it."""
    return piece.name or repr(piece.text) if isinstance(piece, Static) else ""


def message_of(value: Value, role: str, depth: int, under_way: Turns = NO_TURNS) -> list[Message]:
    fields = value.box.fields if value.box is not None else {}
    written = role_named(fields.get("role", UNKNOWN))
    role = ROLES.get(written, "") if written is not None else role
    role = "tool" if fields.get("type", UNKNOWN).static_text() in OF_TOOLS else role
    for name in CONTENT:
        if name in fields and not (name in PARTS and fills_template_with(fields)):
            written_parts = messages_of(fields[name], role, depth + 1, under_way)
            called = [] if any(map(is_made, written_parts)) else tools_called(fields, role)
            return written_parts + called + filled_later(value, role)
    if not fields and value.box is not None and value.box.rest is None and not value.box.items:
        return [(role, value)]
    messages: list[Message] = []
    settings = SETTINGS if not fields.keys().isdisjoint(BODIES) else frozenset[str]()
    for name, member in fields.items():
        if name not in BESIDE | OPTIONS | settings and member.constant is None:
            spoken_by = "system" if name in KEPT_FOR_SYSTEM else role
            messages += messages_of(member, spoken_by, depth + 1, under_way)
    if value.box is not None and value.box.items:
        said = Value(box=Box("list", value.box.items))
        messages += messages_of(said, role, depth + 1, under_way)
    if value.origins:
        messages.append((role, Value(origins=value.origins)))
    return messages + filled_later(value, role)


def role_named(value: Value) -> str | None:
    """A message's role as a text, or by the name that an enumeration has for it
    (`MessageRole.SYSTEM`)."""
    name = last_name(value.source) if isinstance(value.source, ast.Attribute) else ""
    return value.static_text() or (name.lower() if name.isupper() else None)


def is_made(message: Message) -> bool:
    """Whether a model made some part of a message."""
    return any(origin.chain[0][0] >= 0 for origin in message[1].all_origins())


def tools_called(fields: dict[str, Value], role: str) -> list[Message]:
    """The tools that an answer asked for, written into a message anew; they may be all it holds."""
    asked = [fields[name].all_origins() for name in ASKED_FOR if name in fields]
    called = (role, Value(origins=frozenset().union(*asked)))
    return [called] if is_made(called) else []


ASKED_FOR = ("tool_calls", "function_call")
"""Under these names a message has the tools that an answer asked for."""


def fills_template_with(fields: dict[str, Value]) -> bool:
    """Whether a dict is no message but what a template is filled with: it has neither role nor
    type, and other fields."""
    others = fields.keys() - BESIDE - OPTIONS - set(CONTENT)
    return bool(others) and fields.keys().isdisjoint(("role", "type"))


def filled_later(value: Value, role: str) -> list[Message]:
    """What was put into a message without saying where."""
    rest = value.box.rest if value.box is not None else None
    return [(role, Value(origins=rest.all_origins()))] if rest is not None else []
