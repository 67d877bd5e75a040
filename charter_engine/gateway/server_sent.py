"""Server-sent events (WHATWG HTML, section 9.2), as these APIs write them."""

from collections.abc import AsyncGenerator, AsyncIterable

import msgspec

DONE = b"data: [DONE]\n\n"
"""The last event of a stream of OpenAI's chat and completions."""
_encode = msgspec.json.Encoder().encode


def event(data: object, name: str = "") -> bytes:
    """One event with a JSON body."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + _encode(data) + b"\n\n"


async def data_of(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The data of each event in a stream of bytes, wherever the stream was cut."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").strip()
