"""The console in a browser of this machine, through textual-serve: on loopback, behind a token.

Whoever has a console can change the deployment, so that a page gets one only with the token that
was printed, which its browser keeps as a cookie, and only from the very address that is served.
"""

import logging
import secrets
import shlex
import sys
from collections.abc import Awaitable, Callable, Sequence
from hmac import compare_digest
from typing import Final

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server

LOOPBACK: Final = "127.0.0.1"
COOKIE: Final = "charter_token"
TOKEN_BYTES: Final = 24
"""192 bits: beyond guessing (RFC 6750 asks for that of a bearer token, and names no length)."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ConsoleServer(Server):
    """Serves `command`, a console a page, to browsers that have the token."""

    def __init__(self, command: str, port: int, token: str) -> None:
        super().__init__(command, host=LOOPBACK, port=port, title="Charter")
        self._token = token
        self._host = f"{LOOPBACK}:{port}"

    @property
    def address(self) -> str:
        """What to open: the page, with the token."""
        return f"{self.public_url}/?token={self._token}"

    def initialize_logging(self) -> None:
        logging.basicConfig(level=logging.WARNING, format="charter-tui: %(message)s")

    async def on_startup(self, _app: web.Application) -> None:
        print(f"Open {self.address}\nCtrl-C ends it.", file=sys.stderr)

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app.middlewares.append(guard)
        return app

    async def _process_messages(
        self, websocket: web.WebSocketResponse, app_service: AppService
    ) -> None:
        """A page's console has ended when its page is done with: textual-serve waits only for the
        end of what it writes, and leaves its pipes to a loop that may be closed by then."""
        try:
            await super()._process_messages(websocket, app_service)
        finally:
            await app_service.stop()
            if app_service._process is not None:
                await app_service._process.wait()

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through that has the token and comes from the page itself."""
        if request.host != self._host:
            raise web.HTTPForbidden(text=f"This is served as {self._host} alone.")
        if request.headers.get("Origin") not in (None, self.public_url):
            raise web.HTTPForbidden(text="Another page may not ask here.")
        if self._is_token(request.query.get("token", "")):
            found = web.HTTPFound("/")
            found.set_cookie(COOKIE, self._token, httponly=True, samesite="Strict")
            raise found
        if not self._is_token(request.cookies.get(COOKIE, "")):
            raise web.HTTPForbidden(text="Open the address that charter-tui --serve printed.")
        response = await handler(request)
        if not response.prepared:
            response.headers["Content-Security-Policy"] = self._policy
            response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def _is_token(self, given: str) -> bool:
        return compare_digest(given.encode(), self._token.encode())

    @property
    def _policy(self) -> str:
        """Nothing is loaded from elsewhere: not even the font that textual-serve's page names."""
        return (
            "default-src 'self'; script-src 'self' 'unsafe-inline'; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
            f"connect-src 'self' ws://{self._host}; frame-ancestors 'none'"
        )


def console_command(arguments: Sequence[str]) -> str:
    """The command line of the console that each page gets."""
    return shlex.join((sys.executable, "-P", "-m", "charter_tui.cli", *arguments))


def serve(arguments: Sequence[str], port: int) -> int:
    """Serve consoles with these arguments until Ctrl-C. Gives the exit code."""
    server = ConsoleServer(console_command(arguments), port, secrets.token_urlsafe(TOKEN_BYTES))
    try:
        server.serve()
    except OSError as error:
        print(f"charter-tui: {server.public_url}: {error.strerror}", file=sys.stderr)
        return 1
    return 0
