"""The corruption canary beside everything else: asks now and then, once it is told to."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from charter_engine.api.canary import AskedServer, LiveCanary, together, worst_of
from charter_engine.api.live_server import OpenServer
from charter_engine.contracts.canary import CanaryAlarm, CanaryReport, ServerCanary
from charter_engine.contracts.gauges import Canary
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub

SHORTEST_SECONDS = 1.0
"""A round takes a server's time; a second is what the console counts in."""
log = logging.getLogger(__name__)


class CanaryWatch:
    """Publishes what the canary knows of the deployments, and tells of an alarm once."""

    def __init__(self, hub: Hub, deployments: Callable[[], Sequence[OpenServer]]) -> None:
        self._hub = hub
        self._deployments = deployments
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
        servers: dict[OpenServer, AskedServer] = {}
        while True:
            servers = {
                one: servers.get(one) or _asked(one, every_seconds) for one in self._deployments()
            }
            try:
                found = await asyncio.gather(*(server.asked() for server in servers.values()))
                self._take_in(found)
            except Exception:
                # A round is worth less than the loop that makes the next one.
                log.exception("a round of the canary failed")
            # Never in step with what the deployment itself does once a minute.
            await asyncio.sleep(every_seconds * random.uniform(0.8, 1.2))

    def _take_in(self, found: Sequence[ServerCanary]) -> None:
        before = self._report
        report = together(found)
        self._show(report, tuple(found) if len(found) > 1 else ())
        if report.alarm is not None and before.alarm is None:
            told = in_words(report.alarm)
            named = told if len(found) == 1 else f"{worst_of(found).server}: {told}"
            self._hub.event("canary", named, level="error")
        elif report.state == "blind" and before.state != "blind":
            self._hub.event("canary", f"the canary can't tell: {report.reason}", level="warning")

    def _show(self, report: CanaryReport, servers: tuple[ServerCanary, ...] = ()) -> None:
        self._report = report
        self._hub.publish(Canary(report, servers))


def _asked(deployment: OpenServer, every_seconds: float) -> AskedServer:
    canary = LiveCanary(deployment, every_seconds)
    return AskedServer(deployment.named, every_seconds, canary.round)


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
