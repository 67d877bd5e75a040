"""Attaching to a Triton that runs: what is known of it, and what is needed to push to it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from charter_engine.contracts.connection import TritonOptions
from charter_engine.embedded.build import rebuild_engine
from charter_engine.embedded.repository import bls_files
from charter_engine.embedded.server import find, running
from charter_engine.errors import CharterError
from charter_engine.paths import state_directory
from charter_engine.triton.client import Connection, TritonClient
from charter_engine.triton.deploy import Deployer, DeployTarget
from charter_engine.triton.journal import Journal, journal_directory

METRICS_PORT = 8002


@contextlib.asynccontextmanager
async def attached(
    options: TritonOptions, on_step: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Deployer]:
    """The deployment that the options name: by address, or else the embedded one of their name.
    Raises `CharterError` if none is up."""
    known = with_what_is_known(located(options))
    async with TritonClient(connection_of(known)) as client:
        target = target_for(
            client,
            repository=known.repository,
            metrics_url=known.metrics_url,
            tokenizer=known.tokenizer,
        )
        yield Deployer(target, on_step)


def located(options: TritonOptions) -> TritonOptions:
    """The options with an address: their own, or else that of the embedded Triton of their name.
    Raises `CharterError` if none is up."""
    if options.url is not None:
        return options
    state = find(options.name)
    if state is None:
        raise CharterError(
            f"no embedded Triton named {options.name!r} is up",
            remedy="charter-engine triton up, or give --triton HOST:PORT",
            kind="unreachable",
        )
    return replace(options, url=state.grpc_url)


def target_for(
    client: TritonClient,
    *,
    repository: Path | None = None,
    metrics_url: str | None = None,
    tokenizer: Path | None = None,
) -> DeployTarget:
    """The deployment behind a client. `repository` where its model repository can be written from
    here."""
    return DeployTarget(
        client=client,
        journal=Journal(journal_directory(repository, client.connection.url, state_directory())),
        bls_template=bls_files(),
        repository=repository,
        metrics_url=metrics_url,
        tokenizer=str(tokenizer) if tokenizer else None,
        build_engine=rebuild_engine,
    )


def connection_of(options: TritonOptions) -> Connection:
    """How the client speaks to the given Triton."""
    return Connection(
        options.url or "",
        headers=dict(options.headers),
        ssl=options.tls,
        root_certificates=_text(options.root_certificates),
        certificate_chain=_text(options.client_certificate),
        private_key=_text(options.client_key),
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def with_what_is_known(options: TritonOptions) -> TritonOptions:
    """The metrics page, the repository and the key of the given Triton, where the options leave
    them open.

    An embedded one of this account is known from its files; of any other the metrics are looked for
    on Triton's default port of the same host. Blocks for a moment.
    """
    if options.url is None:
        return options
    host, _, port = options.url.rpartition(":")
    local = host in ("localhost", "127.0.0.1", "[::1]")
    known = next((state for state in running() if local and str(state.grpc) == port), None)
    return replace(
        options,
        metrics_url=options.metrics_url
        or (known.metrics_url if known else f"http://{host}:{METRICS_PORT}/metrics"),
        repository=options.repository or (Path(known.repository) if known else None),
        headers=options.headers or (known.headers if known else ()),
    )
