"""Requests by which a model that tells texts as well is asked for a picture."""

from __future__ import annotations

from charter_engine.parser.model_calls.recognise import CallShape, fields_within
from charter_engine.parser.values.values import Value

FORMS = ("response_modalities", "responseModalities", "modalities")
"""Under these names a request lists the forms of its answer."""

KINDS_OF_TEXT = ("response_mime_type", "responseMimeType")
"""Under these names a request says what kind of text, or of picture, its answer is."""


def asks_for_picture(shape: CallShape) -> bool:
    """Whether a request says that its answer is a picture, perhaps with a text beside it."""
    held = [(name, value) for name, _, value in shape.keywords]
    held += [one for value in shape.given for one in fields_within(value).items()]
    return any(tells_picture(name, value) for name, value in held)


def tells_picture(name: str, value: Value) -> bool:
    """Whether a field of a request asks for a picture: `responseModalities: ["TEXT", "IMAGE"]`,
    `responseMimeType: "image/png"`."""
    if name in KINDS_OF_TEXT:
        return (value.static_text() or "").startswith("image/")
    if name not in FORMS or value.box is None:
        return False
    return any((one.static_text() or "").lower() == "image" for one in value.box.members())
