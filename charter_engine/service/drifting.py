"""Every few seconds: whether somebody else changed the deployment since the last push from here."""

import time
from collections.abc import Callable

from charter_engine.api.deployments import drift_in_words
from charter_engine.api.live_server import LiveServer
from charter_engine.api.texts import without_text
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub
from charter_engine.service.session import SessionGauge

INTERVAL_SECONDS = 5.0
"""Assumed: a look reads every file of the repository, and nobody acts on drift sooner."""


class DriftWatch:
    """Tells of drift as an event, once, and shows all of it in the session. `keeps_text` False: the
    event quotes no plan."""

    def __init__(
        self,
        hub: Hub,
        session: SessionGauge,
        deployment: LiveServer,
        clock: Callable[[], float] = time.monotonic,
        *,
        keeps_text: bool = True,
    ) -> None:
        self._hub = hub
        self._session = session
        self._deployment = deployment
        self._clock = clock
        self._keeps_text = keeps_text
        self._next = 0.0
        self._interruption = ""

    async def look_now(self) -> None:
        """Compare, whenever that was done last: what is live has just been changed."""
        self._next = 0.0
        await self.look()

    async def look(self) -> None:
        """Compare, if it is time to, and nobody is pushing."""
        if self._clock() < self._next or not self._deployment.started:
            return
        self._next = self._clock() + INTERVAL_SECONDS
        revisions = self._deployment.revisions
        try:
            self._tell_once(revisions.interruption())
            if revisions.is_busy or self._interruption:
                return
            changes = await revisions.foreign_changes()
        except CharterError:
            return  # that it does not answer, or that a journal is damaged, is told elsewhere
        if revisions.is_busy or changes == self._session.value.drift:
            return
        self._session.set(drift=changes)
        kept = changes if self._keeps_text else without_text(changes)
        told = drift_in_words(revisions.recorded(), kept)
        if told:
            self._hub.event("triton", told, level="warning")
        else:
            self._hub.event("triton", "the deployment is what was pushed again")

    def _tell_once(self, interruption: str) -> None:
        if interruption and interruption != self._interruption:
            self._hub.event("push", interruption, level="warning")
        self._interruption = interruption
