"""The two arms of a trial beside each other, and whether it must be stopped.

What is drawn are sessions: each gives one value of a quality, the mean over its requests.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from charter_engine.contracts.traffic import Arm, TrafficRecord
from charter_engine.contracts.trial import ArmDifference, ArmFigures, TrialMargins, TrialReport
from charter_engine.traffic.intervals import Ratio, difference_of
from charter_engine.traffic.percentiles import percentiles
from charter_engine.traffic.sequential import Margin, examine, sample_of

LEAST_SESSIONS = 2
"""In each arm, for an interval to be drawn."""
OUTPUTS_MAY_DIFFER = (
    "the treated arm's prompts are rearranged: its outputs may differ, in wording and in length"
)

Passed = Mapping[int, bool]
"""Whether an answer passed the user's own check, by the number of its record; none that was not
checked."""


class _Quality(NamedTuple):
    """A quality of requests: what is summed, over what; `margin` where more is worse and
    watched."""

    name: str
    above: Callable[[TrafficRecord], float | None]
    below: Callable[[TrafficRecord], float] = lambda _: 1.0
    margin: Margin | None = None
    failed_too: bool = False


def arms_of(records: Iterable[TrafficRecord], revision: int) -> list[TrafficRecord]:
    """The requests of a trial: those of a revision whose sessions are in an arm."""
    return [
        record
        for record in records
        if record.arm is not None and record.trial_unit and record.revision == revision
    ]


def report_of(
    records: Sequence[TrafficRecord],
    margins: TrialMargins,
    *,
    revision: int = 0,
    share: float = 1.0,
    passed: Passed | None = None,
) -> TrialReport:
    """How the arms stand. Requests that were cancelled count nowhere: nobody waited for them."""
    passed = passed or {}
    waited_for = [record for record in records if record.finish != "cancelled"]
    treated = [record for record in waited_for if record.arm == "treated"]
    control = [record for record in waited_for if record.arm == "control"]
    differences = tuple(
        found
        for quality in _qualities(margins, passed)
        if (found := _difference(quality, treated, control, margins.error_rate)) is not None
    )
    return TrialReport(
        revision=revision,
        share=share,
        treated=_figures("treated", treated, passed),
        control=_figures("control", control, passed),
        differences=differences,
        stop=_stop(differences, margins.error_rate),
        notes=(OUTPUTS_MAY_DIFFER,),
    )


def _qualities(margins: TrialMargins, passed: Passed) -> tuple[_Quality, ...]:
    def not_passed(record: TrafficRecord) -> float | None:
        known = passed.get(record.sequence)
        return None if known is None else float(not known)

    return (
        _Quality("computed tokens a request", lambda record: record.computed_tokens),
        _Quality("hit rate", lambda record: record.reused_tokens, _prompt_tokens),
        _Quality("TTFT ms", lambda record: record.ttft_ms, margin=Margin(relative=margins.ttft)),
        _Quality(
            "whole latency ms",
            lambda record: record.total_ms,
            margin=Margin(relative=margins.total),
        ),
        _Quality("output tokens", lambda record: record.output_tokens),
        _Quality("answers ended by length", lambda record: float(record.finish == "length")),
        _Quality(
            "failed",
            lambda record: float(bool(record.error)),
            margin=Margin(absolute=margins.failures),
            failed_too=True,
        ),
        _Quality("check not passed", not_passed, margin=Margin(absolute=margins.check)),
    )


def _prompt_tokens(record: TrafficRecord) -> float:
    return float(record.prompt_tokens or 0)


def _difference(
    quality: _Quality,
    treated: Sequence[TrafficRecord],
    control: Sequence[TrafficRecord],
    error_rate: float,
) -> ArmDifference | None:
    """None where too few sessions tell anything of the quality."""
    one, other = _ratio(quality, treated), _ratio(quality, control)
    if min(len(one.below), len(other.below)) < LEAST_SESSIONS:
        return None
    interval = difference_of(one, other)
    at_least = None
    if quality.margin is not None:
        excess = examine(
            sample_of((one.above / one.below).tolist()),
            sample_of((other.above / other.below).tolist()),
            quality.margin,
            error_rate=error_rate / _WATCHED,
        )
        at_least = excess.at_least
    return ArmDifference(
        quality=quality.name,
        treated=one.value,
        control=other.value,
        difference=interval.difference,
        low=interval.low,
        high=interval.high,
        at_least=at_least,
        worse=at_least is not None and at_least > 0,
    )


_WATCHED = 4
"""Qualities with a margin: each gets its part of the error rate (Bonferroni)."""


def _ratio(quality: _Quality, records: Sequence[TrafficRecord]) -> Ratio:
    """The quality's sums by session; of failed requests only where it counts these."""
    sums: dict[str, list[float]] = {}
    for record in records:
        value = quality.above(record)
        if value is None or (record.error and not quality.failed_too):
            continue
        of_session = sums.setdefault(record.trial_unit, [0.0, 0.0])
        of_session[0] += value
        of_session[1] += quality.below(record)
    pairs = np.array([pair for pair in sums.values() if pair[1] > 0], np.float64).reshape(-1, 2)
    return Ratio(pairs[:, 0], pairs[:, 1])


def _stop(differences: Iterable[ArmDifference], error_rate: float) -> str:
    """Why the trial must be stopped."""
    worse = [
        f"{item.quality} {item.treated:,.4g} against {item.control:,.4g}"
        for item in differences
        if item.worse
    ]
    if not worse:
        return ""
    return (
        f"the treated arm is worse by more than its margin: {'; '.join(worse)} "
        f"(sequential test, error rate {error_rate:g})"
    )


def _figures(arm: Arm, records: Sequence[TrafficRecord], passed: Passed) -> ArmFigures:
    answered = [record for record in records if not record.error]
    computed = [tokens for record in answered if (tokens := record.computed_tokens) is not None]
    checks = [passed[record.sequence] for record in answered if record.sequence in passed]
    mean = {
        quality.name: ratio.value
        for quality in _qualities(TrialMargins(), passed)
        if len((ratio := _ratio(quality, records)).below)
    }
    return ArmFigures(
        arm=arm,
        sessions=len({record.trial_unit for record in records}),
        requests=len(records),
        laid_out=sum(record.laid_out for record in records),
        failures=len(records) - len(answered),
        prompt_tokens=sum(record.prompt_tokens or 0 for record in answered),
        computed_tokens=sum(computed) if computed else None,
        hit_rate=mean.get("hit rate"),
        ttft_ms=mean.get("TTFT ms"),
        total_ms=mean.get("whole latency ms"),
        ttft=percentiles(record.ttft_ms for record in answered),
        total=percentiles(record.total_ms for record in answered),
        output_tokens=mean.get("output tokens"),
        finish=dict(Counter(record.finish for record in records)),
        checked=len(checks),
        passed=sum(checks),
    )
