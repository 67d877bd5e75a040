"""The wire between engine and console: frames of a 4-byte big-endian length and msgpack, decoded
into records."""

from typing import TypeVar

import msgspec

from charter_engine.contracts.protocol import MAX_FRAME_BYTES, Request, ServerMessage

LENGTH_BYTES = 4
"""Of the frames' own format."""
STOP = b"stop"
"""What a console says on its engine's standard input before it leaves and the engine is to end."""
T = TypeVar("T")


class ProtocolError(Exception):
    """The other side sent something that is not this protocol; the connection is of no further
    use."""


class FrameSplitter:
    """Cuts a byte stream into frames. Feed what arrived, get the complete payloads so far."""

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads `data` completes, in order. Raises `ProtocolError` on a length beyond the
        limit."""
        buffer = self._buffer
        buffer += data
        payloads = []
        start = 0
        while len(buffer) - start >= LENGTH_BYTES:
            body = start + LENGTH_BYTES
            length = int.from_bytes(buffer[start:body], "big")
            if length > self._limit:
                raise ProtocolError(
                    f"a frame of {length} bytes is larger than the limit of {self._limit}"
                )
            if len(buffer) < body + length:
                break
            payloads.append(bytes(buffer[body : body + length]))
            start = body + length
        del buffer[:start]
        return payloads


_encoder = msgspec.msgpack.Encoder()
_request_decoder = msgspec.msgpack.Decoder(Request)
_message_decoder = msgspec.msgpack.Decoder(ServerMessage)


def frame(message: object) -> bytes:
    """One message as it goes over the socket. Raises `ProtocolError` if it is larger than a frame
    may be."""
    payload = _encoder.encode(message)
    if len(payload) > MAX_FRAME_BYTES:
        raise ProtocolError(
            f"{type(message).__name__} of {len(payload)} bytes does not fit a frame"
        )
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def encode_result(result: object) -> msgspec.Raw:
    """A command's answer, packed for `Response.result`."""
    return msgspec.Raw(_encoder.encode(result))


def decode_request(payload: bytes) -> Request:
    """Raises `ProtocolError` naming the field that is wrong."""
    return _decoded(_request_decoder, payload)


def decode_message(payload: bytes) -> ServerMessage:
    """Raises `ProtocolError` naming the field that is wrong."""
    message: ServerMessage = _decoded(_message_decoder, payload)
    return message


def _decoded(decoder: msgspec.msgpack.Decoder[T], payload: bytes) -> T:
    try:
        return decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message of this protocol: {error}") from error
