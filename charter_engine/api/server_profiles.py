"""What a server is, of whichever kind, and the proofs of what it does."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import (
    NamedReport,
    ProfileRequest,
    Proof,
    ProofOutcome,
    ServerProfile,
    ServerReport,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.servers.protocol import InferenceServer
    from charter_engine.triton.deploy import Deployer


async def profile(
    request: ProfileRequest, triton: TritonOptions, report: Report = silent
) -> ServerReport:
    """Find out which of the five kinds a server is, what it can do, and what is asked to be proved
    of it. Raises `CharterError`."""
    from charter_engine.servers.finding import server_at

    async with server_at(request, triton) as server:
        found = await server.profile()
        made = [await _proved(proof, server, found, request, report) for proof in request.prove]
        return ServerReport(profile=found, proofs=await _on_record(server, made))


async def profiles(
    request: ProfileRequest, servers: Sequence[TritonOptions], report: Report = silent
) -> tuple[NamedReport, ...]:
    """As `profile`, of each of several servers; what one refuses stands in its place. Raises
    `UsageError`."""
    found = []
    for triton in servers:
        name = triton.called
        try:
            found.append(NamedReport(server=name, report=await profile(request, triton, report)))
        except CharterError as error:
            if error.kind == "usage":
                raise
            failure = NamedReport(
                server=name, message=error.message, remedy=error.remedy, kind=error.kind
            )
            found.append(failure)
    return tuple(found)


async def _proved(
    proof: Proof,
    server: "InferenceServer",
    found: ServerProfile,
    request: ProfileRequest,
    report: Report,
) -> ProofOutcome:
    from charter_engine.servers import proving

    def on_step(step: str) -> None:
        report(Progress(step))

    if proof == "reuse":
        return await proving.prove_reuse(server, found, on_step)
    if proof == "release":
        return await proving.prove_release(server, found, on_step)
    cost = proving.filling_cost(found)
    if not request.fill_pool and not _is_embedded(server):
        raise UsageError(
            f"proving retention fills the pool of {found.address}: {cost}",
            remedy="add --fill-pool where that may be",
        )
    on_step(f"filling the pool: {cost}")
    return await proving.prove_retention(server, found, on_step)


async def _on_record(
    server: "InferenceServer", made: list[ProofOutcome]
) -> tuple[ProofOutcome, ...]:
    """Those just made, and where the server is a Triton, put on record beside those before."""
    deployer = _deployer(server)
    if deployer is None:
        return tuple(made)
    live = await deployer.live()
    number = live.number if live else 0
    for outcome in made:
        deployer.proofs.keep(replace(outcome, revision=number))
    return tuple(item for item in deployer.proofs.all() if item.revision == number)


def _is_embedded(server: "InferenceServer") -> bool:
    deployer = _deployer(server)
    return deployer is not None and deployer.target.is_embedded


def _deployer(server: "InferenceServer") -> "Deployer | None":
    from charter_engine.servers.triton_server import TritonServer

    return server.deployer if isinstance(server, TritonServer) else None
