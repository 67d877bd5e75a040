"""What of a body may be cached at a server, and how far it tells where the request belongs."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from charter_engine.routing.affinity import HEAD_BYTES, Affinity, affinity_of


class CachedFields(Struct, frozen=True):
    """The fields of all APIs that become prompt, in the order in which they do."""

    tools: Raw | UnsetType = UNSET
    system: Raw | UnsetType = UNSET
    instructions: Raw | UnsetType = UNSET
    messages: Raw | UnsetType = UNSET
    prompt: Raw | UnsetType = UNSET
    input: Raw | UnsetType = UNSET


class Spoken(Struct, frozen=True):
    """Who says a message."""

    role: str = ""


def affinity_of_body(session: str, body: bytes) -> Affinity:
    """Of a request in any of the APIs. A conversation belongs where its opening was sent, up to the
    first thing that its user says; other prompts go by how they begin."""
    try:
        fields = msgspec.json.decode(body, type=CachedFields)
    except msgspec.DecodeError:
        return affinity_of(session, b"")
    content, head = b"", 0
    for part, is_user in _parts(fields):
        content += part
        head = head or (len(content) if is_user else 0)
    return affinity_of(session, content, head or HEAD_BYTES)


def _parts(fields: CachedFields) -> Iterator[tuple[bytes, bool]]:
    """The content piece by piece, and whether a user says it."""
    for raw in (getattr(fields, name) for name in fields.__struct_fields__):
        if raw is UNSET:
            continue
        given = bytes(raw)
        if given.startswith(b"["):
            for item in msgspec.json.decode(given, type=list[Raw]):
                yield bytes(item), _is_users(item)
        else:
            yield given, False


def _is_users(item: Raw) -> bool:
    try:
        return msgspec.json.decode(item, type=Spoken).role == "user"
    except msgspec.ValidationError:
        return False
