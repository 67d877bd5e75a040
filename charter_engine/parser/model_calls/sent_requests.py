"""Requests of `urllib` that are made before they are sent: `urlopen(Request(address, body))`."""

from __future__ import annotations

from msgspec.structs import replace

from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.model_calls.run_commands import STARTING, as_asked
from charter_engine.parser.source.symbols import Module
from charter_engine.parser.source.syntax import last_name

SENDING = "urlopen"
POSTING = frozenset("post request stream send fetch".split())
"""Methods of HTTP's clients by which a request is made and sent."""

ADDRESS = ("full_url", "url", "0")
BODY = ("data", "1")
"""What a request is made with, by name and place."""


def as_sent(shape: CallShape) -> CallShape:
    """`urlopen(request)` as a call that is given the address and the body of the request, a command
    that asks a model as a call that is given its prompt; any other call as it is."""
    if shape.verb in STARTING:
        return as_asked(shape)
    if shape.verb in POSTING:
        return with_named(shape)
    if shape.verb != SENDING or not shape.positional:
        return shape
    (node, request), *others = shape.positional
    made = request.box.fields if request.box is not None else {}
    address = next((made[name] for name in ADDRESS if name in made), request)
    body = next((made[name] for name in BODY if name in made), None)
    if body is None and others:
        body = others[0][1]
    given = () if body is None else (("data", node, body),)
    return replace(shape, positional=((node, address), *others), keywords=(*shape.keywords, *given))


def with_named(shape: CallShape) -> CallShape:
    """A call with what a dict gives it by name as if that stood there: `client.post(url,
    **options)`."""
    named = tuple(
        (name, node, held)
        for given, node, value in shape.keywords
        if given == "**" and value.box is not None and value.box.kind == "dict"
        for name, held in value.box.fields.items()
    )
    return replace(shape, keywords=(*shape.keywords, *named)) if named else shape


def is_sent_later(module: Module, shape: CallShape) -> bool:
    """Whether a call makes a request that its file sends: what sends it is the call."""
    return shape.path[-1:] == ("Request",) and any(
        last_name(call.func) == SENDING for call in module.calls
    )
