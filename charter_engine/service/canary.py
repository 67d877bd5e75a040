"""The corruption canary beside everything else: asks now and then, once it is told to."""

import asyncio
import logging
import random

from msgspec.structs import replace

from charter_engine.api.canary import LiveCanary
from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.canary import CanaryAlarm, CanaryReport
from charter_engine.contracts.gauges import Canary
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Hub

SHORTEST_SECONDS = 1.0
log = logging.getLogger(__name__)


class CanaryWatch:
    """Publishes what the canary knows, and tells of an alarm once."""

    def __init__(self, hub: Hub, deployment: LiveServer) -> None:
        self._hub = hub
        self._deployment = deployment
        self._task: asyncio.Task[None] | None = None
        self._report = CanaryReport()

    async def start(self, every_seconds: float) -> None:
        """Begin anew, with a round in every that many seconds. Raises `UsageError`."""
        if not SHORTEST_SECONDS <= every_seconds < float("inf"):
            raise UsageError(
                f"a round every {every_seconds:g} s",
                remedy=f"leave {SHORTEST_SECONDS:g} s or more between two rounds",
            )
        await self.stop()
        self._show(CanaryReport(state="measuring noise", every_seconds=every_seconds))
        self._hub.event("canary", f"the corruption canary asks every {every_seconds:g} s")
        self._task = asyncio.create_task(self._watch(every_seconds))

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._show(CanaryReport())
        self._hub.event("canary", "the corruption canary is off")

    async def _watch(self, every_seconds: float) -> None:
        canary = LiveCanary(self._deployment, every_seconds)
        while True:
            try:
                self._take_in(await canary.round())
            except CharterError as error:
                self._show(replace(self._report, reason=error.message))
            except Exception:
                # A round is worth less than the loop that makes the next one.
                log.exception("a round of the canary failed")
            # Never in step with what the deployment itself does once a minute.
            await asyncio.sleep(every_seconds * random.uniform(0.8, 1.2))

    def _take_in(self, report: CanaryReport) -> None:
        before = self._report
        self._show(report)
        if report.alarm is not None and before.alarm is None:
            self._hub.event("canary", in_words(report.alarm), level="error")
        elif report.state == "blind" and before.state != "blind":
            self._hub.event("canary", f"the canary can't tell: {report.reason}", level="warning")

    def _show(self, report: CanaryReport) -> None:
        self._report = report
        self._hub.publish(Canary(report))


def in_words(alarm: CanaryAlarm) -> str:
    """An alarm in one line, with what to do about it."""
    answer = alarm.pair.answer
    told = (
        "a prompt that nobody had sent was reused"
        if alarm.reason == "reused what nobody has"
        else "reuse changed an answer"
    )
    blocks = f"{answer.reused_blocks or 0} blocks of {answer.prompt_tokens} tokens"
    return f"the KV cache may be corrupt: {told} ({blocks} reused); {alarm.remedy}"
