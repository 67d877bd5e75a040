"""What is wrong with a deployment, and with the machine Charter runs on."""

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, get_args

from msgspec.structs import replace

from charter_engine.api.deployments import located, opened
from charter_engine.contracts.advice import DoctorFinding, DoctorReport, Severity
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.fleet import ServerDifference
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.contracts.deploy import Profile
    from charter_engine.contracts.explaining import MissReport
    from charter_engine.contracts.live import KvPool
    from charter_engine.contracts.server import HiddenFigures, ServerProfile
    from charter_engine.contracts.traffic import TrafficRecord
    from charter_engine.triton.deploy import Deployer

T = TypeVar("T")


async def deployment(triton: TritonOptions) -> DoctorReport:
    """Everything that is wrong with a deployment, by weight. Raises `CharterError` where it does
    not answer."""
    async with opened(triton) as deployer:
        return await examined(deployer)


async def deployments(servers: Sequence[TritonOptions]) -> DoctorReport:
    """Everything that is wrong with each of several servers, and where they differ. One that does
    not answer is a finding. Raises `CharterError` where none does."""
    from charter_engine.api.fleet_now import fleet_now

    names = [one.called for one in servers]
    looked = await asyncio.gather(*map(deployment, servers), return_exceptions=True)
    down = {
        name: one for name, one in zip(names, looked, strict=True) if isinstance(one, CharterError)
    }
    if len(down) == len(servers):
        raise next(iter(down.values()))
    for one in looked:
        if isinstance(one, BaseException) and not isinstance(one, CharterError):
            raise one
    reports = {
        name: one for name, one in zip(names, looked, strict=True) if isinstance(one, DoctorReport)
    }
    now = await fleet_now(servers)
    return DoctorReport(
        deployment=", ".join(names),
        findings=(
            *(_not_answering(name, error) for name, error in down.items()),
            *map(_differing, now.differences),
            *_by_weight(reports),
        ),
        sound=_sound_everywhere(reports, differ=bool(now.differences)),
        unknown=tuple(f"{name}: {text}" for name, one in reports.items() for text in one.unknown),
    )


def _not_answering(server: str, error: CharterError) -> DoctorFinding:
    return DoctorFinding(
        kind="servers",
        severity="wrong",
        message=f"{server} does not answer",
        evidence=error.message,
        remedy=error.remedy,
    )


def _differing(difference: ServerDifference) -> DoctorFinding:
    return DoctorFinding(
        kind="servers",
        severity="wrong",
        message=f"{difference.server} is not as the other servers: {difference.path}",
        evidence=f"{difference.path} is {difference.found}, with the others {difference.usual}",
        remedy=difference.remedy,
    )


def _by_weight(reports: Mapping[str, DoctorReport]) -> list[DoctorFinding]:
    """The findings of all servers, each with its server."""
    found = [
        replace(finding, message=f"{server}: {finding.message}")
        for server, report in reports.items()
        for finding in report.findings
    ]
    order = get_args(Severity)
    return sorted(found, key=lambda one: (order.index(one.severity), -(one.tokens_per_hour or 0.0)))


def _sound_everywhere(reports: Mapping[str, DoctorReport], *, differ: bool) -> tuple[str, ...]:
    first, *others = (report.sound for report in reports.values())
    sound = tuple(kind for kind in first if all(kind in other for other in others))
    return sound if differ else ("the servers are alike", *sound)


async def examined(deployer: "Deployer") -> DoctorReport:
    """As `deployment`, of one that is open."""
    from charter_engine.api.traffic import pool_of
    from charter_engine.traffic.advisor import RULES, ObservedDeployment, advise
    from charter_engine.triton.exposure import unrestricted

    unknown: list[str] = []
    profile = await deployer.profile()
    pool = await pool_of(deployer)
    if pool is None:
        unknown.append("the KV pool: its metrics page does not show it")
    recorded = deployer.recorded()
    known = ObservedDeployment(
        profile=profile,
        pool=pool,
        misses=await _told(_misses(deployer, pool, profile), "what prompts share", unknown),
        plan=recorded.plan if recorded else None,
        drift=await _told(deployer.foreign_changes(), "drift", unknown) or (),
        interruption=deployer.interruption(),
        unrestricted=await unrestricted(deployer.client.connection),
    )
    wrong = {kind for kind, rule in RULES.items() if any(True for _ in rule(known))}
    doubtful = {text.partition(":")[0] for text in unknown}
    return DoctorReport(
        deployment=deployer.client.connection.url,
        findings=advise(known),
        sound=tuple(kind for kind in RULES if kind not in wrong | doubtful),
        unknown=tuple(unknown),
    )


