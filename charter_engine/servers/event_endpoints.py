"""Where a server says that it publishes KV events, and how they are followed from here.

An endpoint such as `tcp://*:5557` is listened on by the server. At any other, such as
`tcp://127.0.0.1:5557`, the subscriber has to listen (vLLM, distributed/kv_events.py).
"""

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.server import EventEndpoint

EVERYWHERE = ("*", "0.0.0.0", "[::]")
"""Hosts of what listens on every interface of its machine."""


def ranked(endpoint: str, replay: str, ranks: int) -> tuple[EventEndpoint, ...]:
    """The endpoints of so many ranks, of which each publishes a port further than the one
    before."""
    return tuple(
        EventEndpoint(published=_further(endpoint, rank), replayed=_further(replay, rank))
        for rank in range(ranks)
    )


def source_at(endpoints: Sequence[EventEndpoint], url: str) -> KvEventSource | None:
    """What is followed of a server that is reached at `url`; None where it publishes nothing."""
    if not endpoints:
        return None
    host = urlsplit(url).hostname or ""
    return KvEventSource(
        address=_joined((one.published for one in endpoints), host),
        listen=not all(is_listened_on(one.published) for one in endpoints),
        replay=_joined((one.replayed for one in endpoints if one.replayed), host),
    )


def is_listened_on(endpoint: str) -> bool:
    """Whether the server listens there, and not the subscriber."""
    return _host_of(endpoint) in EVERYWHERE or endpoint.startswith("ipc://")


def _joined(endpoints: Iterable[str], host: str) -> str:
    return ",".join(_reached(endpoint, host) for endpoint in endpoints)


def _reached(endpoint: str, host: str) -> str:
    """An endpoint as it is reached from elsewhere."""
    named = _host_of(endpoint)
    own = f"[{host}]" if ":" in host else host
    return endpoint.replace(f"//{named}:", f"//{own}:") if named in EVERYWHERE else endpoint


def _host_of(endpoint: str) -> str:
    return endpoint.partition("://")[2].rpartition(":")[0]


def _further(endpoint: str, ports: int) -> str:
    start, _, port = endpoint.rpartition(":")
    return f"{start}:{int(port) + ports}" if port.isdecimal() else endpoint
