"""Which sessions a trial lays out: a share of them, drawn by hash."""

import hashlib

TREATED, CONTROL = "treated", "control"
"""What the two arms of a trial are called."""
_UNIT_BYTES = 8
"""Derived: of 2**32 sessions, hardly two have one number of 64 bits."""


def unit_of(agent: str, session: bytes) -> str:
    """What stands for a session in a trial: the same wherever and whenever it is asked."""
    owner = hashlib.blake2b(agent.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return hashlib.blake2b(owner + session, digest_size=_UNIT_BYTES).hexdigest()


def arm_of(unit: str, share: float) -> str:
    """The arm of a session where the plan's layouts apply to this share of them.

    A session that is treated stays so when the share is raised.
    """
    return TREATED if int(unit, 16) < share * 2 ** (8 * _UNIT_BYTES) else CONTROL
