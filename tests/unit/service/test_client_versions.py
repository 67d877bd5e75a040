"""An engine of another version: its answers are not taken for what they are not."""

from pathlib import Path

import pytest

from charter_engine.contracts.commands import Command, GetSession
from charter_engine.service.client import ConnectionLost, EngineClient
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server


async def test_an_answer_in_another_form_is_told_as_another_version(tmp_path: Path) -> None:
    async def answer(command: Command) -> object:
        return {"mode": "of another kind"}

    server = Server(tmp_path / "s", Hub(), answer)
    await server.start()
    client = EngineClient(tmp_path / "s")
    try:
        await client.connect()
        with pytest.raises(ConnectionLost, match="another version"):
            await client.request(GetSession())
    finally:
        await client.detach()
        await server.close()
