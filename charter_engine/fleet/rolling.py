"""Changes several servers one after another, each by its own transaction; where one fails, those
already changed are taken back, if there is a way back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.rollout import RolloutReport, ServerChange
from charter_engine.errors import CharterError, UsageError
from charter_engine.fleet import rollout
from charter_engine.fleet.rollout import Rollout
from charter_engine.servers.attaching import attached
from charter_engine.triton.deploy import Deployer

OnStep = Callable[[str, str], None]
"""Hears of a step at the server of that name."""
Check = Callable[[Deployer], Awaitable[object]]
"""Raises `CharterError` where a server could not be changed; changes nothing."""
Carry = Callable[[Deployer, int], Awaitable[PushReport]]
"""Changes a server on which that revision is live."""


@dataclass(frozen=True)
class OpenServers:
    """The servers of a fleet: those that are open by name, and why the others are not."""

    names: tuple[str, ...]
    deployers: dict[str, Deployer] = field(default_factory=dict)
    failures: dict[str, CharterError] = field(default_factory=dict)


@contextlib.asynccontextmanager
async def opened_servers(
    servers: Sequence[TritonOptions], on_step: OnStep
) -> AsyncIterator[OpenServers]:
    """All that answer. Raises `UsageError` where two of them are one deployment, whose files a push
    would change for both."""
    found = OpenServers(tuple(one.called for one in servers))
    async with AsyncExitStack() as stack:
        for options in servers:
            name = options.called
            try:
                deployer = await stack.enter_async_context(
                    attached(options, partial(on_step, name))
                )
                await deployer.client.server_version()
            except CharterError as error:
                found.failures[name] = error
            else:
                _require_apart(found, name, deployer)
                found.deployers[name] = deployer
        yield found


def _require_apart(found: OpenServers, name: str, deployer: Deployer) -> None:
    for other, known in found.deployers.items():
        if known.journal.directory == deployer.journal.directory:
            raise UsageError(
                f"{other} and {name} are one deployment: one server, or one model repository",
                remedy="name one of them; servers that are pushed to need repositories of their "
                "own",
            )


async def roll(
    servers: OpenServers,
    check: Check,
    carry: Carry,
    on_step: OnStep,
    *,
    skip_down: bool = False,
    takes_back: bool = True,
) -> RolloutReport:
    """Change the servers one after another.

    Before anything is touched each is asked whether it can be changed; where one cannot, none is.
    With `skip_down` those that do not answer are left out. Each is changed only where the revision
    is still live that was then. Where it is interrupted, what was changed is taken back as well.
    With `takes_back` False it only goes no further: for changes that have no way back.
    """
    started = time.monotonic()
    found = [await _checked(servers, name, check, skip_down=skip_down) for name in servers.names]
    begun = Rollout.of(found, takes_back=takes_back)
    rolling = _Rolling(servers, begun, carry, on_step)
    if not rolling.rollout.stopped:
        await rolling.to_the_end()
    return RolloutReport(
        ok=rolling.rollout.ok,
        servers=rolling.rollout.servers,
        elapsed_ms=(time.monotonic() - started) * 1000,
    )


async def _checked(
    servers: OpenServers, name: str, check: Check, *, skip_down: bool
) -> ServerChange:
    waiting = ServerChange(server=name)
    if name in servers.failures:
        error = servers.failures[name]
        lost = rollout.failed(waiting, error)
        return replace(lost, state="down") if skip_down and error.kind == "unreachable" else lost
    deployer = servers.deployers[name]
    try:
        await deployer.repair()
        await check(deployer)
    except CharterError as error:
        return rollout.failed(waiting, error)
    recorded = deployer.recorded()
    live = recorded.number if recorded else 0
    return replace(waiting, before=live, revision=live)


class _Rolling:
    def __init__(self, servers: OpenServers, begun: Rollout, carry: Carry, on_step: OnStep) -> None:
        self.rollout = begun
        self._servers = servers
        self._carry = carry
        self._on_step = on_step

    async def to_the_end(self) -> None:
        while (server := self.rollout.next) is not None:
            self.rollout = self.rollout.after(await self._changed(server))
        await _to_its_end(self._take_back())

    async def _changed(self, server: ServerChange) -> ServerChange:
        deployer = self._servers.deployers[server.server]
        try:
            return rollout.changed(server, await self._carry(deployer, server.before))
        except CharterError as error:
            return rollout.failed(server, error)
        except asyncio.CancelledError:
            self.rollout = self.rollout.after(rollout.interrupted(server))
            await self._undo(server)
            await self._take_back()
            raise

    async def _take_back(self) -> None:
        for server in self.rollout.to_take_back:
            self.rollout = self.rollout.after(await self._undone(server))

    async def _undo(self, server: ServerChange) -> None:
        """Take back what is live already where it is interrupted: while its requests are
        watched."""
        recorded = self._servers.deployers[server.server].recorded()
        live = recorded.number if recorded else 0
        if self.rollout.takes_back and live != server.before:
            await self._undone(replace(server, revision=live))

    async def _undone(self, server: ServerChange) -> ServerChange:
        deployer = self._servers.deployers[server.server]
        try:
            report = await deployer.rollback(
                server.before,
                base_revision=server.revision,
                note=f"revision {server.revision} taken back: it did not reach all servers",
            )
        except CharterError as error:
            outcome = rollout.left(server, error)
        else:
            outcome = rollout.taken_back(server, report)
        self._on_step(server.server, outcome.message)
        return outcome


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not stop half-way; an interruption meanwhile counts once it is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
