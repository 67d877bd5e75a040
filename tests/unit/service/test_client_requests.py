"""What a console's request leaves behind."""

import asyncio
import gc
import weakref
from contextvars import ContextVar
from pathlib import Path

import pytest

from charter_engine.contracts.commands import AddNote, Command
from charter_engine.service.client import EngineClient
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server


class Screen:
    """Who asks."""


ASKING: ContextVar[Screen] = ContextVar("ASKING")


async def test_who_asked_is_forgotten_once_there_is_an_answer(tmp_path: Path) -> None:
    async def answer(_: Command) -> object:
        return None

    server = Server(tmp_path / "s", Hub(), answer)
    await server.start()
    client = EngineClient(tmp_path / "s")
    await client.connect()

    # asyncio clears away a cancelled timer that is the next one, so another one stands before it.
    other = asyncio.get_running_loop().call_later(60, print)

    async def ask() -> weakref.ref[Screen]:
        screen = Screen()
        ASKING.set(screen)
        await client.request(AddNote(text="noted"))
        return weakref.ref(screen)

    try:
        asked = await asyncio.create_task(ask())
        await asyncio.sleep(0)
        gc.collect()
        assert asked() is None
    finally:
        other.cancel()
        await client.detach()
        await server.close()


async def test_an_answer_that_does_not_come_in_time_is_a_timeout(tmp_path: Path) -> None:
    async def answer(_: Command) -> object:
        await asyncio.sleep(60)
        return None

    server = Server(tmp_path / "s", Hub(), answer)
    await server.start()
    client = EngineClient(tmp_path / "s")
    try:
        await client.connect()
        with pytest.raises(TimeoutError):
            await client.request(AddNote(text="noted"), within=0.05)
    finally:
        await client.detach()
        await server.close()
