"""What is being done to the deployment, step by step, as every console is told it."""

import time
from collections.abc import Callable

from msgspec.structs import replace

from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.gauges import Deploying, DeployKind, DeployStep
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub


class DeployProgress:
    """Published with every step. One thing at a time is done to a deployment."""

    def __init__(self, hub: Hub, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._clock = clock
        self._started = 0.0
        self._told = Deploying()

    def begin(self, kind: DeployKind) -> None:
        self._started = self._clock()
        self._show(Deploying(kind=kind, state="running"))

    def step(self, text: str) -> None:
        """Another step was made; what is not of something in progress is left out."""
        if self._told.state == "running":
            before = sum(step.took_ms for step in self._told.steps)
            steps = (*self._told.steps, DeployStep(text, self._elapsed_ms - before))
            self._show(replace(self._told, steps=steps))

    def done(self, report: PushReport) -> None:
        self._end(
            replace(self._told, state="done", message=report.message, verified=report.verified)
        )

    def failed(self, error: CharterError) -> None:
        self._end(
            replace(self._told, state="failed", message=error.message, remedy=error.remedy or "")
        )

    def _end(self, told: Deploying) -> None:
        self._show(replace(told, elapsed_ms=self._elapsed_ms))

    @property
    def _elapsed_ms(self) -> float:
        return (self._clock() - self._started) * 1000

    def _show(self, told: Deploying) -> None:
        self._told = told
        self._hub.publish(told)
