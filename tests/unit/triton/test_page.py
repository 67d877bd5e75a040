"""A page by HTTP, from real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from charter_engine.triton import page
from charter_engine.triton.errors import Unreachable
from charter_engine.triton.metrics import scrape
from charter_engine.triton.page import read_page

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"


@asynccontextmanager
async def answering(answer: bytes, asked: list[bytes]) -> AsyncIterator[str]:
    """The address of a server that answers everything alike and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_page_is_what_stands_behind_the_head() -> None:
    asked: list[bytes] = []
    async with answering(ANSWER + "größe 1\n".encode(), asked) as place:
        assert await read_page(f"http://{place}/metrics?part=kv") == "größe 1\n"
    assert asked[0].startswith(b"GET /metrics?part=kv HTTP/1.0\r\nHost: " + place.encode())


async def test_a_name_and_password_in_the_address_are_sent_as_such() -> None:
    asked: list[bytes] = []
    async with answering(ANSWER, asked) as place:
        await read_page(f"http://me:p%40ss@{place}/")
    assert b"\r\nAuthorization: Basic bWU6cEBzcw==\r\n" in asked[0]
    assert b"me:p" not in asked[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "404 Not Found"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "speaks no HTTP"),
        (b"", "speaks no HTTP"),
        (ANSWER + b"\xff\xfe", "decode"),
    ],
)
async def test_what_is_no_page_is_refused_with_the_reason(answer: bytes, reason: str) -> None:
    async with answering(answer, []) as place:
        with pytest.raises(Unreachable, match=reason):
            await scrape(f"http://{place}/metrics")


async def test_a_page_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_PAGE_BYTES", 1000)
    async with answering(ANSWER + b"#" * 2000, []) as place:
        with pytest.raises(Unreachable, match="larger than"):
            await scrape(f"http://{place}/metrics")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8002", "file:///etc/passwd", "http://"])
async def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(Unreachable, match="not an address"):
        await scrape(url)


async def test_who_does_not_answer_in_time_is_given_up() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Unreachable, match="no answer in time"),
    ):
        await scrape(f"http://127.0.0.1:{silent.getsockname()[1]}/metrics", seconds=0.05)
