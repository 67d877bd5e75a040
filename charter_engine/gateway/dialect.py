"""What the gateway needs of an API: reading its requests, and writing its answers."""

from typing import Protocol

from charter_engine.gateway.asking import Answered, Asking, Piece
from charter_engine.gateway.errors import GatewayError


class EventWriter(Protocol):
    """The events of one streamed answer, as the bytes to send."""

    def begin(self) -> bytes:
        """What goes out before the first piece."""

    def piece(self, piece: Piece) -> bytes:
        """What the next piece adds; the end of the answer is a piece too."""


class Dialect(Protocol):
    """One route of an API."""

    last_words: bytes
    """What stands near the end of every whole stream."""

    def read(self, body: bytes) -> Asking:
        """What a body asks for. Raises `GatewayError`."""

    def whole(self, asking: Asking, answer: Answered) -> object:
        """The body of an answer that is not streamed."""

    def events(self, asking: Asking) -> EventWriter:
        """What writes a streamed answer."""

    def error(self, error: GatewayError) -> object:
        """The body of an error, in the API's own shape."""

    def failure(self, error: GatewayError, events: int, /) -> bytes:
        """The API's own error event, which ends a stream after so many events."""
