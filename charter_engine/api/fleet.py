"""A fleet, read from a Prometheus that is already there."""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from charter_engine.contracts.fleet import FleetReport, FleetRequest, FleetServer

if TYPE_CHECKING:
    from charter_engine.monitor.prometheus import Series

AT_ONCE = 4
"""Queries side by side: whoever shares that Prometheus shall not notice."""


async def fleet(request: FleetRequest, now: float | None = None) -> FleetReport:
    """What the fleet's servers did in the time asked for, up to now or another epoch second.
    Raises `CharterError`."""
    from charter_engine.monitor import fleet as families
    from charter_engine.monitor.prometheus import Prometheus

    end = time.time() if now is None else now
    begin = end - request.seconds
    step = max(1.0, request.seconds / request.columns)
    asked = families.queries(step, request.job)
    turns = asyncio.Semaphore(AT_ONCE)
    async with Prometheus(request.prometheus, request.key) as prometheus:

        async def answer(query: str) -> "Series":
            async with turns:
                return await prometheus.range(query, begin, end, step)

        answers = await asyncio.gather(*map(answer, asked.values()))
    told = dict(zip(asked, answers, strict=True))
    measured = {
        instance for name, series in told.items() if name != families.UP for instance in series
    }
    servers = [_server(instance, told, step) for instance in sorted(measured)]
    return FleetReport(
        prometheus=request.prometheus,
        begin=begin,
        end=end,
        servers=tuple(sorted(servers, key=lambda one: -_computed(one))),
    )


def _server(instance: str, told: "Mapping[str, Series]", step: float) -> FleetServer:
    from charter_engine.monitor import fleet as families
    from charter_engine.store.ticks import together, unbroken

    ticks = families.ticks_of(instance, told, step)
    up = told[families.UP].get(instance, {})
    return FleetServer(
        instance=instance,
        kind="engine" if instance in told[families.BUILD] else "triton",
        up=bool(up[max(up)]) if up else None,
        history=unbroken(ticks),
        total=together(ticks) if ticks else None,
    )


def _computed(server: FleetServer) -> int:
    return server.total.computed_tokens if server.total is not None else 0
