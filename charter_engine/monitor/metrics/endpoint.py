"""The page over HTTP, and what a supervisor asks: is it alive, is it ready."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Unready = Callable[[], str]
"""Why the engine is not ready; empty if it is."""


class MetricsEndpoint:
    """`/metrics`, `/healthz` and `/readyz`, in plain HTTP: whoever shows it to others puts TLS in
    front of it."""

    def __init__(self, registry: CollectorRegistry, unready: Unready) -> None:
        self._registry = registry
        self._unready = unready
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Raises `OSError` where it cannot listen."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        # Off the loop: the page of some hundred nodes takes tens of milliseconds.
        page = await asyncio.to_thread(generate_latest, self._registry)
        return web.Response(body=page, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        reason = self._unready()
        return web.Response(text=f"{reason or 'ready'}\n", status=503 if reason else 200)
