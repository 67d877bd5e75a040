"""Reading request bodies as typed records."""

import re
from typing import Annotated, TypeVar

import msgspec

from charter_engine.gateway.errors import GatewayError, not_supported

Body = TypeVar("Body")
_INT32 = 2**31 - 1
"""Taken from the engine's inputs, which are 32-bit integers."""
Count = Annotated[int, msgspec.Meta(ge=1, le=_INT32)]
TokenId = Annotated[int, msgspec.Meta(ge=0, le=_INT32)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Temperature = Annotated[float, msgspec.Meta(ge=0)]
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""How JSON turns out to be none: cut, binary, nested without end."""
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")


def read_body(body: bytes, kind: type[Body]) -> Body:
    """The body as that record; fields that it lacks are left unread. Raises `GatewayError`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        place = _PLACE.search(str(error))
        raise GatewayError(400, str(error), field=place[1] if place else "") from None
    except UNREADABLE as error:
        raise GatewayError(400, f"the body is not valid JSON: {error}") from None


class TextPart(msgspec.Struct, frozen=True):
    """A part of a message. Only parts of text can be read."""

    type: str
    text: str = ""


Content = str | list[TextPart] | None
TEXT_PARTS = {"text", "input_text", "output_text", "refusal"}


def text_of(content: Content, field: str = "messages") -> str:
    """The text of a message. Raises `GatewayError` for a picture, a sound, a file."""
    if content is None or isinstance(content, str):
        return content or ""
    other = next((part.type for part in content if part.type not in TEXT_PARTS), None)
    if other is not None:
        raise not_supported(field, f"a part of type {other!r} is no text")
    return "".join(part.text for part in content)


def stop_of(stop: str | list[str] | None) -> tuple[str, ...]:
    """The words at which an answer ends."""
    if isinstance(stop, str):
        return (stop,)
    return tuple(stop or ())


def seed_of(seed: int | None) -> int | None:
    """OpenAI's seeds have a sign, TensorRT-LLM's have none."""
    return None if seed is None else seed % 2**64
