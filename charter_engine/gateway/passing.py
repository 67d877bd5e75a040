"""One request on its way through the gateway, from arrival to its record."""

import time
import uuid
from collections.abc import Callable, Mapping

from msgspec import UNSET, Raw, UnsetType, structs

from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord, Observer
from charter_engine.gateway.asking import Ended, TokenUsage
from charter_engine.gateway.trace_context import trace_of
from charter_engine.traffic.session_headers import SessionFields, ends_session, session_of

REQUEST_ID_HEADER = "X-Request-Id"
LONGEST_ID = 128
"""Assumed: a UUID has 36 characters; the rest is room for prefixes."""
LONGEST_NAME = 256
"""Assumed: longer than any model's name; it is kept with each request."""
END_OF_EVENT = b"\n\n"
LONGEST_ANSWER = 1024 * 1024
"""Assumed: longer than any model's answer; what is kept of it is read for its counters."""
LONG_BODY_BYTES = 16 * 1024
"""From here on a prompt is worked on beside the event loop."""


class Peeked(SessionFields, frozen=True):
    """What is read of every body, whatever is done with it."""

    model: Raw | UnsetType = UNSET
    stream: Raw | UnsetType = UNSET


class Passing:
    """Collects what the record says."""

    def __init__(self, route: str, headers: Mapping[str, str], observe: Observer) -> None:
        self.started = time.perf_counter()
        self.body = b""
        self.prompt = ""
        self.sent = b""
        self.events = 0
        self._answer = bytearray()
        self.headers = headers
        self.when_begun: Callable[[], None] = _nobody_waits
        self._observe = observe
        given = headers.get(REQUEST_ID_HEADER, "")
        usable = 0 < len(given) <= LONGEST_ID and given.isascii() and given.isprintable()
        self.trace = trace_of(headers)
        self.record = GatewayRecord(
            at=time.time(),
            request_id=given if usable else uuid.uuid4().hex,
            route=route,
            trace=self.trace,
        )

    def read(self, peeked: Peeked) -> None:
        """The body is there and can be read."""
        self.note(
            model=_text(peeked.model),
            stream=peeked.stream is not UNSET and bytes(peeked.stream) == b"true",
            session=session_of(self.headers, peeked),
            ends_session=ends_session(self.headers),
        )

    def sending(self, events: bytes) -> None:
        """More of a streamed answer is about to be sent."""
        if self.record.ttft_ms is None:
            self.note(ttft_ms=self.elapsed_ms)
            self.when_begun()
        self.events += events.count(END_OF_EVENT)

    def passed_back(self, chunk: bytes) -> None:
        """More of an upstream's answer came."""
        if len(self._answer) + len(chunk) <= LONGEST_ANSWER:
            self._answer += chunk

    def ended(self, ended: Ended) -> None:
        """The answer is there."""
        self.note(node=ended.node, finish=ended.reason)
        self.used(ended.usage)

    def used(self, usage: TokenUsage) -> None:
        """What the answer took."""
        self.note(
            prompt_tokens=usage.prompt, output_tokens=usage.output, reused_tokens=usage.cached
        )

    def failed(self, status: int, message: str) -> None:
        self.note(status=status, finish="error", error=message)

    def cancelled(self) -> None:
        """The client has gone away."""
        self.note(status=499, finish="cancelled")

    def note(self, **values: object) -> None:
        self.record = structs.replace(self.record, **values)

    def close(self) -> None:
        """Nothing more comes."""
        self.note(total_ms=self.elapsed_ms)
        answer = bytes(self._answer)
        self._observe(GatewayExchange(self.record, self.body, self.prompt, self.sent, answer))

    @property
    def answer_headers(self) -> dict[str, str]:
        """What goes with every answer."""
        return {REQUEST_ID_HEADER: self.record.request_id}

    @property
    def onward_headers(self) -> dict[str, str]:
        """What goes with every request that is sent for this one."""
        return self.answer_headers | self.trace.headers

    @property
    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self.started) * 1000


def _nobody_waits() -> None:
    """For the answer to begin."""


def _text(raw: Raw | UnsetType) -> str:
    return "" if raw is UNSET else bytes(raw)[:LONGEST_NAME].decode(errors="replace").strip('"')
