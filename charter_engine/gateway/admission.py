"""Who may be answered, and how many at once."""

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

from charter_engine.errors import UsageError
from charter_engine.gateway.errors import GatewayError

BEARER = "Bearer "
RETRY_SECONDS = 1
"""The least that `Retry-After` can say (RFC 9110, 10.2.3)."""
LAST_PORT = 65535
"""TCP has 16 bits for a port."""


class GatewayAdmission:
    """`key` empty: whoever reaches the address."""

    def __init__(self, key: str, at_once: int) -> None:
        self._key = key.encode()
        self._at_once = at_once
        self.in_flight = 0

    def require_right(self, headers: Mapping[str, str]) -> None:
        """Raises `GatewayError` where the client shows another key than the gateway's. Without a
        key whoever is on this machine may, but no page that a browser has from elsewhere."""
        if not self._key:
            origin = headers.get("Origin", "")
            if origin and not _is_loopback(urlsplit(origin).hostname or ""):
                raise GatewayError(403, f"a page of {origin} may not use this gateway without key")
            return
        shown = headers.get("Authorization", "").removeprefix(BEARER)
        given = (shown or headers.get("X-Api-Key", "")).encode(errors="replace")
        if not hmac.compare_digest(given, self._key):
            raise GatewayError(
                401,
                "this gateway needs its key: send it as the API key",
                code="invalid_api_key",
            )

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """One more request is answered meanwhile. Raises `GatewayError` where as many as may
        are."""
        if self.in_flight >= self._at_once:
            raise GatewayError(
                429,
                f"{self._at_once} requests are being answered, as many as this gateway takes: "
                "send it again in a moment",
                code="rate_limit_exceeded",
            )
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


def require_allowed(listen: str, key: str) -> None:
    """Raises `UsageError` for what is no HOST:PORT, and for an address that others can reach
    without a key. Port 0 stands for a free one."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > LAST_PORT:
        raise UsageError(f"{listen}: not of the form HOST:PORT")
    if not key and not _is_loopback(host):
        raise UsageError(
            f"{listen}: others can reach this address",
            remedy="ask for a key, by env:VARIABLE or @FILE, or listen on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
