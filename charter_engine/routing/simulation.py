"""What a fleet would do with a workload, under each way of routing it."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, resolve_retention
from charter_engine.kvcache.predict.simulation import code_is_possible
from charter_engine.kvcache.workload.columns import Floats, Workload
from charter_engine.routing.affinity import Affinity
from charter_engine.routing.expected import ExpectedPrefixes
from charter_engine.routing.router import RoutedServer, Router

GRAIN_TOKENS = 512
"""Derived: about the tokens of the router's own grain (`GRAIN_BYTES`)."""
WORTH_COMPILING = 10_000
"""Requests of a whole fleet from which machine code is worth loading, small as each server's share
may be."""
Choose = Callable[[Router, Affinity, int], RoutedServer]
"""The server of the request of that number."""


@dataclass(frozen=True)
class ServingSpeed:
    """Assumed of each server, in tokens a second: `prefill` of all its requests, one after another,
    and `decode` of each request."""

    prefill: float = 20_000.0
    decode: float = 60.0


@dataclass(frozen=True)
class FleetOutcome:
    """Predicted. One entry a server in `requests` and `busy_seconds`, one a request in
    `first_token_seconds`."""

    prompt_tokens: int
    reused_tokens: int
    requests: tuple[int, ...]
    busy_seconds: tuple[float, ...]
    first_token_seconds: Floats

    @property
    def hit_rate(self) -> float:
        return self.reused_tokens / self.prompt_tokens

    @property
    def computed_tokens(self) -> int:
        return self.prompt_tokens - self.reused_tokens

    @property
    def busiest(self) -> float:
        """The prefill of the server that has most, against an even share."""
        total = sum(self.busy_seconds)
        return max(self.busy_seconds) * len(self.busy_seconds) / total if total else 1.0


def by_affinity(router: Router, affinity: Affinity, _: int) -> RoutedServer:
    """As the gateway routes."""
    chosen = router.choose(affinity)
    assert chosen is not None
    return chosen


def in_turn(router: Router, _: Affinity, number: int) -> RoutedServer:
    """One after another."""
    servers = list(router.servers.values())
    return servers[number % len(servers)]


def least_busy(router: Router, _: Affinity, number: int) -> RoutedServer:
    """To whom has fewest in flight; among equals in turn."""
    servers = list(router.servers.values())
    start = number % len(servers)
    return min(servers[start:] + servers[:start], key=lambda server: server.in_flight)


def simulate_fleet(
    workload: Workload,
    servers: int,
    settings: PoolSettings,
    choose: Choose,
    speed: ServingSpeed = ServingSpeed(),
) -> FleetOutcome:
    """What `servers` pools of those settings would reuse of a workload in time order."""
    pool_grains = settings.gpu_blocks * settings.tokens_per_block // GRAIN_TOKENS
    fleet = _Fleet(servers, pool_grains, speed)
    for number, affinity in enumerate(_affinities(workload)):
        fleet.serve(workload, number, affinity, choose)
    compiled = True if len(workload) >= WORTH_COMPILING and code_is_possible() else None
    placed = [np.asarray(requests, dtype=np.int64) for requests in fleet.placed.values()]
    return FleetOutcome(
        workload.prompt_tokens,
        sum(
            _reused(workload.select(requests), settings, compiled)
            for requests in placed
            if len(requests)
        ),
        tuple(len(requests) for requests in placed),
        tuple(fleet.busy.values()),
        np.asarray(fleet.first_token_seconds),
    )


class _Fleet:
    """Servers that compute one prompt after another, and decode side by side.

    What a server has to compute of a prompt is what its router does not expect there, so that a
    request's times need no block manager.
    """

    def __init__(self, servers: int, pool_grains: int, speed: ServingSpeed) -> None:
        self.router = Router([f"server-{number}" for number in range(servers)])
        for server in self.router.servers.values():
            server.expected = ExpectedPrefixes(pool_grains)
        self.placed: dict[str, list[int]] = {name: [] for name in self.router.servers}
        self.busy = dict.fromkeys(self.router.servers, 0.0)
        self.first_token_seconds: list[float] = []
        self._free_at = dict.fromkeys(self.router.servers, 0.0)
        self._speed = speed
        self._coming: list[tuple[float, int, Callable[[], object]]] = []

    def serve(self, workload: Workload, number: int, affinity: Affinity, choose: Choose) -> None:
        now = float(workload.arrival_ms[number]) / 1000
        while self._coming and self._coming[0][0] <= now:
            heapq.heappop(self._coming)[2]()
        server = choose(self.router, affinity, number)
        expected = server.expected.match(affinity.grains) * GRAIN_TOKENS
        seconds = max(0, int(workload.input_length[number]) - expected) / self._speed.prefill
        first = max(now, self._free_at[server.name]) + seconds
        last = first + int(workload.output_length[number]) / self._speed.decode
        stack = ExitStack()
        sent = stack.enter_context(self.router.sending(server, affinity))
        heapq.heappush(self._coming, (first, 2 * number, sent.begun))
        heapq.heappush(self._coming, (last, 2 * number + 1, stack.close))
        self._free_at[server.name] = first
        self.busy[server.name] += seconds
        self.first_token_seconds.append(first - now)
        self.placed[server.name].append(number)


def _affinities(workload: Workload) -> Iterator[Affinity]:
    """By session where the workload names them, else by the first unit of content."""
    named = len(workload.sessions) > 1
    offset, unit_tokens = workload.run_offset.tolist(), workload.unit_tokens.tolist()
    for number, session in enumerate(workload.session.tolist()):
        runs = slice(offset[number], offset[number + 1])
        first, count = workload.run_first[runs].tolist(), workload.run_count[runs].tolist()
        step = max(1, GRAIN_TOKENS // unit_tokens[number])
        opening = first[0] if first else -1 - number
        key = f"session {session}" if named else f"unit {opening}"
        yield Affinity(key.encode(), _every(step, first, count))


def _every(step: int, first: Sequence[int], count: Sequence[int]) -> tuple[int, ...]:
    """Every so many units of the runs that begin there: what stands at the end of each grain."""
    units: list[int] = []
    ahead = step - 1
    for begin, length in zip(first, count, strict=True):
        units.extend(range(begin + ahead, begin + length, step))
        ahead = (ahead - length) % step
    return tuple(units)


def _reused(workload: Workload, settings: PoolSettings, compiled: bool | None) -> int:
    outcome = Predictor(workload, compiled).simulate(settings, resolve_retention(workload, None))
    return int(outcome.reused_tokens.clip(0).sum())
