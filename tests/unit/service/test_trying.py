"""The engine stops a trial whose treated sessions fare worse."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.trial import TrialReport
from charter_engine.service import trying
from charter_engine.service.trying import Trying

TRIED = Plan(
    agent="a.py",
    nodes={"n": NodePlan(layout="prefix-first", order=(1, 0), apply="traffic")},
    share=0.1,
)


def judged_as(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    """Every trial is found to be so."""

    class Judged:
        def __init__(self, _: object, deployers: tuple[object, ...]) -> None:
            self.deployers = deployers

        async def judged(self) -> TrialReport:
            return TrialReport(revision=4, stop=why)

    monkeypatch.setattr(trying, "LiveTrial", Judged)


async def stopped(plan: Plan) -> list[str]:
    """Why a trial was stopped at one look at a deployment with this plan."""
    deployment: Any = SimpleNamespace(started=True, deployer=object())
    watch = Trying(lambda: [deployment], asyncio.Lock(), lambda: plan, read_only=False)
    why: list[str] = []

    async def stop(_: object, report: TrialReport) -> None:
        why.append(report.stop)

    await watch.judge(stop)
    return why


async def test_a_trial_that_must_be_stopped_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    judged_as(monkeypatch, "slower")
    assert await stopped(TRIED) == ["slower"]


async def test_a_trial_that_fares_well_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    judged_as(monkeypatch, "")
    assert await stopped(TRIED) == []


@pytest.mark.parametrize("share", [0.0, 1.0])
async def test_without_two_arms_there_is_nothing_to_judge(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_as(monkeypatch, "slower")
    assert await stopped(Plan(agent="a.py", nodes=TRIED.nodes, share=share)) == []