async def examined_by_http(
    server: "ServerProfile",
    profile: "Profile",
    records: "Sequence[TrafficRecord]",
    pool: "KvPool | None",
) -> DoctorReport:
    """What is wrong with a server that is reached by HTTP: by what it is, and by what passed."""
    from charter_engine.api.explaining import report
    from charter_engine.contracts.traffic import TrafficBatch
    from charter_engine.traffic.advisor import ObservedDeployment, advise

    misses = await report(TrafficBatch(records=tuple(records)), pool, profile=profile)
    settings_apart = replace(profile, parameters={}, reasons={})
    known = ObservedDeployment(profile=settings_apart, pool=pool, misses=misses)
    return DoctorReport(
        deployment=server.address,
        findings=(*_without_reuse(server), *advise(known), *map(_hidden, server.hidden)),
        unknown=() if pool else ("the KV pool: its metrics page does not show it",),
    )


def _without_reuse(server: "ServerProfile") -> tuple[DoctorFinding, ...]:
    lever = server.lever("reuse")
    if lever.acts:
        return ()
    return (
        DoctorFinding(
            kind="reuse",
            severity="wrong",
            message="no KV block is ever reused",
            evidence=lever.reason,
            remedy=f"start it {_by_option(lever.remedy)}",
        ),
    )


def _hidden(figures: "HiddenFigures") -> DoctorFinding:
    return DoctorFinding(
        kind="counters",
        severity="worth knowing",
        message=f"{figures.figures}: not shown as it was started",
        remedy=f"start it {_by_option(figures.option)}",
    )


def _by_option(option: str) -> str:
    return option if option.startswith("without ") else f"with {option}"


def installation() -> DoctorReport:
    """What keeps Charter from running well on this machine: the embedded Triton and the Python it
    needs, where state is kept, NVML, the terminal. Blocks."""
    found = {
        "the embedded Triton": _embedded(),
        "the directory for state": _state(),
        "NVML": _gpu(),
        "the terminal": _terminal(),
    }
    return DoctorReport(
        findings=tuple(finding for part in found.values() for finding in part),
        sound=tuple(name for name, part in found.items() if not part),
    )


def with_installation(served: DoctorReport, machine: DoctorReport) -> DoctorReport:
    """Both in one report, the deployment's findings first."""
    return replace(
        served,
        findings=(*served.findings, *machine.findings),
        sound=(*served.sound, *machine.sound),
    )


def is_up(triton: TritonOptions) -> bool:
    """Whether there is a deployment to look at: one that is named, or the embedded one."""
    if triton.url is not None:
        return True
    try:
        located(triton)
    except (CharterError, OSError):
        return False
    return True


async def _misses(deployer: "Deployer", pool: "KvPool | None", profile: "Profile") -> "MissReport":
    from charter_engine.api.explaining import report
    from charter_engine.api.traffic import kept
    from charter_engine.triton.tap import TapReader

    reader = TapReader(deployer.client)
    return await report(kept(await reader.drain()), pool, reader, profile=profile)


async def _told(asked: Awaitable[T], subject: str, unknown: list[str]) -> T | None:
    """What a question gives; why it gave nothing is noted."""
    try:
        return await asked
    except CharterError as error:
        unknown.append(f"{subject}: {error.message}")
        return None


def _embedded() -> list[DoctorFinding]:
    from charter_engine.embedded.install import EmbeddedUnavailable, locate

    version = sys.version.partition(" ")[0]
    try:
        locate()
    except EmbeddedUnavailable as error:
        return [
            DoctorFinding(
                kind="installation",
                severity="worth knowing",
                message=error.message,
                evidence=f"this is Python {version} on {platform.platform()}",
                remedy=error.remedy,
            )
        ]
    return []


def _state() -> list[DoctorFinding]:
    from charter_engine.paths import state_directory

    try:
        state_directory()
    except OSError as error:
        return [
            DoctorFinding(
                kind="installation",
                severity="wrong",
                message=f"{error.filename} can't be used: no database, no log, no embedded Triton",
                evidence=str(error.strerror),
                remedy="set XDG_STATE_HOME to a directory of yours",
            )
        ]
    return []


def _gpu() -> list[DoctorFinding]:
    from charter_engine.monitor.gpu import GpuMonitor

    monitor = GpuMonitor()
    try:
        reason = monitor.sample().reason
    finally:
        monitor.close()
    if not reason:
        return []
    return [
        DoctorFinding(
            kind="installation",
            severity="worth knowing",
            message=reason,
            remedy="GPUs of another machine are shown by an engine that runs there",
        )
    ]


def _terminal() -> list[DoctorFinding]:
    from charter_engine.monitor.terminal import terminal_troubles

    if not sys.stderr.isatty():
        return []
    columns, rows = shutil.get_terminal_size()
    troubles = terminal_troubles(os.environ, sys.stderr.encoding, columns, rows)
    return [
        DoctorFinding(
            kind="installation",
            severity="worth knowing",
            message=message,
            remedy=remedy,
        )
        for message, remedy in troubles
    ]
