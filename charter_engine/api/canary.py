"""The corruption canary: whether a deployment's reuse changes its answers."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.deployments import opened
from charter_engine.contracts.canary import CanaryReport, CanaryRequest, CanaryState, ServerCanary
from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.api.live_server import OpenServer
    from charter_engine.servers.canary import CorruptionCanary

Round = Callable[[], Awaitable[CanaryReport]]
"""Makes a round. Raises `CharterError`."""
STATES: tuple[CanaryState, ...] = ("off", "watching", "measuring noise", "blind", "alarm")
"""From the best to the worst."""


async def rounds(request: CanaryRequest, triton: TritonOptions) -> AsyncGenerator[CanaryReport]:
    """What is known after each round of asking. Ends after the rounds asked for, or with an alarm.
    Raises `CharterError`."""
    from charter_engine.servers.canary import CorruptionCanary, TritonEngine

    async with opened(triton) as deployer:
        engine = TritonEngine(deployer.client, await deployer.profile())
        canary = CorruptionCanary(engine, every_seconds=request.every_seconds)
        for number in itertools.count(1):
            report = await canary.round()
            yield report
            if number == request.rounds or report.alarm is not None:
                return
            await asyncio.sleep(request.every_seconds or 0.0)


async def rounds_of_all(
    request: CanaryRequest, servers: Sequence[TritonOptions]
) -> AsyncGenerator[tuple[ServerCanary, ...]]:
    """What is known of each of several servers after each round of asking, all at once; one that
    can't be asked is told as that, and asked again. Ends after the rounds asked for, or with the
    first alarm."""
    async with AsyncExitStack() as stack:
        asked = [
            AskedServer(
                one.called, request.every_seconds, _rounds_of(one, request.every_seconds, stack)
            )
            for one in servers
        ]
        for number in itertools.count(1):
            found = tuple(await asyncio.gather(*(one.asked() for one in asked)))
            yield found
            alarmed = any(one.report.alarm is not None for one in found)
            if number == request.rounds or alarmed:
                return
            await asyncio.sleep(request.every_seconds or 0.0)


def _rounds_of(options: TritonOptions, every_seconds: float | None, stack: AsyncExitStack) -> Round:
    """Rounds at a server that is opened when it first answers."""
    canary: CorruptionCanary | None = None

    async def one_round() -> CanaryReport:
        from charter_engine.servers.canary import CorruptionCanary, TritonEngine

        nonlocal canary
        if canary is None:
            deployer = await stack.enter_async_context(opened(options))
            engine = TritonEngine(deployer.client, await deployer.profile())
            canary = CorruptionCanary(engine, every_seconds=every_seconds)
        return await canary.round()

    return one_round


class AskedServer:
    """A server that is asked again and again: what is known of it is kept while it does not
    answer."""

    def __init__(self, name: str, every_seconds: float | None, one_round: Round) -> None:
        self._round = one_round
        begun = CanaryReport(state="measuring noise", every_seconds=every_seconds)
        self._known = ServerCanary(server=name, report=begun)

    async def asked(self) -> ServerCanary:
        """What is known after one more round, or why it could not be asked."""
        try:
            self._known = ServerCanary(server=self._known.server, report=await self._round())
        except CharterError as error:
            self._known = replace(
                self._known, message=error.message, remedy=error.remedy, kind=error.kind
            )
        return self._known


def together(found: Sequence[ServerCanary]) -> CanaryReport:
    """What the canary knows of several servers as one: counts are summed, and the state is the
    worst there is, with the server that it is of."""
    worst = worst_of(found)
    reason = worst.message or worst.report.reason
    if len(found) == 1:
        return replace(worst.report, reason=reason)
    reports = [one.report for one in found]
    return CanaryReport(
        state=worst.report.state,
        reason=f"{worst.server}: {reason}" if reason else "",
        every_seconds=worst.report.every_seconds,
        rounds=max(one.rounds for one in reports),
        requests=sum(one.requests for one in reports),
        pairs=sum(one.pairs for one in reports),
        differing=sum(one.differing for one in reports),
        noise_pairs=sum(one.noise_pairs for one in reports),
        noise_differing=sum(one.noise_differing for one in reports),
        tolerance=max(one.tolerance for one in reports),
        evidence=max(one.evidence for one in reports),
        computed_tokens=sum(one.computed_tokens for one in reports),
        generated_tokens=sum(one.generated_tokens for one in reports),
        computed_tokens_per_hour=_sum(one.computed_tokens_per_hour for one in reports),
        generated_tokens_per_hour=_sum(one.generated_tokens_per_hour for one in reports),
        alarm=worst.report.alarm,
    )


def worst_of(found: Sequence[ServerCanary]) -> ServerCanary:
    """The server to look at first."""
    return max(found, key=lambda one: (STATES.index(one.report.state), bool(one.message)))


def _sum(values: Iterable[float | None]) -> float | None:
    """Of those that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


class LiveCanary:
    """The canary of a deployment that stays open, also where its client is made anew meanwhile."""

    def __init__(self, deployment: "OpenServer", every_seconds: float) -> None:
        self._deployment = deployment
        self._every_seconds = every_seconds
        self._canary: CorruptionCanary | None = None

    async def round(self) -> CanaryReport:
        """One round. Raises `CharterError`; the next goes on from there."""
        from charter_engine.servers.canary import CorruptionCanary

        engine = await self._deployment.canary_target()
        if self._canary is None:
            self._canary = CorruptionCanary(engine, every_seconds=self._every_seconds)
        self._canary.target = engine
        return await self._canary.round()
