"""The arms of a trial beside each other."""

import numpy as np
import pytest

from charter_engine.contracts.traffic import Arm, TrafficRecord
from charter_engine.contracts.trial import ArmDifference, TrialMargins, TrialReport
from charter_engine.traffic.intervals import Ratio, difference_of
from charter_engine.traffic.trial import arms_of, report_of
from tests.unit.traffic.records import record

SESSIONS = 60


def served(arm: Arm, session: int, **fields: object) -> TrafficRecord:
    return record([1] * 100, arm=arm, trial_unit=f"{arm}{session:04}", **fields)


def traffic(
    ttft: tuple[float, float] = (100.0, 100.0), seed: int = 5, sessions: int = SESSIONS
) -> list[TrafficRecord]:
    """Sessions of two requests in each arm, with these mean times."""
    random = np.random.default_rng(seed)
    arms: tuple[tuple[Arm, float, int], ...] = (("treated", ttft[0], 80), ("control", ttft[1], 20))
    return [
        served(
            arm,
            session,
            sequence=2 * session + number,
            ttft_ms=float(random.normal(mean, mean / 10)),
            total_ms=500.0 + float(random.normal(0, 5)),
            reused_tokens=reused,
            output_tokens=7,
        )
        for arm, mean, reused in arms
        for session in range(sessions)
        for number in range(2)
    ]


def of_quality(report: TrialReport, name: str) -> ArmDifference:
    (found,) = (item for item in report.differences if item.quality == name)
    return found


def test_both_arms_stand_side_by_side() -> None:
    report = report_of(traffic(), TrialMargins(), revision=3, share=0.5)
    assert (report.treated.sessions, report.treated.requests) == (SESSIONS, 2 * SESSIONS)
    assert (report.treated.hit_rate, report.control.hit_rate) == (0.8, 0.2)
    assert report.control.computed_tokens == 2 * SESSIONS * 80
    assert of_quality(report, "hit rate").difference == pytest.approx(0.6)
    assert of_quality(report, "computed tokens a request").difference == pytest.approx(-60)


def test_each_arm_has_the_percentiles_of_its_answered_requests() -> None:
    times = [
        served("treated", session, sequence=session, ttft_ms=float(session), total_ms=1000.0)
        for session in range(1, 101)
    ]
    failed = served("treated", 101, sequence=101, ttft_ms=9e9, error="the prompt is too long")
    arm = report_of([*times, failed], TrialMargins()).treated
    assert arm.ttft is not None and (arm.ttft.p50, arm.ttft.p95) == (50.0, 95.0)
    assert arm.total is not None and arm.total.p95 == 1000.0


def test_an_arm_that_is_no_worse_stops_nothing() -> None:
    report = report_of(traffic((40.0, 100.0)), TrialMargins())
    assert report.stop == ""
    assert of_quality(report, "TTFT ms").high < 0


def test_an_arm_that_is_worse_by_more_than_the_margin_stops_the_trial_and_says_why() -> None:
    report = report_of(traffic((140.0, 100.0)), TrialMargins(ttft=0.1))
    assert of_quality(report, "TTFT ms").worse
    assert report.stop.startswith("the treated arm is worse by more than its margin: TTFT ms")
    assert "error rate 0.05" in report.stop


def test_an_arm_that_is_worse_within_the_margin_stops_nothing() -> None:
    assert report_of(traffic((140.0, 100.0)), TrialMargins(ttft=0.6)).stop == ""


def test_failures_stop_a_trial_and_count_in_no_other_quality() -> None:
    failing = [
        served("treated", session, error="out of memory", finish="error", ttft_ms=9e9)
        for session in range(SESSIONS)
    ]
    report = report_of([*traffic(), *failing], TrialMargins())
    assert report.treated.failures == SESSIONS
    assert report.stop.count("failed") == 1 and "TTFT" not in report.stop


def test_answers_that_do_not_pass_the_check_stop_a_trial() -> None:
    records = traffic()
    treated = [item.sequence for item in records if item.arm == "treated"]
    # Both arms number their records alike here: give the control's other numbers.
    renumbered = [
        item if item.arm == "treated" else served("control", index, sequence=10_000 + index)
        for index, item in enumerate(records)
    ]
    passed = {item.sequence: item.arm == "control" for item in renumbered}
    report = report_of(renumbered, TrialMargins(), passed=passed)
    assert "check not passed" in report.stop
    assert (report.treated.checked, report.treated.passed) == (len(treated), 0)


def test_cancelled_requests_count_nowhere() -> None:
    cancelled = [served("treated", 1, finish="cancelled", ttft_ms=9e9)]
    assert report_of([*traffic(), *cancelled], TrialMargins()) == report_of(
        traffic(), TrialMargins()
    )


def test_requests_of_other_revisions_and_of_no_arm_are_left_out() -> None:
    records = [
        served("treated", 1, revision=2),
        served("treated", 1, revision=3),
        record([1], revision=3),
    ]
    assert arms_of(records, 3) == records[1:2]


def test_few_sessions_tell_nothing() -> None:
    report = report_of(traffic(sessions=1), TrialMargins())
    assert report.differences == () and report.stop == ""


def test_outputs_may_differ_is_said() -> None:
    assert "outputs may differ" in report_of([], TrialMargins()).notes[0]


def test_an_interval_holds_the_true_difference_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    ones = np.ones(60)
    held = 0
    for seed in range(200):
        treated = Ratio(random.exponential(3.0, 60), ones)
        control = Ratio(random.exponential(2.0, 60), ones)
        found = difference_of(treated, control, seed)
        held += found.low <= 1.0 <= found.high
    assert 0.88 <= held / 200 <= 0.99
