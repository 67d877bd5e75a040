"""Every ten seconds: whether the trial that is live must be stopped."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from charter_engine.api.live_server import OpenServer
from charter_engine.api.trials import INTERVAL_SECONDS, LiveTrial, is_trial
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.trial import TrialReport, TrialRequest
from charter_engine.errors import CharterError

log = logging.getLogger(__name__)

Stop = Callable[[LiveTrial, TrialReport], Awaitable[None]]


class Trying:
    """Judges the live trial by the usual margins, and has it stopped: of several servers all
    together, as far as they are open.

    `writing` is held by whoever changes the deployment, and `live` gives the plan that is live.
    A `read_only` engine stops nothing.
    """

    def __init__(
        self,
        deployments: Callable[[], Sequence[OpenServer]],
        writing: asyncio.Lock,
        live: Callable[[], Plan],
        *,
        read_only: bool,
    ) -> None:
        self._deployments = deployments
        self._writing = writing
        self._live = live
        self._read_only = read_only
        self._trial: LiveTrial | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        """Whether a trial is live, which is stopped here where it goes worse."""
        return self._trial is not None

    def start(self, stop: Stop) -> None:
        """Begin; `stop` is how a trial is stopped."""
        if not self._read_only:
            self._task = asyncio.create_task(self._regularly(stop))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _regularly(self, stop: Stop) -> None:
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await self.judge(stop)
            except CharterError as error:
                log.info("the trial was not judged: %s", error)
            except Exception:
                log.exception("judging the trial failed")

    async def report(self) -> TrialReport:
        """How the live trial stands. Raises `CharterError`, also where there is none."""
        return await self._of_deployments().judged()

    async def judge(self, stop: Stop) -> None:
        """Look at the live trial once, if there is one. Raises `CharterError`."""
        own, *_ = self._deployments()
        if not own.started or not is_trial(self._live()):
            self._trial = None
            return
        trial = self._of_deployments()
        report = await trial.judged()
        if report.stop:
            async with self._writing:
                await stop(trial, report)

    def _of_deployments(self) -> LiveTrial:
        """The trial, whose traffic is read once."""
        own, *others = self._deployments()
        deployers = (own.deployer, *(one.deployer for one in others if one.started))
        if self._trial is None or self._trial.deployers != deployers:
            self._trial = LiveTrial(TrialRequest(), deployers)
        return self._trial
