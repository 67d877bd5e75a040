"""Work on a Dask cluster that somebody runs: by the address of its scheduler.

Dask sends code and objects both ways, so that a scheduler is trusted as this machine is. Workers
import Charter, of the same version.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

import charter_engine
from charter_engine.errors import CharterError, UsageError

Held = TypeVar("Held")
Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_S: Final = 10.0
"""Dask's own default for a connection is 30 s; assumed: who typed an address waits less."""
_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?[^/\s]+:\d+")
INSTALL = "pip install 'charter-kv[dask]'"


def on_cluster(
    address: str, function: Callable[[Held, Item], Result], held: Held, items: Sequence[Item]
) -> Iterator[Result]:
    """`function(held, item)` of every item, in their order, as they become ready. `held` is sent to
    every worker once. What a worker had in hand when it died is done again by another one. Leaving
    the iterator gives up what still runs.

    Raises `CharterError` where the cluster cannot be reached, has no workers, has others than of
    this version, or goes away, and what `function` raises.
    """
    with _connected(address) as client:
        try:
            kept = client.scatter(held, broadcast=True)
            futures = [client.submit(function, kept, item, pure=False) for item in items]
            for future, item in zip(futures, items, strict=True):
                future.exception()
                if not future.cancelled():
                    yield _result_of(future, address)
                    continue
                # The scheduler forgets what it can no longer place, `held` among it.
                kept = client.scatter(held, broadcast=True)
                yield _result_of(client.submit(function, kept, item, pure=False), address)
        except OSError as error:
            raise CharterError(
                f"--dask {address}: the scheduler or all of its workers went away: {error}",
                remedy="see that they run, and ask again",
                kind="unreachable",
            ) from error


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CharterError(f"--dask {address}: Dask is missing", remedy=INSTALL) from None
    # The client itself waits long before it says what is wrong with an address.
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"--dask {address}: not an address",
            remedy="give a scheduler's address: tcp://HOST:8786",
        )
    # What it logs of a scheduler that went away is told as an error.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except OSError:
        raise CharterError(
            f"--dask {address}: no scheduler answers",
            remedy="start one with `dask scheduler`, or give its address",
            kind="unreachable",
        ) from None
    try:
        _require_workers(client, address)
    except BaseException:
        client.close()
        raise
    return client


def _require_workers(client: Any, address: str) -> None:
    """Raises `CharterError` where there is none, or one of another version."""
    if not client.nthreads():
        raise CharterError(
            f"--dask {address}: the scheduler has no workers",
            remedy=f"start some with `dask worker {address}`",
        )
    try:
        versions: dict[str, str] = client.run(_version)
    except ImportError as error:
        raise _cannot_import(error, address) from error
    others = {one: version for one, version in versions.items() if version != _version()}
    for worker, version in others.items():
        raise CharterError(
            f"--dask {address}: worker {worker} has Charter {version}, and this is {_version()}",
            remedy="install the same version there",
        )


def _version() -> str:
    return charter_engine.__version__


def _cannot_import(error: ImportError, address: str) -> CharterError:
    return CharterError(
        f"--dask {address}: its workers cannot import what this needs: {error}",
        remedy=f"where they run: {INSTALL}",
    )


def _result_of(future: Any, address: str) -> Any:
    from distributed import KilledWorker

    try:
        return future.result()
    except (KilledWorker, CancelledError) as error:
        raise CharterError(
            f"--dask {address}: workers died: {error}", remedy="see the logs of its workers"
        ) from error
    except ImportError as error:
        raise _cannot_import(error, address) from error
