"""The embedded Triton, from scripts: start it, look at it, stop it, and build engines for it."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import DEFAULT_NAME, TritonOptions
from charter_engine.contracts.embedded import (
    EmbeddedRequest,
    EngineBuildRequest,
    ServerState,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.embedded.engine.spec import EngineSpec
    from charter_engine.embedded.server import EmbeddedTriton


async def up(request: EmbeddedRequest, report: Report = silent) -> ServerState:
    """Start it in the background, wait until it is ready, and finish or take back a push to its
    repository that was cut short. Raises `CharterError`."""
    from charter_engine.embedded.instances import find, require_name

    require_name(request.name)
    running = find(request.name)
    if running is not None:
        raise CharterError(
            f"the embedded Triton {request.name!r} is up already at {running.grpc_url}",
            remedy=f"charter-engine triton down --name {request.name}",
        )
    return (await _started(request, request.name, report)).state


async def start(request: EmbeddedRequest, report: Report = silent) -> "EmbeddedTriton":
    """As `up`, but without a name: it ends when it is stopped, and with this process, however that
    ends."""
    return await _started(request, None, report)


def status(name: str = DEFAULT_NAME) -> ServerState | None:
    """What its supervisor last said; None where none of that name is up."""
    from charter_engine.embedded.instances import find

    return find(name)


def down(name: str = DEFAULT_NAME) -> bool:
    """Stop it; whether there was one. Blocks until it has ended. Raises `CharterError` if it does
    not end."""
    from charter_engine.embedded.instances import stop

    return stop(name)


def build(request: EngineBuildRequest) -> "EngineSpec":
    """Write an engine directory, as trtllm-build does; its configuration. Blocks. Raises
    `CharterError`."""
    from charter_engine.embedded.build import build_engine, build_from_checkpoint
    from charter_engine.embedded.engine.errors import EngineError
    from charter_engine.embedded.engine.spec import EngineSpec, read_spec
    from charter_engine.embedded.gguf_checkpoint import gguf_file, write_gguf_checkpoint
    from charter_engine.embedded.room import unwritten

    directory = Path(request.directory)
    try:
        if request.gguf:
            with tempfile.TemporaryDirectory(prefix="charter-gguf-") as checkpoint:
                write_gguf_checkpoint(Path(checkpoint), gguf_file(request.gguf))
                build_from_checkpoint(directory, Path(checkpoint), request.tokens_per_block)
        elif request.checkpoint:
            build_from_checkpoint(directory, Path(request.checkpoint), request.tokens_per_block)
        else:
            spec = read_spec(Path(request.config).parent) if request.config else EngineSpec()
            spec = spec.with_tokens_per_block(request.tokens_per_block)
            build_engine(directory, spec, _path(request.tokenizer), _path(request.weights))
        return read_spec(directory)
    except EngineError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise unwritten(error) from None


async def _started(request: EmbeddedRequest, name: str | None, report: Report) -> "EmbeddedTriton":
    """A server that is ready. With a name it outlives this process."""
    from charter_engine.embedded.instances import new_repository
    from charter_engine.embedded.server import EmbeddedTriton

    repository = Path(request.repository) if request.repository else new_repository()
    try:
        await asyncio.to_thread(_prepare, request, repository)
        server = EmbeddedTriton(
            repository,
            name=name,
            detached=name is not None,
            ports=_ports(request),
            private=request.private,
        )
        state = await server.start()
    except BaseException:
        if request.repository is None:
            shutil.rmtree(repository.parent, ignore_errors=True)
        raise
    try:
        await _repair(state, repository, report)
    except BaseException:
        if name is None:
            await server.stop()
        raise
    return server


def _prepare(request: EmbeddedRequest, repository: Path) -> None:
    """Write the repository where there is none; where a push to it was cut short, put the old files
    back."""
    from charter_engine.embedded.engine.errors import EngineError
    from charter_engine.embedded.repository import ENGINE_MODEL, write_embedded_repository
    from charter_engine.embedded.room import unwritten
    from charter_engine.paths import state_directory
    from charter_engine.triton.journals import Journals
    from charter_engine.triton.transaction import restore_files

    if (repository / ENGINE_MODEL).is_dir():
        restore_files(Journals(state_directory()).of(repository, ""), repository)
        return
    if repository.exists() and not (repository.is_dir() and not any(repository.iterdir())):
        raise UsageError(
            f"{repository} is neither empty nor a repository with {ENGINE_MODEL}",
            remedy="name an empty or a new directory",
        )
    try:
        write_embedded_repository(
            repository,
            tokens_per_block=request.tokens_per_block,
            parameters=request.parameters,
            profile=request.profile,
            decoupled=request.decoupled,
            engine_directory=Path(request.engine).resolve() if request.engine else None,
            stock=request.stock,
        )
    except EngineError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise unwritten(error) from None


async def _repair(state: ServerState, repository: Path, report: Report) -> None:
    from charter_engine.servers.attaching import attached

    options = TritonOptions(url=state.grpc_url, repository=repository)
    async with attached(options, on_step=lambda step: report(Progress(step))) as deployer:
        await deployer.repair()


def _ports(request: EmbeddedRequest) -> dict[str, int] | None:
    if request.ports is None:
        return None
    return dict(zip(("http", "grpc", "metrics"), request.ports, strict=True))


def _path(given: str | None) -> Path | None:
    return Path(given) if given else None
