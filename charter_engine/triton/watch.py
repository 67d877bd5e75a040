"""Watches the requests after a push, of one server or of several together, and takes it back where
they go worse than before it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from charter_engine.contracts.deploy import (
    PushReport,
    WatchedQuality,
    WatchOutcome,
    WatchReport,
)
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.trial import ERROR_RATE
from charter_engine.traffic.regression import RequestComparison, compare
from charter_engine.traffic.served import served_figures
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import Stale, TritonError, TritonRefused
from charter_engine.triton.served_figures import recent_records
from charter_engine.triton.tap import TapReader

POLL_SECONDS = 1.0
"""As often as the tap is drained."""


@dataclass(frozen=True)
class Before:
    """The requests that passed under the revision that a push is about to replace."""

    records: tuple[TrafficRecord, ...] = ()


@dataclass(frozen=True)
class PushedServer:
    """A server at which a revision was pushed, and the requests there before."""

    deployer: Deployer
    revision: int
    before: Before = Before()


async def before_push(deployer: Deployer) -> Before:
    """What is known of the requests before a push: of those that passed last."""
    live = await deployer.live()
    return Before(await recent_records(deployer.client, live.number) if live is not None else ())


async def watched(
    deployer: Deployer, pushed: PushReport, before: Before, watch: PushWatch
) -> PushReport:
    """What became of a push in the time that it is watched. Worse by more than the margin, it is
    taken back, which a request verifies; the figures stand in both revisions. Raises
    `TritonError` where it could not be taken back."""
    told = await observed([PushedServer(deployer, pushed.revision, before)], watch)
    if told.outcome != "taken back":
        return replace(pushed, watch=told)
    return await taken_back(deployer, pushed.revision, told)


async def observed(
    servers: Sequence[PushedServer],
    watch: PushWatch,
    on_look: Callable[[WatchReport], None] = lambda _: None,
) -> WatchReport:
    """What the requests under what was pushed show, all servers together, until it is watched no
    longer. The outcome `taken back` asks for that: it is not done here. `on_look` hears of every
    look."""
    started = time.monotonic()
    watched_servers = [_WatchedServer(server) for server in servers]
    before = [record for server in servers for record in server.before.records]
    comparison = compare(before, (), watch.margin)
    while not comparison.worse and time.monotonic() - started < watch.seconds:
        on_look(_told("watching", comparison, watch, started))
        await asyncio.sleep(POLL_SECONDS)
        if await _is_replaced(servers):
            return _told("replaced", comparison, watch, started)
        await asyncio.gather(*(server.look() for server in watched_servers))
        after = [record for server in watched_servers for record in server.after]
        comparison = compare(before, after, watch.margin)
    for server in watched_servers:
        server.keep_figures()
    if comparison.worse:
        return _told("taken back", comparison, watch, started)
    return _told("kept" if comparison.is_possible else "not compared", comparison, watch, started)


class _WatchedServer:
    """What passed at a server since it was pushed to."""

    def __init__(self, pushed: PushedServer) -> None:
        self.after: list[TrafficRecord] = []
        self._pushed = pushed
        self._reader = TapReader(pushed.deployer.client)

    async def look(self) -> None:
        """Take in what passed since the last time; nothing while there is no tap to read."""
        try:
            batch = await self._reader.drain()
        except TritonError:
            return
        revision = self._pushed.revision
        self.after += [record for record in batch.records if record.revision == revision]

    def keep_figures(self) -> None:
        figures = served_figures(self.after)
        if figures is not None:
            self._pushed.deployer.journal.keep_figures(self._pushed.revision, figures)


async def taken_back(deployer: Deployer, revision: int, told: WatchReport) -> PushReport:
    """The push of that revision, taken back for what became worse. Raises `TritonError` where it
    could not be."""
    why = in_words([quality for quality in told.qualities if quality.worse])
    deployer.on_step(f"worse than before: {why}")
    try:
        back = await deployer.rollback(
            base_revision=revision, note=f"revision {revision} taken back: {why}"
        )
    except (Stale, TritonRefused) as error:
        raise type(error)(
            f"revision {revision} went worse ({why}), and was not taken back: {error.message}",
            remedy=error.remedy,
        ) from None
    deployer.journal.keep_note(revision, f"taken back: {why}")
    return replace(
        back,
        ok=False,
        message=f"revision {revision} was taken back: {why}; {back.message}",
        watch=told,
    )


def in_words(worse: Sequence[WatchedQuality]) -> str:
    """What became worse, and by how much."""
    return ", ".join(
        f"{item.name} {_signed(item.change)} (at least {_signed(item.at_least)})" for item in worse
    )


def _signed(share: float | None) -> str:
    return "unknown" if share is None else f"{share:+.1%}"


async def _is_replaced(servers: Sequence[PushedServer]) -> bool:
    """Whether another revision is live at one of them; one that does not answer tells of none."""
    live = await asyncio.gather(*(_live_number(server.deployer) for server in servers))
    return any(
        number not in (None, server.revision) for number, server in zip(live, servers, strict=True)
    )


async def _live_number(deployer: Deployer) -> int | None:
    """None while the deployment does not answer."""
    try:
        live = await deployer.live()
    except TritonError:
        return None
    return live.number if live is not None else 0


def _told(
    outcome: WatchOutcome, comparison: RequestComparison, watch: PushWatch, started: float
) -> WatchReport:
    return WatchReport(
        outcome=outcome,
        seconds=time.monotonic() - started,
        margin=watch.margin,
        error_rate=ERROR_RATE,
        requests_before=comparison.before,
        requests_after=comparison.after,
        left_out=comparison.left_out,
        qualities=comparison.qualities,
    )
