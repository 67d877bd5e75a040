"""A deployment made what a file says: declared, and the same however often it is applied."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.api.credentials import header_of, keep_password
from charter_engine.api.deploying import ToPush, push_to, read_to_push
from charter_engine.api.deployments import opened
from charter_engine.api.drifting import drift_of
from charter_engine.api.progress import Report, silent
from charter_engine.api.units import seconds_of, share_of
from charter_engine.contracts.applying import (
    ApplyReport,
    DeploymentFile,
    FleetApplied,
    ServerApplied,
)
from charter_engine.contracts.connection import TritonOptions, is_address
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import PushRequest, PushWatch
from charter_engine.errors import CharterError, UsageError
from charter_engine.paths import read_bounded

if TYPE_CHECKING:
    from charter_engine.fleet.rolling import OpenServers
    from charter_engine.triton.deploy import Deployer

LARGEST_BYTES = 1 << 20
"""Assumed: a file that people write has a few KiB; this keeps another one out of memory."""
R = TypeVar("R", bound=Struct)


def deployment_of(path: Path) -> DeploymentFile:
    """What a deployment file says, its paths seen from here. Raises `UsageError`."""
    from charter_engine.plan.deployment_file import read_deployment_file
    from charter_engine.plan.plan_file import InvalidPlan

    try:
        found = read_deployment_file(read_bounded(path, LARGEST_BYTES).decode(), str(path))
    except InvalidPlan as error:
        raise UsageError(str(error)) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text", remedy="give a file in YAML") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy="name a readable file") from None
    with _named(path):
        options_of(found)
        _require_one_way(found)
        _watch(found)
    return _seen_from(path.parent, found)


def schema() -> dict[str, Any]:
    """The JSON schema of a deployment file."""
    from charter_engine.plan.deployment_file import deployment_file_schema

    return deployment_file_schema()


def _seen_from(folder: Path, found: DeploymentFile) -> DeploymentFile:
    named = ("plan", "agent", "repository", "tokenizer", "ca", "client_cert", "client_key")
    discover = found.discover
    if discover and not discover.startswith("dns:"):
        discover = str(folder / discover)
    servers = tuple(
        one if isinstance(one, str) else _placed(one, folder, ("repository", "tokenizer"))
        for one in found.servers
    )
    return replace(_placed(found, folder, named), servers=servers, discover=discover)


def _placed(record: R, folder: Path, named: Sequence[str]) -> R:
    """A record whose paths, where it gives any, are seen from here."""
    paths = {key: getattr(record, key) for key in named}
    return replace(record, **{key: str(folder / given) for key, given in paths.items() if given})


def _require_one_way(file: DeploymentFile) -> None:
    """Raises `UsageError` where the servers are named in two ways, or one by no address."""
    given = [key for key in ("triton", "servers", "discover") if getattr(file, key)]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]}: servers are named in one way")
    single = [key for key in ("metrics", "repository") if getattr(file, key)]
    if single and given and given[0] != "triton":
        raise UsageError(
            f"{single[0]} is of one server, and {given[0]} names several",
            remedy=f"give it with each: servers: [{{triton: gpu1:8001, {single[0]}: …}}]",
        )
    for one in file.servers:
        address = one if isinstance(one, str) else one.triton
        if not is_address(address):
            raise UsageError(
                f"servers {address}: not of the form HOST:PORT", remedy="its gRPC port, 8001"
            )


async def difference(file: DeploymentFile, report: Report = silent) -> ApplyReport:
    """What applying the file would change. Changes nothing. Raises `CharterError`."""
    read = await asyncio.to_thread(read_to_push, _request(file))
    async with opened(options_of(file), report) as deployer:
        return await _difference(deployer, read)


async def apply(file: DeploymentFile, report: Report = silent) -> ApplyReport:
    """Make the deployment what the file says; nothing is done where it is that already. Raises
    `CharterError`."""
    request = _request(file)
    read = await asyncio.to_thread(read_to_push, request)
    async with opened(options_of(file), report) as deployer:
        await deployer.repair()
        found = await _difference(deployer, read)
        settled = await _settled(deployer, file, found)
        pushed = await push_to(deployer, read, request)
        return replace(found, settled=settled, pushed=pushed)


async def difference_of_all(file: DeploymentFile, report: Report = silent) -> FleetApplied:
    """What applying the file would change on each of its servers. Changes nothing. Raises
    `UsageError`; what one server refused stands in its place."""
    from charter_engine.api.rolling import steps
    from charter_engine.fleet.rolling import opened_servers

    read = await asyncio.to_thread(read_to_push, _request(file))
    servers = await asyncio.to_thread(servers_of, file)
    async with opened_servers(servers, steps(report)) as found:
        return FleetApplied(
            servers=tuple([await _server_difference(found, name, read) for name in found.names])
        )


async def apply_to_all(file: DeploymentFile, report: Report = silent) -> FleetApplied:
    """Make the file's servers what it says, one after another, or none of them. Raises
    `UsageError`; what one server refused stands in the report."""
    from charter_engine.api.rolling import steps
    from charter_engine.fleet.rolling import opened_servers, roll

    request = _request(file)
    read = await asyncio.to_thread(read_to_push, request)
    servers = await asyncio.to_thread(servers_of, file)
    differing: dict[str, ServerApplied] = {}

    async def check(deployer: "Deployer") -> None:
        if file.drift == "refuse":
            await deployer.require_pushable(read.plan, read.reuse_times)
        name = deployer.client.connection.url
        differing[name] = ServerApplied(server=name, found=await _difference(deployer, read))

    async def carry(deployer: "Deployer", live: int) -> PushReport:
        found = differing[deployer.client.connection.url].found
        assert found is not None
        settled = await _settled(deployer, file, found)
        base = settled.revision if settled is not None else live
        return await push_to(deployer, read, replace(request, base_revision=base))

    told = steps(report)
    async with opened_servers(servers, told) as found:
        rollout = await roll(found, check, carry, told)
    return FleetApplied(servers=tuple(differing.values()), rollout=rollout)


async def _server_difference(found: "OpenServers", name: str, read: ToPush) -> ServerApplied:
    try:
        if name in found.failures:
            raise found.failures[name]
        return ServerApplied(server=name, found=await _difference(found.deployers[name], read))
    except CharterError as error:
        return ServerApplied(
            server=name, message=error.message, remedy=error.remedy, kind=error.kind
        )


def options_of(file: DeploymentFile) -> TritonOptions:
    """How the deployment is reached. Raises `UsageError`."""
    if file.triton is not None and not is_address(file.triton):
        raise UsageError(
            f"triton {file.triton}: not of the form HOST:PORT", remedy="its gRPC port, 8001"
        )
    if (file.client_cert is None) != (file.client_key is None):
        raise UsageError("client_cert and client_key go together")
    keep_password(file.metrics)
    return TritonOptions(
        url=file.triton,
        metrics_url=file.metrics,
        repository=_path(file.repository),
        headers=tuple(
            header_of(f"{name}={source}", "headers") for name, source in file.headers.items()
        ),
        tokenizer=_path(file.tokenizer),
        tls=file.tls,
        root_certificates=_path(file.ca),
        name=file.name,
        client_certificate=_path(file.client_cert),
        client_key=_path(file.client_key),
    )


async def _difference(deployer: "Deployer", read: ToPush) -> ApplyReport:
    drift = await drift_of(deployer)
    diff = await deployer.diff(read.plan, read.reuse_times)
    return ApplyReport(
        changed=bool(diff.changes or drift.changes or drift.interruption),
        diff=diff,
        drift=drift.changes,
        interruption=drift.interruption,
    )


async def _settled(
    deployer: "Deployer", file: DeploymentFile, found: ApplyReport
) -> PushReport | None:
    """What became of what others changed; where the file refuses it, the push does."""
    if not found.drift or file.drift == "refuse":
        return None
    return await (deployer.put_back() if file.drift == "put-back" else deployer.adopt(file.why))


def _request(file: DeploymentFile) -> PushRequest:
    return PushRequest(
        plan=file.plan,
        agent=file.agent,
        note=file.why,
        watch=_watch(file),
    )


def names_several(file: DeploymentFile) -> bool:
    """Whether the file is of several servers."""
    return bool(file.servers or file.discover)


def servers_of(file: DeploymentFile) -> tuple[TritonOptions, ...]:
    """The servers of a deployment file, looked up where it says `discover`. Blocks. Raises
    `CharterError`."""
    from charter_engine.api.fleet_servers import FoundServers, fixed_servers

    if not file.discover:
        return fixed_servers(options_of(file), file.servers)
    return FoundServers(file.discover, options_of(file)).servers()


def _watch(file: DeploymentFile) -> PushWatch | None:
    if file.watch is None:
        return None
    return PushWatch(
        seconds=seconds_of(file.watch.duration, "watch.for"),
        margin=share_of(file.watch.max_regression, "watch.max_regression"),
    )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What is wrong with a value is told with the file that holds it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", remedy=error.remedy) from None


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
