"""Which servers there are, as a file or a name tells."""

import socket
from collections.abc import Callable
from pathlib import Path

from charter_engine.contracts.applying import ServerEntry
from charter_engine.contracts.connection import is_address
from charter_engine.errors import CharterError, UsageError
from charter_engine.fleet.targets import targets_of
from charter_engine.paths import read_bounded

DNS = "dns:"
LARGEST_BYTES = 1 << 20
"""Assumed: an inventory has a few KiB; this keeps another file out of memory."""
Resolve = Callable[[str, int], list[str]]
"""All addresses of a name, for that port."""


def addresses_of(name: str, port: int) -> list[str]:
    """As the system resolves it. Raises `OSError`."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


def from_name(named: str, resolve: Resolve = addresses_of) -> tuple[ServerEntry, ...]:
    """A server for each address that `NAME:PORT` has, as of a headless service of Kubernetes.
    Raises `UsageError`, and `CharterError` (unreachable) where it has none."""
    if not is_address(named):
        raise UsageError(f"{DNS}{named}: not of the form {DNS}NAME:PORT")
    name, _, port = named.rpartition(":")
    try:
        found = resolve(name.strip("[]"), int(port))
    except OSError as error:
        raise CharterError(
            f"{name} has no address: {error.strerror or error}",
            remedy="name a service that resolves to its servers",
            kind="unreachable",
        ) from None
    return tuple(ServerEntry(triton=f"{_bracketed(address)}:{port}") for address in found)


def from_file(path: Path) -> tuple[ServerEntry, ...]:
    """The targets in a file of Prometheus's file-based discovery, their paths seen from here.
    Raises `UsageError`."""
    return tuple(_seen_from(path.parent, entry) for entry in targets_of(read_text(path), str(path)))


def read_text(path: Path) -> str:
    """A file of servers. Raises `UsageError`."""
    try:
        return read_bounded(path, LARGEST_BYTES).decode()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text", remedy="give a file in YAML or JSON") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", remedy="name a readable file") from None


class Discovery:
    """Servers that are looked up again: a name whenever it is asked for, a file where it changed.
    What can't be read later on leaves the servers as they were, and is told by `trouble`."""

    def __init__(self, source: str, resolve: Resolve = addresses_of) -> None:
        self._source = source
        self._resolve = resolve
        self._seen: object = None
        self._entries: tuple[ServerEntry, ...] = ()
        self.trouble = ""

    def entries(self) -> tuple[ServerEntry, ...]:
        """The servers there are by now. Blocks. Raises `CharterError` where none was ever found."""
        try:
            self._look()
        except CharterError as error:
            if not self._entries:
                raise
            self.trouble = error.message
        return self._entries

    def _look(self) -> None:
        if self._source.startswith(DNS):
            self._entries = from_name(self._source.removeprefix(DNS), self._resolve)
        else:
            path = Path(self._source)
            seen = _signature(path)
            if seen is not None and seen == self._seen:
                return
            entries = from_file(path)
            self._seen, self._entries = seen, entries
        self.trouble = ""


def _signature(path: Path) -> object:
    """Another one where the file was changed or replaced; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _seen_from(folder: Path, entry: ServerEntry) -> ServerEntry:
    def placed(given: str | None) -> str | None:
        return None if given is None else str(folder / given)

    return ServerEntry(
        triton=entry.triton,
        metrics=entry.metrics,
        repository=placed(entry.repository),
        tokenizer=placed(entry.tokenizer),
    )


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
