"""What is wrong with a deployment, or with the machine Charter runs on, and what to do about it."""

from typing import Literal

from msgspec import Struct

AdviceKind = Literal[
    "reuse",
    "retention",
    "thrashing",
    "block size",
    "host tier",
    "counters",
    "drift",
    "servers",
    "restrictions",
    "divergence",
    "installation",
]
Severity = Literal["wrong", "costly", "worth knowing"]
"""`wrong` is to be mended, `costly` is paid for by the hour, `worth knowing` may be as it is meant
to be."""


class DoctorFinding(Struct, frozen=True, kw_only=True):
    """One thing, with what shows it and what mends it.

    `tokens_per_hour` are prompt tokens computed for want of it; None where that isn't known.
    `setting` names the server setting that mends it, where it is one.
    """

    kind: AdviceKind
    severity: Severity
    message: str
    evidence: str = ""
    remedy: str = ""
    tokens_per_hour: float | None = None
    setting: str = ""


class DoctorReport(Struct, frozen=True, kw_only=True):
    """What `charter-engine doctor --json` prints. `findings` come by weight, the heaviest first;
    `sound` names what was looked at and found well, and `unknown` what could not be, and why.
    `deployment` is empty where none was looked at."""

    deployment: str = ""
    findings: tuple[DoctorFinding, ...] = ()
    sound: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
