"""Work on a Dask cluster that somebody runs: by the address of its scheduler.

Dask sends code and objects both ways, so that a scheduler is trusted as this machine is. Workers
import Charter, of the same version.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final, TypeVar

from charter_engine.errors import CharterError, UsageError

Held = TypeVar("Held")
Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_S: Final = 10.0
INSTALL = "pip install 'charter-kv[dask]'"


def on_cluster(
    address: str, function: Callable[[Held, Item], Result], held: Held, items: Sequence[Item]
) -> Iterator[Result]:
    """`function(held, item)` of every item, in their order, as they become ready. `held` is sent to
    every worker once. What a worker had in hand when it died is done again by another one. Leaving
    the iterator gives up what still runs.

    Raises `CharterError` where the cluster cannot be reached or has no workers, and what `function`
    raises.
    """
    with _connected(address) as client:
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


def _connected(address: str) -> Any:
    try:
        from distributed import Client
    except ImportError:
        raise CharterError(f"--dask {address}: Dask is missing", remedy=INSTALL) from None
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except ValueError as error:
        raise UsageError(
            f"--dask {address}: {error}", remedy="give a scheduler's address: tcp://HOST:8786"
        ) from None
    except OSError:
        raise CharterError(
            f"--dask {address}: no scheduler answers",
            remedy="start one with `dask scheduler`, or give its address",
            kind="unreachable",
        ) from None
    if not client.nthreads():
        client.close()
        raise CharterError(
            f"--dask {address}: the scheduler has no workers",
            remedy=f"start some with `dask worker {address}`",
        )
    return client


def _result_of(future: Any, address: str) -> Any:
    from distributed import KilledWorker

    try:
        return future.result()
    except (KilledWorker, CancelledError) as error:
        raise CharterError(
            f"--dask {address}: workers died: {error}", remedy="see the logs of its workers"
        ) from error
    except ImportError as error:
        raise CharterError(
            f"--dask {address}: its workers cannot import what this needs: {error}",
            remedy=f"where they run: {INSTALL}",
        ) from error
