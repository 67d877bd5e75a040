"""The server of each request, and where else it may go."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean

from charter_engine.routing.affinity import Affinity
from charter_engine.routing.expected import ExpectedPrefixes
from charter_engine.routing.rendezvous import ranked

ANSWER_GRAINS = 1
"""What a request in flight weighs beyond its prefill: as much as computing so many grains."""
PATIENCE_GRAINS = 16
PATIENCE = 3.0
"""A request stays with its own server up to `PATIENCE` times the least wait there is, and
`PATIENCE_GRAINS` more."""
BOUND = 1.1
BOUND_GRAINS = 1024
"""A request that has to be computed anyway goes to no server that was lately given more than
`BOUND` times the mean to compute, and `BOUND_GRAINS` more."""
LATELY = 512
"""What a server was given counts less with every later request, and little after so many a
server."""
FORGOTTEN = 0.9
"""A request has to be computed anyway where more than this share of it is expected nowhere."""
MOST_KEYS = 65_536
"""Of the keys that were sent last it is known where they went."""


@dataclass
class RoutedServer:
    """One of the servers. `ready` False: it does not answer, or takes nothing new. `computing` are
    the grains that it is expected to compute before the requests there have their first token.
    `given` are all that it was given to compute, of which earlier ones count less."""

    name: str
    ready: bool = True
    in_flight: int = 0
    computing: int = 0
    given: float = 0.0
    sent: int = 0
    failed: int = 0
    expected: ExpectedPrefixes = field(default_factory=ExpectedPrefixes)

    def missing(self, affinity: Affinity) -> int:
        """The grains of a request that are not expected there."""
        return len(affinity.grains) - self.expected.match(affinity.grains)

    def wait(self, affinity: Affinity) -> int:
        """How long a request would wait there for its first token, in grains to be computed."""
        return self.computing + self.in_flight * ANSWER_GRAINS + self.missing(affinity)


class RoutedRequest:
    """A request at its server."""

    def __init__(self, server: RoutedServer, missing: int) -> None:
        self.server = server
        self._missing = missing

    def begun(self) -> None:
        """Its prompt is computed: the answer begins, or will not come."""
        self.server.computing -= self._missing
        self._missing = 0


class Router:
    """Chooses by affinity, as long as a request need not wait for it.

    A request's own server is the first by rendezvous hashing of its key, which needs no state:
    several routers in front of the same servers agree without talking. What has to be computed
    anyway, as all of a new session, passes by servers that were lately given far more than the
    others. Where the wait is far longer than elsewhere, a request goes where it is least, for which
    counts what every server is expected to hold of it. What follows it goes there too, as long as
    more of it is expected there; a router that does not know sends it to its own server again.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self.servers = {name: RoutedServer(name) for name in servers}
        self._went: OrderedDict[bytes, str] = OrderedDict()
        """The last server of each key."""

    def choose(self, affinity: Affinity, tried: Collection[str] = ()) -> RoutedServer | None:
        """The next server to try; None where all were. One that is not ready is tried only where
        no other is left."""
        left = [server for name, server in self.servers.items() if name not in tried]
        candidates = [server for server in left if server.ready] or left
        if not candidates:
            return None
        order = ranked(affinity.key, [server.name for server in candidates])
        own = self._home(order, affinity)
        wait = own.wait(affinity)
        if wait <= PATIENCE_GRAINS or len(order) == 1:
            return own
        others = [self.servers[name] for name in order if name != own.name]
        waits = [other.wait(affinity) for other in others]
        least = min(waits)
        return own if wait <= PATIENCE * least + PATIENCE_GRAINS else others[waits.index(least)]

    def _home(self, order: Sequence[str], affinity: Affinity) -> RoutedServer:
        """Where a request belongs: its own server, or the one where what it follows went and more
        of it is expected; the first within the bound where it has to be computed anyway."""
        went = self._went.get(affinity.key)
        if went is None or went not in order:
            return self._first_within_bound(order)
        home = min(
            (self.servers[name] for name in (order[0], went)),
            key=lambda server: server.missing(affinity),
        )
        forgotten = home.missing(affinity) > FORGOTTEN * len(affinity.grains)
        return self._first_within_bound(order) if forgotten else home

    def _first_within_bound(self, order: Sequence[str]) -> RoutedServer:
        """The first that was lately given no far larger share than the others.

        After consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, 2018).
        """
        servers = [self.servers[name] for name in order]
        bound = BOUND * fmean(server.given for server in servers) + BOUND_GRAINS
        return next(server for server in servers if server.given <= bound)

    def _note(self, key: bytes, server: str) -> None:
        self._went[key] = server
        self._went.move_to_end(key)
        if len(self._went) > MOST_KEYS:
            self._went.popitem(last=False)

    @contextmanager
    def sending(self, server: RoutedServer, affinity: Affinity) -> Iterator[RoutedRequest]:
        """The request is there meanwhile."""
        missing = server.missing(affinity)
        for each in self.servers.values():
            each.given *= 1 - 1 / (LATELY * len(self.servers))
        server.given += missing
        sent = RoutedRequest(server, missing)
        server.computing += missing
        server.in_flight += 1
        server.sent += 1
        server.expected.sent(affinity.grains)
        self._note(affinity.key, server.name)
        try:
            yield sent
        finally:
            server.in_flight -= 1
            sent.begun()
