"""Canned traffic: what two programs and a run sent, and why one request missed."""

from charter_engine.contracts.explaining import (
    Divergence,
    MissCause,
    MissCost,
    MissExplanation,
    MissGroup,
    MissReport,
    MissResult,
    PromptParts,
    WordChange,
)
from charter_engine.contracts.traffic import PassedRequests, TrafficRecord
from tests.tui.scene import ENTITIES, START, VALIDATED


def record(sequence: int, **fields: object) -> TrafficRecord:
    told: dict[str, object] = {
        "at": START + sequence * 2,
        "sequence": sequence,
        "session": "desk-7",
        "node": ENTITIES,
        "form": "as written",
        "prompt_tokens": 1_624,
        "reused_tokens": 512,
        "output_tokens": 120,
        "ttft_ms": 310.0,
        "total_ms": 1_840.0,
    }
    return TrafficRecord(**{**told, **fields})  # type: ignore[arg-type]


PASSED = (
    record(1),
    record(2, node=VALIDATED, reused_tokens=1_600, total_ms=950.0),
    record(3, session="desk-9", node="", unmatched="of nobody", reused_tokens=0),
    record(4, run="run-5", session="run-5"),
    record(5, error="the prompt is too long", reused_tokens=None, prompt_tokens=None),
    record(6, node=VALIDATED, total_ms=4_200.0, reused_tokens=261),
)
OWN_ONLY = tuple(one for one in PASSED if one.run)
EXPLANATION = MissExplanation(
    request="6",
    session="desk-7",
    node=VALIDATED,
    prompt_tokens=1_624,
    parts=PromptParts(reused=261, new=1_000, diverged=347, rounding=16),
    predicted_reused=256,
    divergence=Divergence(
        token=261,
        exact=True,
        followed="2",
        followed_tokens=1_624,
        same_session=True,
        words=(
            WordChange("same", "It is now"),
            WordChange("stood", "10:41:07"),
            WordChange("stands", "10:42:09"),
            WordChange("same", "and the document is:\nDear all,"),
        ),
    ),
    cause=MissCause(
        kind="time stamp",
        evidence="10:41:07 stood there and 10:42:09 stands there",
        remedy="put the time behind what requests share",
        segment="{now}",
        path="desk.py",
        line=41,
    ),
    cost=MissCost(tokens=3_470, requests=10, tokens_per_hour=124_000.0, seconds=100.0),
)
RESULT = MissResult(explanations=(EXPLANATION,))
REPORT = MissReport(
    requests=5,
    causes=(
        MissGroup(
            cause="time stamp",
            node=VALIDATED,
            requests=10,
            tokens=3_470,
            tokens_per_hour=124_000.0,
            mended_tokens=3_300,
        ),
        MissGroup(cause="evicted", requests=2, tokens=640, tokens_per_hour=22_000.0),
    ),
)


def passed(after: int | None, records: tuple[TrafficRecord, ...] = PASSED) -> PassedRequests:
    """What the engine answers to one who has seen all up to `after`."""
    fresh = tuple(one for one in records if after is None or one.sequence > after)
    return PassedRequests(records=fresh)
