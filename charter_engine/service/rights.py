"""Who may send which command: the one place where it is decided."""

from dataclasses import dataclass
from typing import get_args

from charter_engine.contracts.commands import RIGHT_OF, Command, Right
from charter_engine.errors import CharterError


@dataclass(frozen=True)
class Grant:
    """The rights of everybody who reaches an engine, and how it refuses the others."""

    rights: frozenset[Right]
    refusal: str = ""
    remedy: str = ""

    def require(self, command: Command) -> None:
        """Raises `CharterError` where the command needs a right that is not granted, or was given
        none."""
        if RIGHT_OF.get(type(command)) not in self.rights:
            raise CharterError(self.refusal, remedy=self.remedy, kind="read-only")


EVERYTHING = Grant(frozenset(get_args(Right)))
WATCHING = Grant(
    frozenset({"view"}),
    "this engine only watches",
    remedy="start it without --read-only, or with --write where console.toml has its server for "
    "read_only",
)
REPLAYING = Grant(
    frozenset({"view", "read", "stop"}), "this is a recording: nothing can be changed in it"
)
