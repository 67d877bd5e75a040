"""Who an agent is: known by its content, wherever its source lies."""

from msgspec import Struct


class AgentIdentity(Struct, frozen=True):
    """An agent's name and what its calls are.

    `name` is the file's stem or the package's name. `calls` has a digest of each call's prompt by
    the call's id. `fingerprint` is the digest of all of them together. Digests are the first 16
    hexadecimal digits of a SHA-256.
    """

    name: str
    fingerprint: str
    calls: dict[str, str]
