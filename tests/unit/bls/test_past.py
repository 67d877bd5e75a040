"""What a session's past tells of a request, against the plain definitions of the features."""

import math

import numpy as np
import pytest

from charter_engine.bls.features import FEATURES
from charter_engine.bls.past import SessionPast, with_answer
from charter_engine.plan.retention.features import common_prefixes, session_features
from tests.unit.bls.streams import Turn, turns, workload

STREAM = turns(1, 5, longest=60)
TABLE = workload(STREAM)
COMMON = common_prefixes(TABLE, np.arange(len(STREAM)))
SCORE = 0.5


def latest(values: list[float], back: int) -> float:
    return values[-back] if len(values) >= back else math.nan


def plain(turns_so_far: list[Turn], common: list[int]) -> dict[str, float]:
    """The features of the last of these requests, each by its definition."""
    *before, now = turns_so_far
    arrivals = [turn.at_ms / 1000 for turn in turns_so_far]
    gaps = np.clip(np.diff(arrivals), 0.001, 600.0).tolist()
    ends = [(turn.at_ms + turn.served_ms) / 1000 for turn in before]
    pauses = [
        min(max(arrival - end, 0.0), 600.0) for arrival, end in zip(arrivals[1:], ends, strict=True)
    ]
    found = dict.fromkeys(FEATURES, math.nan)
    for back, word in ((1, ""), (2, "two "), (3, "three ")):
        found[f"gap {word}before"] = latest(gaps, back)
        found[f"pause {word}before"] = latest(pauses, back)
    for window in (30, 60, 300):
        found[f"requests in {window} s"] = sum(
            arrivals[-1] - arrival <= window for arrival in arrivals[:-1]
        )
    found |= {
        "prompt tokens": len(now.tokens),
        "requests so far": len(before),
        "seconds so far": arrivals[-1] - arrivals[0],
        "node": SCORE,
        "output two before": len(before[-2].output) if len(before) > 1 else math.nan,
    }
    if not before:
        return found
    last, logs = before[-1], np.log(gaps)
    long = [gap > 40.0 for gap in gaps]
    rewritten = [
        len(turn.tokens) - shared > 128 for turn, shared in zip(before, common[1:], strict=True)
    ]
    return found | {
        **{f"mean of {width} gaps": logs[-width:].mean() for width in (3, 5, 20)},
        "mean of all gaps": logs.mean(),
        "spread of gaps": logs.std(),
        "shortest of 5 gaps": min(gaps[-5:]),
        "longest of 5 gaps": max(gaps[-5:]),
        "longest of 20 gaps": max(gaps[-20:]),
        "share of long gaps": float(np.mean(long)),
        "requests since a long gap": long[::-1].index(True) if any(long) else len(gaps),
        "prompt growth": len(now.tokens) - len(last.tokens),
        "growth beyond the output": len(now.tokens) - len(last.tokens) - len(last.output),
        "output before": len(last.output),
        "served before": last.served_ms / 1000,
        "served per output token": last.served_ms / 1000 / (len(last.output) + 10),
        "new tokens": len(now.tokens) - common[-1],
        "dropped tokens": len(last.tokens) - common[-1],
        "share of rewritten prompts": float(np.mean(rewritten)),
    }


def test_every_feature_is_what_its_name_says() -> None:
    rows = session_features(
        TABLE, np.arange(len(STREAM)), COMMON, [SCORE] * len(TABLE.nodes), "sent"
    )
    for count, row in enumerate(rows, start=1):
        expected = plain(STREAM[:count], COMMON[:count].tolist())
        found = dict(zip(FEATURES, row.tolist(), strict=True))
        assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_an_answer_tells_its_tokens_and_its_time() -> None:
    found = dict(zip(FEATURES, with_answer([0.0] * len(FEATURES), 30.0, 8.0), strict=True))
    assert found["output"] == 30.0
    assert found["served"] == 8.0
    assert found["own served per output token"] == 0.2


def test_no_pause_lies_before_a_request_that_comes_while_the_last_one_is_running() -> None:
    past = SessionPast()
    past.sent(0.0, 10, 0, SCORE)
    found = dict(zip(FEATURES, past.sent(5.0, 20, 10, SCORE), strict=True))
    assert found["pause before"] == 0.0
    assert math.isnan(found["served before"])


def test_a_pause_is_unknown_where_nobody_knows_how_long_the_answer_took() -> None:
    past = SessionPast()
    past.sent(0.0, 10, 0, SCORE)
    past.answered(3, math.nan)
    found = dict(zip(FEATURES, past.sent(5.0, 20, 10, SCORE), strict=True))
    assert math.isnan(found["pause before"])
    assert found["output before"] == 3.0
