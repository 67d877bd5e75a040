"""Templates of LlamaIndex's that are filled where a model is asked: that of a query engine
(`text_qa_template`, also where `update_prompts` sets it later), and one that a model is given."""

from __future__ import annotations

from msgspec.structs import replace

from charter_engine.parser.model_calls.findings import Message
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.prompts.prompts import OPTIONS, kept_messages
from charter_engine.parser.values.values import Box, Kind, Value

ENGINE = Kind("llamaindex.model")
TEMPLATE = Kind("llamaindex.prompt")

ASKING = frozenset("query aquery synthesize asynthesize".split())
"""Methods by which an engine, or what puts its answers together, is asked."""

TEMPLATES = ("text_qa_template", "summary_template", "qa_template")
"""The arguments in which either is given the template of its first request."""

HOLDING = "response_synthesizer"
"""The argument in which an engine is given what puts its answers together."""

UPDATING = "update_prompts"
QUESTION = "query_str"
"""The field of a template in which the question stands."""


def asked_by_template(engine: Value, shape: CallShape) -> tuple[Message, ...]:
    """What an engine with a template of its own sends where it is asked, or a model that is given
    one; empty for any other."""
    given = template_given(shape)
    if given is not None:
        return kept_messages(given, replace(shape, positional=()))
    template = template_of(engine) if shape.verb in ASKING and ENGINE in shape.receiver else None
    if template is None or not shape.given:
        return ()
    node = shape.positional[0][0] if shape.positional else shape.node
    question = (QUESTION, node, shape.given[0])
    return kept_messages(template, replace(shape, positional=(), keywords=(question,)))


def template_given(shape: CallShape) -> Value | None:
    """The template that a call gives a model, together with what fills it, perhaps behind what
    the answer is parsed into: `llm.structured_predict(Report, template, topic=topic)`."""
    if all(name in OPTIONS for name, _, _ in shape.keywords):
        return None
    given = (value for _, value in shape.positional[:2] if value.box is not None)
    return next((value for value in given if TEMPLATE in value.types), None)


def template_of(engine: Value) -> Value | None:
    fields = engine.box.fields if engine.box is not None else {}
    given = (fields[name] for name in TEMPLATES if name in fields)
    own = next((value for value in given if TEMPLATE in value.types), None)
    return own or (template_of(fields[HOLDING]) if HOLDING in fields else None)


def with_templates(engine: Value, shape: CallShape) -> Value | None:
    """`engine.update_prompts({"response_synthesizer:text_qa_template": template})`: the engine with
    these templates; None for any other call."""
    if shape.verb != UPDATING or ENGINE not in shape.receiver or not shape.given:
        return None
    given = (shape.given[0].box or Box("dict")).fields
    named = {name.rpartition(":")[2]: value for name, value in given.items()}
    fields = engine.box.fields if engine.box is not None else {}
    return replace(engine, box=Box("object", fields={**fields, **named}))
