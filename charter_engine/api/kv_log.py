"""What a log of KV cache events says about the cache."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from charter_engine.api.event_steps import Step, drained_steps, published_steps
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.running import go_on
from charter_engine.contracts.contents import KvEventSource
from charter_engine.contracts.notes import Note
from charter_engine.contracts.server import ProfileRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.kvcache.manager.event_log import report_event_log
from charter_engine.kvcache.manager.event_map import EventLogReport, EventMap
from charter_engine.kvcache.manager.event_tree import TreeReport
from charter_engine.kvcache.workload.files import WorkloadFormatError, opened

SILENT_SECONDS = 5.0
"""Assumed: by then somebody who watches wonders whether anything comes."""
EVENTS, BATCHES = ("event", "events"), ("batch", "batches")
FROM_BUFFER = "raise event_buffer_max_size, or read the events more often"
FROM_PUBLISHER = (
    "those of before are known where the publisher has a replay_endpoint: --replay ADDRESS"
)
OF_THE_CACHE = "the map of the cache"
"""The figures that events tell, as profiles name what is hidden."""
WHY_SILENT = (
    "is it the publisher's port, with events enabled and requests on their way? A publisher that "
    "connects needs --listen"
)

__all__ = [
    "EventLogReport",
    "TreeReport",
    "follow_drained_events",
    "follow_kv_events",
    "follow_server_events",
    "notes_of",
    "read_kv_log",
]


def read_kv_log(name: str, lines: Iterable[bytes] | None = None) -> EventLogReport:
    """Rebuild the cache's tree from a log: from `lines` where they are given, else from the file
    that `name` is. Blocks. Raises `UsageError` where there is no event in it."""
    try:
        if lines is not None:
            report = report_event_log(lines)
        else:
            with opened(Path(name)) as file:
                report = report_event_log(file)
    except WorkloadFormatError as error:
        raise UsageError(str(error), remedy="name a readable file of KV cache events") from error
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror}", remedy="name a readable file of KV cache events"
        ) from error
    if not report.events:
        bad = report.bad_lines[:1]
        first = "".join(f"; line {line.line}: {line.reason}" for line in bad)
        raise UsageError(
            f"{name}: no KV cache event in it{first}",
            remedy="write what POST /kv_cache_events returns, one answer a line",
        )
    return report


async def follow_kv_events(
    address: str,
    *,
    listen: bool = False,
    replay: str = "",
    seconds: float | None = None,
    report: Report = silent,
) -> EventLogReport:
    """Rebuild the cache's tree from events as they are published, for so many seconds (None: until
    cancelled, and then too there is a report). `replay` is where the publisher sends again what it
    sent before. `report` hears where none come. Raises `UsageError` for what is no address, and
    `CharterError` where nothing was published."""
    source = KvEventSource(address=address, listen=listen, replay=replay)
    async with aclosing(published_steps(source)) as published:
        return await _followed(
            published,
            _Silence(f"{address}: nothing was published", WHY_SILENT),
            seconds,
            report,
        )


async def follow_drained_events(
    request: ProfileRequest, *, seconds: float | None = None, report: Report = silent
) -> EventLogReport:
    """As `follow_kv_events`, from the buffer of a trtllm-serve, which forgets what is read: every
    other reader misses it. Raises `UsageError` where that is not asked for (`request.drain`)."""
    from charter_engine.servers.drained_events import PATH, SWITCH
    from charter_engine.servers.finding import url_of

    if not request.drain:
        raise UsageError(
            f"{request.address}{PATH} forgets what is read: another reader of it would miss events",
            remedy="add --drain where nobody else reads them",
        )
    url = url_of(request.address or "", tls=request.tls)
    async with aclosing(drained_steps(request)) as kept:
        return await _followed(
            kept,
            _Silence(f"{url}: it keeps no events", f"start it with {SWITCH}, and send requests"),
            seconds,
            report,
        )


async def follow_server_events(
    request: ProfileRequest, *, seconds: float | None = None, report: Report = silent
) -> EventLogReport:
    """As `follow_kv_events`, of the server at a URL: at the endpoints at which its ranks publish,
    as it says; the buffer of a trtllm-serve as `follow_drained_events`. Raises `CharterError` where
    it publishes nothing, and names the option that has it do so."""
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.servers.event_endpoints import source_at
    from charter_engine.servers.finding import server_at

    async with server_at(request, TritonOptions()) as server:
        profile = await server.profile()
    if profile.kind == "trtllm-serve":
        return await follow_drained_events(request, seconds=seconds, report=report)
    source = source_at(profile.event_endpoints, profile.address)
    if source is None:
        option = next(item.option for item in profile.hidden if item.figures == OF_THE_CACHE)
        raise CharterError(
            f"{profile.address}: it publishes no KV events",
            remedy=f"start it with {option}",
            kind="refused",
        )
    return await follow_kv_events(
        source.address,
        listen=source.listen,
        replay=source.replay,
        seconds=seconds,
        report=report,
    )


class _Silence(NamedTuple):
    """What is said where no event came, and why that may be."""

    message: str
    remedy: str


async def _followed(
    steps: AsyncIterator[Step],
    silence: _Silence,
    seconds: float | None,
    report: Report,
) -> EventLogReport:
    """What all messages until the end say together. Raises `CharterError` where none came."""
    found = EventMap()

    def tell() -> None:
        if found.is_empty:
            report(Progress(f"{silence.message} yet: {silence.remedy}"))

    timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, tell)
    try:
        async with asyncio.timeout(seconds):
            async for step in steps:
                step(found)
    except TimeoutError:
        pass
    except asyncio.CancelledError:
        go_on()
    finally:
        timer.cancel()
    if found.is_empty:
        raise CharterError(silence.message, remedy=silence.remedy, kind="unreachable")
    return found.report()


def notes_of(report: EventLogReport, *, published: bool = False) -> tuple[Note, ...]:
    """What of the log could not be read, and what it lacks. Publishers number their batches, and
    not their events."""
    what, remedy = (BATCHES, FROM_PUBLISHER) if published else (EVENTS, FROM_BUFFER)
    notes = [Note(f"line {bad.line} skipped: {bad.reason}") for bad in report.bad_lines]
    if report.bad_line_count > len(report.bad_lines):
        notes.append(Note(f"{report.bad_line_count} lines skipped in all"))
    notes += [
        Note(f"{gap.lost} {what[1]} lost before {what[0]} {gap.before_id}") for gap in report.gaps
    ]
    if report.lost_events:
        notes.append(Note(f"{report.lost_events} {what[1]} lost in all", remedy))
    return tuple(notes)
