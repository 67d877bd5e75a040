"""A lever that acts, and one that does not."""

from charter_engine.contracts.deploy import CostClass
from charter_engine.contracts.server import KIND_IN_WORDS, LeverName, ServerKind, ServerLever
from charter_engine.errors import CharterError


def acting(name: LeverName, where: str, cost: CostClass = "server restart") -> ServerLever:
    """A lever that acts, changed by the field or option `where`."""
    return ServerLever(name=name, acts=True, where=where, cost=cost)


def idle(name: LeverName, reason: str, remedy: str = "") -> ServerLever:
    """A lever that does not act, and what would make it."""
    return ServerLever(name=name, acts=False, reason=reason, remedy=remedy)


def nothing_released(kind: ServerKind) -> CharterError:
    """Why a server of that kind forgets nothing when it is told."""
    return CharterError(f"{KIND_IN_WORDS[kind]} has no call that drops one prefix", kind="refused")


LAYOUT = acting("layout", "the prompts: in the program, or by a gateway", "request")
