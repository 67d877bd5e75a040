"""What is being done to the deployment is told step by step, and how it ended."""

import itertools

import pytest

from charter_engine.contracts.deploy import Diff, PushReport
from charter_engine.contracts.gauges import Deploying, DeployStep
from charter_engine.errors import CharterError
from charter_engine.service.deploy_progress import DeployProgress
from charter_engine.service.hub import Hub


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def progress(hub: Hub) -> DeployProgress:
    """A progress whose clock goes on by a second with every look."""
    return DeployProgress(hub, clock=itertools.count().__next__)


def told(hub: Hub) -> Deploying | None:
    payloads = (gauge.payload for gauge in hub.latest())
    return next((payload for payload in payloads if isinstance(payload, Deploying)), None)


def test_steps_are_told_with_the_time_they_took(hub: Hub, progress: DeployProgress) -> None:
    progress.begin("push")
    progress.step("staged")
    progress.step("loaded charter_bls")
    assert told(hub) == Deploying(
        kind="push",
        state="running",
        steps=(DeployStep("staged", 1000.0), DeployStep("loaded charter_bls", 1000.0)),
    )


def test_what_was_verified_is_told_at_the_end(hub: Hub, progress: DeployProgress) -> None:
    progress.begin("push")
    progress.done(
        PushReport(
            ok=True,
            revision=4,
            diff=Diff(base_revision=3),
            elapsed_ms=900.0,
            message="revision 4 is live",
            verified=("charter_bls answered a request",),
        )
    )
    ended = told(hub)
    assert ended is not None
    assert (ended.state, ended.message, ended.elapsed_ms) == ("done", "revision 4 is live", 1000.0)
    assert ended.verified == ("charter_bls answered a request",)


def test_a_failure_is_told_with_its_remedy(hub: Hub, progress: DeployProgress) -> None:
    progress.begin("rollback")
    progress.failed(CharterError("Triton refused it", remedy="look at its log"))
    ended = told(hub)
    assert ended is not None
    assert (ended.state, ended.message, ended.remedy) == (
        "failed",
        "Triton refused it",
        "look at its log",
    )


def test_steps_of_nothing_in_progress_are_left_out(hub: Hub, progress: DeployProgress) -> None:
    progress.step("started Triton")
    assert told(hub) is None
