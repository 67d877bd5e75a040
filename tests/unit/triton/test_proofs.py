"""What is on record of proofs, and what a push says of retention that was never proved."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.contracts.server import ProofOutcome
from charter_engine.triton.proofs import DISPROVED, NEVER_PROVED, Proofs, note_on_retention

ACTS = ProofOutcome(proof="retention", result="acts", evidence="126 left, 0 left", at=1.0)
FAILS = replace(ACTS, result="does not act", at=2.0)
UNCLEAR = replace(ACTS, result="cannot tell", at=3.0)
KEEPS = Plan(agent="a", nodes={"n": NodePlan(retention=(SegmentRange(priority=90),))})
HEEDS = Profile(path="engine", retention=True)


def test_proofs_are_kept_oldest_first(tmp_path: Path) -> None:
    proofs = Proofs(tmp_path / "journal")
    assert proofs.all() == () and proofs.newest("retention") is None
    for outcome in (ACTS, FAILS):
        proofs.keep(outcome)
    assert Proofs(tmp_path / "journal").all() == (ACTS, FAILS)
    assert proofs.newest("retention") == FAILS


def test_a_proof_that_could_not_tell_replaces_none_that_could(tmp_path: Path) -> None:
    proofs = Proofs(tmp_path)
    proofs.keep(ACTS)
    proofs.keep(UNCLEAR)
    assert proofs.newest("retention") == ACTS and proofs.newest("reuse") is None


@pytest.mark.parametrize(
    ("plan", "profile", "proved", "note"),
    [
        (KEEPS, HEEDS, None, NEVER_PROVED),
        (KEEPS, HEEDS, FAILS, DISPROVED),
        (KEEPS, HEEDS, ACTS, ""),
        (Plan(agent="a", nodes={"n": NodePlan()}), HEEDS, None, ""),
        (Plan(agent="a", nodes={"n": NodePlan(decode_priority=0)}), HEEDS, None, NEVER_PROVED),
        (Plan(agent="a", reuse_times="w.yaml"), HEEDS, None, NEVER_PROVED),
        (KEEPS, Profile(path="engine"), None, ""),
    ],
)
def test_a_push_says_of_its_retention_what_was_never_proved(
    plan: Plan, profile: Profile, proved: ProofOutcome | None, note: str
) -> None:
    assert note_on_retention(plan, profile, proved) == note
