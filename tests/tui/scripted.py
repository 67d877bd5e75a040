"""A real Unix-socket engine with a script.

It publishes canned records and answers commands as told.
"""

import asyncio
from collections.abc import Callable, Iterable
from inspect import isawaitable
from pathlib import Path

from charter_engine.contracts.commands import Command, ListMarks, ListRevisions, ListTicks
from charter_engine.contracts.gauges import Payload
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server
from tests.tui.scene import EVENTS, REVISIONS, START, TICKS

Answer = Callable[[Command], object]


class ScriptedEngine:
    """Serves `payloads`, and keeps what it was asked in `commands`: all but what every console asks
    when it connects.

    `answers` by command type override the nil answer.
    """

    def __init__(self, path: Path, payloads: Iterable[Payload], with_events: bool = True) -> None:
        self.hub = Hub()
        self.server = Server(path, self.hub, self._handle)
        self.commands: list[Command] = []
        self._heard = asyncio.Event()
        self.answers: dict[type, Answer] = {
            ListRevisions: lambda _: REVISIONS,
            ListTicks: lambda _: TICKS,
            ListMarks: lambda _: (),
        }
        for payload in payloads:
            self.hub.publish(payload, at=START)
        for number, event in enumerate(EVENTS if with_events else ()):
            self.hub.event(**event, at=START + number)

    async def _handle(self, command: Command) -> object:
        if not isinstance(command, ListTicks):
            self.commands.append(command)
        self._heard.set()
        answer = self.answers.get(type(command))
        made = answer(command) if answer else None
        return await made if isawaitable(made) else made

    async def until_asked(self, command: type) -> None:
        """Wait for a command of that type."""
        while not self.asked(command):
            self._heard.clear()
            await self._heard.wait()

    def refuse(self, command: type, message: str, remedy: str = "") -> None:
        """Refuse every command of that type."""

        def answer(_: Command) -> object:
            raise UsageError(message, remedy=remedy)

        self.answers[command] = answer

    def asked(self, command: type) -> list[Command]:
        """The commands of that type so far."""
        return [item for item in self.commands if isinstance(item, command)]

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        await self.server.close()
