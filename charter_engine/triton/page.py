"""A page by HTTP, asked for once and read whole.

aiohttp would take nine megabytes of an engine that asks for nothing else by HTTP.
"""

import asyncio
from base64 import b64encode
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""Ten times what Triton shows of a hundred models."""
READ_BYTES: Final = 64 * 1024
"""asyncio's own limit of a stream's buffer."""
PORT_OF: Final = {"http": 80, "https": 443}


async def read_page(url: str) -> str:
    """The text at an address of `http` or `https`. Raises `OSError` where nobody answers, and
    `ValueError` for what is no address, no page, or too large."""
    place = urlsplit(url)
    if place.scheme not in PORT_OF or not place.hostname:
        raise ValueError("not an address of http:// or https://")
    reader, writer = await asyncio.open_connection(
        place.hostname,
        place.port or PORT_OF[place.scheme],
        ssl=True if place.scheme == "https" else None,
    )
    try:
        writer.write(_question(place))
        return _page_of(await _whole(reader))
    finally:
        writer.close()


def _question(place: SplitResult) -> bytes:
    """A request of HTTP/1.0, whose answer comes in one piece and ends with the connection (RFC
    1945)."""
    _, _, host = place.netloc.rpartition("@")
    path = place._replace(scheme="", netloc="", fragment="").geturl() or "/"
    lines = [f"GET {path} HTTP/1.0", f"Host: {host}", "Accept: text/plain"]
    if place.username is not None:
        named = f"{unquote(place.username)}:{unquote(place.password or '')}"
        lines.append(f"Authorization: Basic {b64encode(named.encode()).decode()}")
    return "\r\n".join((*lines, "", "")).encode()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while part := await reader.read(READ_BYTES):
        answer += part
        if len(answer) > MAX_PAGE_BYTES:
            raise ValueError(f"the page is larger than {MAX_PAGE_BYTES >> 20} MiB")
    return bytes(answer)


def _page_of(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    protocol, _, status = head.partition(b"\r\n")[0].decode(errors="replace").partition(" ")
    if not protocol.startswith("HTTP/"):
        raise ValueError("what answers there speaks no HTTP")
    if not status.startswith("200"):
        raise ValueError(status)
    return body.decode()
