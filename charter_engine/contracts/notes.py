"""What an operator should know beside a result."""

from msgspec import Struct


class Note(Struct, frozen=True):
    """A warning in one line, and what can be done about it (empty: nothing need be)."""

    message: str
    remedy: str = ""
