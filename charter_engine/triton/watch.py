"""Watches the requests after a push, and takes it back where they go worse than before it."""

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
from charter_engine.traffic.regression import RequestComparison, compare
from charter_engine.traffic.sequential import ERROR_RATE
from charter_engine.traffic.served import served_figures
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import Stale, TritonError, TritonRefused
from charter_engine.triton.served_figures import recent_records
from charter_engine.triton.tap import TapReader

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Before:
    """The requests that passed under the revision that a push is about to replace."""

    records: tuple[TrafficRecord, ...] = ()


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
    told = await observed(deployer, pushed.revision, before, watch)
    if told.outcome != "taken back":
        return replace(pushed, watch=told)
    return await taken_back(deployer, pushed, told)


async def observed(
    deployer: Deployer,
    revision: int,
    before: Before,
    watch: PushWatch,
    on_look: Callable[[WatchReport], None] = lambda _: None,
) -> WatchReport:
    """What the requests under a revision show until it is watched no longer. The outcome `taken
    back` asks for that: it is not done here. `on_look` hears of every look."""
    started = time.monotonic()
    reader = TapReader(deployer.client)
    after: list[TrafficRecord] = []
    comparison = compare(before.records, after, watch.margin)
    while not comparison.worse and time.monotonic() - started < watch.seconds:
        on_look(_told("watching", comparison, watch, started))
        await asyncio.sleep(POLL_SECONDS)
        live = await _live_number(deployer)
        if live not in (None, revision):
            return _told("replaced", comparison, watch, started)
        after += await _passed(reader, revision)
        comparison = compare(before.records, after, watch.margin)
    figures = served_figures(after)
    if figures is not None:
        deployer.journal.keep_figures(revision, figures)
    if comparison.worse:
        return _told("taken back", comparison, watch, started)
    return _told("kept" if comparison.is_possible else "not compared", comparison, watch, started)


async def taken_back(deployer: Deployer, pushed: PushReport, told: WatchReport) -> PushReport:
    """The push, taken back for what became worse. Raises `TritonError` where it could not be."""
    why = in_words([quality for quality in told.qualities if quality.worse])
    deployer.on_step(f"worse than before: {why}")
    try:
        back = await deployer.rollback(
            base_revision=pushed.revision, note=f"revision {pushed.revision} taken back: {why}"
        )
    except (Stale, TritonRefused) as error:
        raise type(error)(
            f"revision {pushed.revision} went worse ({why}), and was not taken back: "
            f"{error.message}",
            remedy=error.remedy,
        ) from None
    deployer.journal.keep_note(pushed.revision, f"taken back: {why}")
    return replace(
        back,
        ok=False,
        message=f"revision {pushed.revision} was taken back: {why}; {back.message}",
        watch=told,
    )


def in_words(worse: Sequence[WatchedQuality]) -> str:
    """What became worse, and by how much."""
    return ", ".join(
        f"{item.name} {_signed(item.change)} (at least {_signed(item.at_least)})" for item in worse
    )


def _signed(share: float | None) -> str:
    return "unknown" if share is None else f"{share:+.1%}"


async def _live_number(deployer: Deployer) -> int | None:
    """None while the deployment does not answer."""
    try:
        live = await deployer.live()
    except TritonError:
        return None
    return live.number if live is not None else 0


async def _passed(reader: TapReader, revision: int) -> list[TrafficRecord]:
    """What passed since the last time; nothing while there is no tap to read."""
    try:
        batch = await reader.drain()
    except TritonError:
        return []
    return [record for record in batch.records if record.revision == revision]


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
