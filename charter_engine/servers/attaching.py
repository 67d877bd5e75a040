"""Attaching to a Triton that runs: what is known of it, and what is needed to push to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

from charter_engine.contracts.connection import DEFAULT_NAME, TritonOptions
from charter_engine.embedded.build import rebuild_engine
from charter_engine.embedded.instances import find, running
from charter_engine.embedded.repository import bls_files
from charter_engine.errors import CharterError, UsageError
from charter_engine.paths import state_directory
from charter_engine.triton.client import Connection, TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.journal import Journal
from charter_engine.triton.journals import Journals, Shown, shown_by
from charter_engine.triton.sealed import Damaged
from charter_engine.triton.target import DeployTarget

METRICS_PORT = 8002
"""Taken from Triton's defaults."""


@contextlib.asynccontextmanager
async def attached(
    options: TritonOptions, on_step: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Deployer]:
    """The deployment that the options name: by address, or else the embedded one of their name.
    Raises `CharterError` if none is up."""
    known = with_what_is_known(located(options))
    async with TritonClient(connection_of(known)) as client:
        yield await deployer_of(client, known, on_step)


async def deployer_of(
    client: TritonClient, options: TritonOptions, on_step: Callable[[str], None] = lambda _: None
) -> Deployer:
    """What pushes to the deployment behind a client. Where the options name no repository, it is
    the one in which this account pushed to it before."""
    shown = await shown_by(client)
    journals = Journals(await asyncio.to_thread(state_directory))
    journal = journals.of(options.repository, client.connection.url, shown)
    repository = options.repository or _repository_of(journal)
    target = target_for(
        client,
        repository=repository,
        metrics_url=options.metrics_url,
        tokenizer=options.tokenizer,
        shown=shown,
    )
    return Deployer(target, on_step)


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


def ended_journal(options: TritonOptions) -> Journal | None:
    """The journal of the embedded deployment that ended last (of those of its name, if that is not
    the usual one), or of the repository that is named, where the options name no address and no
    embedded one of the name is up."""
    if options.url is not None or find(options.name) is not None:
        return None
    journals = Journals(state_directory())
    if options.repository is None:
        return journals.ended(None if options.name == DEFAULT_NAME else options.name)
    journal = journals.of(options.repository, "")
    return journal if journal.numbers() else None


def kept_journal(directory: Path) -> Journal:
    """A journal that was put away. Raises `UsageError` where there is none."""
    journal = Journal(directory)
    if not journal.numbers():
        raise UsageError(
            f"--journal {directory}: no revisions are kept there",
            remedy="charter-engine uninstall and history name the directory of one put away",
        )
    return journal


def uninstalled_journal(deployer: Deployer) -> Journal | None:
    """What was on record of a deployment when Charter was last taken out of it."""
    return Journals(state_directory()).uninstalled(deployer.journal)


def target_for(
    client: TritonClient,
    *,
    repository: Path | None = None,
    metrics_url: str | None = None,
    tokenizer: Path | None = None,
    shown: Shown | None = None,
) -> DeployTarget:
    """The deployment behind a client. `repository` where its model repository can be written from
    here; `shown` is what the deployment shows of itself."""
    url = client.connection.url
    journals = Journals(state_directory())
    return DeployTarget(
        client=client,
        journal=journals.of(repository, url, shown),
        bls_template=bls_files(),
        repository=repository.resolve() if repository else None,
        metrics_url=metrics_url,
        tokenizer=str(tokenizer.absolute()) if tokenizer else None,
        shown_id=shown.id if shown else None,
        is_embedded=any(state.grpc_url == url for state in running()),
        build_engine=rebuild_engine,
        remember=lambda journal: journals.remember(journal, url),
        retire=journals.retire,
    )


def _repository_of(journal: Journal) -> Path | None:
    """The repository that a journal is of, if it is within reach."""
    try:
        deployment = journal.deployment()
    except Damaged:
        return None
    repository = Path(deployment.repository) if deployment and deployment.repository else None
    return repository if repository is not None and repository.is_dir() else None


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
    on Triton's default port of the same host. What was typed is resolved from here. Blocks for a
    moment. Raises `UsageError` for a tokenizer or repository that is not there.
    """
    _require_there(options)
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
        tokenizer=options.tokenizer.absolute() if options.tokenizer else None,
    )


def _require_there(options: TritonOptions) -> None:
    if options.repository is not None and not options.repository.is_dir():
        raise UsageError(
            f"--repository {options.repository}: there is no such directory",
            remedy="give the model repository as seen from here, or leave it out",
        )
    if options.repository is not None and not any(options.repository.glob("*/config.pbtxt")):
        raise UsageError(
            f"--repository {options.repository}: no model repository, for no folder in it holds a "
            "config.pbtxt",
            remedy="give the directory of Triton's --model-repository: a folder for each model, "
            "such as tensorrt_llm, with its config.pbtxt and its versions (1, 2, …)",
        )
    if options.tokenizer is not None and not options.tokenizer.exists():
        raise UsageError(
            f"--tokenizer {options.tokenizer}: there is no such file or directory",
            remedy="name a tokenizer.json, or a folder that holds one",
        )
