"""Layouts tried on a share of the sessions that pass through a deployment."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.answer_checks import AnswerToCheck, checked
from charter_engine.api.deployments import opened
from charter_engine.api.explaining import KEPT
from charter_engine.api.progress import Report, silent
from charter_engine.api.traffic_files import records_in
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport, Revision
from charter_engine.contracts.deploying import PushRequest
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.trial import (
    ServerTrial,
    StartTrial,
    TrialMargins,
    TrialReport,
    TrialRequest,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.api.deploying import ToPush
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.tap import TapReader

INTERVAL_SECONDS = 10.0
"""Assumed: a verdict rests on hundreds of requests, and seldom changes sooner."""
MOST_RECORDS = 65_536
"""As many as the ring of the tap holds."""
MOST_ANSWERS = 500
"""Of each arm, the latest so many are checked: their texts are kept by the deployment for a while
only."""


async def start(request: StartTrial, triton: TritonOptions, report: Report = silent) -> PushReport:
    """Push a plan whose layouts apply to a share of the sessions: to those of the nodes that say
    so, and to all where none does. Raises `CharterError`."""
    from charter_engine.api.deploying import push_read

    read, pushing = read_to_try(request)
    return await push_read(read, pushing, triton, report)


def read_to_try(request: StartTrial) -> "tuple[ToPush, PushRequest]":
    """What is pushed to start a trial. Raises `UsageError`."""
    from charter_engine.api.deploying import read_to_push

    pushing = PushRequest(
        plan=request.plan,
        agent=request.agent,
        note=request.note or trial_note(request.share),
        force=request.force,
    )
    read = read_to_push(pushing)
    plan = for_traffic(read.plan, checked_share(request.share), request.plan)
    return read._replace(plan=plan), pushing


async def set_share(
    share: float, triton: TritonOptions, report: Report = silent, *, note: str = ""
) -> PushReport:
    """Have the live plan's layouts apply to another share of the sessions: 0 stops a trial. Raises
    `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.set_share(checked_share(share), note=note or trial_note(share))


async def status(request: TrialRequest, *tritons: TritonOptions) -> TrialReport:
    """How the arms of the live trial stand, of several servers all together. Raises
    `CharterError`."""
    async with _all_opened(tritons) as deployers:
        return await LiveTrial(request, deployers).judged()


async def watch(
    request: TrialRequest, *tritons: TritonOptions, interval_s: float = INTERVAL_SECONDS
) -> AsyncIterator[TrialReport]:
    """How the arms stand, again and again. A trial whose treated arm is worse by more than a margin
    is stopped on all servers, and is told last. Raises `CharterError`."""
    async with _all_opened(tritons) as deployers:
        trial = LiveTrial(request, deployers)
        while True:
            report = await trial.judged()
            if report.stop:
                yield replace(report, stopped=await trial.stop(report))
                return
            yield report
            await asyncio.sleep(interval_s)


@asynccontextmanager
async def _all_opened(tritons: Sequence[TritonOptions]) -> "AsyncIterator[list[Deployer]]":
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened(triton)) for triton in tritons]


class LiveTrial:
    """The live trial of a deployment, or of several as one, judged as often as one likes: requests
    are read once."""

    def __init__(self, request: TrialRequest, deployers: "Sequence[Deployer]") -> None:
        _require_margins(request.margins)
        self._request = request
        self.deployers = tuple(deployers)
        self._servers = [_TriedServer(request, deployer) for deployer in deployers]
        self._judging = asyncio.Lock()

    async def judged(self) -> TrialReport:
        """How the arms stand. Raises `CharterError`, also where no trial is live."""
        async with self._judging:
            return await self._judged()

    async def _judged(self) -> TrialReport:
        from charter_engine.traffic.trial import report_of

        seen = await asyncio.gather(*(server.look() for server in self._servers))
        records, passed = _joined(seen)
        first = seen[0].revision
        report = await asyncio.to_thread(
            report_of,
            records,
            self._request.margins,
            revision=first.number,
            share=first.plan.share,
            passed=passed,
        )
        return report if len(seen) == 1 else replace(report, servers=tuple(map(_told, seen)))

    async def stop(self, report: TrialReport) -> PushReport:
        """Lay out nobody's prompts any more, with the reason for a note; what the first server
        reports. All are tried. Raises `CharterError` for the first that could not be stopped."""
        note = f"trial stopped: {report.stop}"
        revisions = [one.revision for one in report.servers] or [report.revision]
        stopped = await asyncio.gather(
            *(
                deployer.set_share(0.0, base_revision=revision, note=note)
                for deployer, revision in zip(self.deployers, revisions, strict=True)
            ),
            return_exceptions=True,
        )
        for outcome in stopped:
            if isinstance(outcome, BaseException):
                raise outcome
        first = stopped[0]
        assert isinstance(first, PushReport)
        return first


@dataclass(frozen=True)
class _Seen:
    """What of a trial is live at a server, its requests, and which answers passed the check."""

    server: str
    revision: Revision
    records: Sequence[TrafficRecord]
    passed: dict[int, bool] = field(default_factory=dict)


class _TriedServer:
    """One server of a trial: what its tap told so far."""

    def __init__(self, request: TrialRequest, deployer: "Deployer") -> None:
        from charter_engine.triton.tap import TapReader

        self._request = request
        self._deployer = deployer
        self._reader = TapReader(deployer.client)
        self._records: list[TrafficRecord] = []
        self._passed: dict[int, bool] = {}
        self._asked: set[int] = set()

    async def look(self) -> _Seen:
        """What it tells by now. Raises `CharterError`, also where no trial is live."""
        from charter_engine.traffic.trial import arms_of

        name = self._deployer.client.connection.url
        revision = await self._deployer.live()
        if revision is None or not _is_tried(revision.plan):
            raise UsageError(
                f"no trial is live on {name}: no layout of the live plan applies to traffic",
                remedy="start one: charter-engine trial start PLAN --share 0.1",
            )
        await self._read()
        records = arms_of(self._records, revision.number)
        await self._check(records)
        return _Seen(name, revision, records, self._passed)

    async def _read(self) -> None:
        if self._request.traffic:
            self._records = self._records or records_in(self._request.traffic)
            return
        batch = await self._reader.drain()
        if batch.restarted:  # numbers are given anew
            self._records, self._passed, self._asked = [], {}, set()
        drawn = [record for record in batch.records if record.arm is not None]
        self._records = _bounded([*self._records, *drawn])

    async def _check(self, records: Sequence[TrafficRecord]) -> None:
        """Have the latest answers checked that were not checked yet, and whose texts are still
        there."""
        if not self._request.check or self._request.traffic:
            return
        fresh = [record for record in _latest(records) if record.sequence not in self._asked]
        self._asked.update(record.sequence for record in fresh)
        answers = await answers_of(self._reader, fresh)
        verdicts = await checked(self._request.check, answers)
        self._passed.update(
            (answer.request, passed) for answer, passed in zip(answers, verdicts, strict=True)
        )


def _joined(seen: Sequence[_Seen]) -> tuple[list[TrafficRecord], dict[int, bool]]:
    """The requests of all servers, and which answers passed. Each server numbers its own: of
    several they are numbered anew."""
    if len(seen) == 1:
        return list(seen[0].records), seen[0].passed
    records: list[TrafficRecord] = []
    passed: dict[int, bool] = {}
    for one in seen:
        for record in one.records:
            if record.sequence in one.passed:
                passed[len(records)] = one.passed[record.sequence]
            records.append(replace(record, sequence=len(records)))
    return records, passed


def _told(seen: _Seen) -> ServerTrial:
    return ServerTrial(
        server=seen.server,
        revision=seen.revision.number,
        share=seen.revision.plan.share,
        requests=len(seen.records),
    )


def _bounded(records: list[TrafficRecord]) -> list[TrafficRecord]:
    """As many as a tap holds; hashes only of those whose answers may still be checked."""
    kept = records[-MOST_RECORDS:]
    late = max(0, len(kept) - 2 * MOST_ANSWERS)
    without = (replace(record, hashes=b"") if record.hashes else record for record in kept[:late])
    return [*without, *kept[late:]]


def checked_share(share: float) -> float:
    """The share, which must be one. Raises `UsageError`."""
    if not 0 <= share <= 1:
        raise UsageError(
            f"{share:g} is no share of the sessions", remedy="give a number from 0 to 1"
        )
    return share


def _require_margins(margins: TrialMargins) -> None:
    if not 0 < margins.error_rate < 1:
        raise UsageError(
            f"{margins.error_rate:g} is no error rate", remedy="give one between 0 and 1: 0.05"
        )


def trial_note(share: float) -> str:
    """Why a revision was pushed of which nobody said why."""
    return f"trial on {share:.0%} of the sessions"


def for_traffic(plan: Plan, share: float, place: str) -> Plan:
    """The plan named `place` for a trial on a share of the sessions. Raises `UsageError` where it
    lays out nothing."""
    tried = {name for name, node in plan.nodes.items() if node.apply == "traffic"}
    laid_out = {name for name, node in plan.nodes.items() if node.layout != "source"}
    if not laid_out:
        raise UsageError(
            f"{place} lays out no prompt: there is nothing to try",
            remedy="derive a plan with layouts: charter-engine plan AGENT",
        )
    nodes = {
        name: replace(node, apply="traffic") if name in (tried or laid_out) else node
        for name, node in plan.nodes.items()
    }
    return replace(plan, nodes=nodes, share=share)


def is_trial(plan: Plan) -> bool:
    """Whether a plan's layouts apply to some of the sessions, and not to others."""
    return _is_tried(plan) and 0 < plan.share < 1


def _is_tried(plan: Plan) -> bool:
    return any(node.apply == "traffic" for node in plan.nodes.values())


def _latest(records: Sequence[TrafficRecord]) -> list[TrafficRecord]:
    """The last answered requests of each arm."""
    answered = [record for record in records if not record.error and record.output_tokens]
    by_arm = [[item for item in answered if item.arm == arm] for arm in ("treated", "control")]
    return [record for arm in by_arm for record in arm[-MOST_ANSWERS:]]


async def answers_of(reader: "TapReader", records: Sequence[TrafficRecord]) -> list[AnswerToCheck]:
    """The answers whose texts are still there. Raises `CharterError` where none are kept."""
    try:
        found = [await _answer(reader, record) for record in records]
    except CharterError as error:
        if error.kind == "unreachable":
            raise
        raise CharterError(
            f"answers cannot be checked: {error.message}",
            remedy=f"leave --check out, or have their texts kept: {KEPT}",
        ) from error
    return [answer for answer in found if answer is not None]


async def _answer(reader: "TapReader", record: TrafficRecord) -> AnswerToCheck | None:
    """None where the deployment no longer keeps its text."""
    from charter_engine.traffic.hashes import hashes_of

    hashes = hashes_of(record)
    if not len(hashes):
        return None
    start = record.prompt_tokens or 0
    stop = start + (record.output_tokens or 0)
    prompt = await reader.prompt(int(hashes[-1]), [(start, stop)])
    if prompt is None or prompt.prompt_tokens != record.prompt_tokens:
        return None
    return AnswerToCheck(
        request=record.sequence,
        arm=record.arm or "",
        session=record.session or record.trial_unit,
        node=record.node,
        answer=prompt.texts[0],
    )
