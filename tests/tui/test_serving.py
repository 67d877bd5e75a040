"""The console in a browser: who is let in, and what they see."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from textual_serve.app_service import AppService

from charter_tui.cli import main
from charter_tui.serving import COOKIE, ConsoleServer, console_command
from tests.tui.scene import GAUGES
from tests.tui.scripted import ScriptedEngine

TOKEN = "a-token-of-the-tests"
SECONDS = 30.0


@pytest.fixture
async def consoles(monkeypatch: pytest.MonkeyPatch) -> list[AppService]:
    """The consoles that pages got."""
    opened: list[AppService] = []
    start = AppService.start

    async def started(service: AppService, width: int, height: int) -> None:
        await start(service, width, height)
        opened.append(service)

    monkeypatch.setattr(AppService, "start", started)
    return opened


@pytest.fixture
async def served(tmp_path: Path, consoles: list[AppService]) -> AsyncIterator[ConsoleServer]:
    """A server whose consoles watch a scripted engine, and have ended when their pages are done
    with."""
    engine = ScriptedEngine(tmp_path / "s", GAUGES)
    await engine.start()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = console_command(("--attach", str(engine.server.path), "--serve"))
    server = ConsoleServer(command, port, TOKEN)
    runner = web.AppRunner(await server._make_app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield server
    await runner.cleanup()
    assert [one._process.returncode for one in consoles if one._process] == [0] * len(consoles)
    await engine.stop()


async def status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status


async def test_without_the_token_nothing_is_served(served: ConsoleServer) -> None:
    for path in ("", "ws", "static/", "?token=guessed"):
        assert await status(f"{served.public_url}/{path}") == 403


async def test_the_printed_address_leads_to_the_page_and_keeps_the_token_as_a_cookie(
    served: ConsoleServer,
) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as session,
        session.get(served.address) as page,
    ):
        assert page.status == 200
        assert "token" not in str(page.url)
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    (cookie,) = jar
    assert (cookie.key, cookie["httponly"], cookie["samesite"]) == (COOKIE, True, "Strict")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://elsewhere.example"}, {"Host": "charter.elsewhere.example"}]
)
async def test_another_page_is_refused_even_with_the_token(
    served: ConsoleServer, headers: dict[str, str]
) -> None:
    cookie = {"Cookie": f"{COOKIE}={TOKEN}"}
    assert await status(f"{served.public_url}/", **cookie) == 200
    assert await status(f"{served.public_url}/", **cookie, **headers) == 403


async def test_a_page_shows_the_console(served: ConsoleServer) -> None:
    seen = b""
    async with (
        asyncio.timeout(SECONDS),
        aiohttp.ClientSession(headers={"Cookie": f"{COOKIE}={TOKEN}"}) as session,
        session.ws_connect(f"{served.public_url}/ws?width=100&height=30") as page,
    ):
        while b"document_processor.py" not in seen:
            message = await page.receive()
            seen += message.data if isinstance(message.data, bytes) else b""


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--headless", "--record", "f"]])
def test_what_does_not_go_with_serving_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--serve", *arguments])
    assert caught.value.code == 2
    assert capsys.readouterr().err
