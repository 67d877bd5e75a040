"""What was proved of a deployment, kept beside its revisions."""

from pathlib import Path

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.server import Proof, ProofOutcome
from charter_engine.triton.sealed import read_sealed, write_sealed

FILE = "proofs.json"
KEPT = 50
"""Assumed: as many proofs as somebody looks back at; each is some hundred bytes."""
NEVER_PROVED = (
    "that retention acts on this deployment was never proved: charter-engine profile --prove "
    "retention fills its pool and tells"
)
DISPROVED = (
    "retention was proved not to act on this deployment: its priorities and durations change "
    "nothing"
)

EMBEDDED_PROOF = ProofOutcome(
    proof="retention", result="acts", evidence="Charter's own tests of its engine", at=0.0
)


class Proofs:
    """The proofs of one deployment, by its journal's directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def all(self) -> tuple[ProofOutcome, ...]:
        """Those on record, oldest first. Raises `Damaged`."""
        return read_sealed(self._path, tuple[ProofOutcome, ...]) or ()

    def newest(self, proof: Proof) -> ProofOutcome | None:
        """The last one that could tell. Raises `Damaged`."""
        told = [item for item in self.all() if item.proof == proof and item.result != "cannot tell"]
        return told[-1] if told else None

    def keep(self, outcome: ProofOutcome) -> None:
        """Put one on record. Raises `OSError` naming the file, and `Damaged`."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_sealed(self._path, (*self.all(), outcome)[-KEPT:])


def note_on_retention(plan: Plan, profile: Profile, proved: ProofOutcome | None) -> str:
    """What a push must say of the retention that it carries; "" where there is nothing to say."""
    if not profile.retention or not asks_for_retention(plan):
        return ""
    if proved is None:
        return NEVER_PROVED
    return DISPROVED if proved.result == "does not act" else ""


def asks_for_retention(plan: Plan) -> bool:
    """Whether a plan asks for anything but what every block has."""
    return bool(plan.reuse_times) or any(
        node.retention
        or node.decode_priority != DEFAULT_PRIORITY
        or node.decode_duration_ms is not None
        for node in plan.nodes.values()
    )
