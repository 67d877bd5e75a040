"""Which servers are meant: those of a deployment file, of a file of targets, or behind a name."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.contracts.applying import DeploymentFile, ServerEntry
from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.fleet.discovery import Discovery


@dataclass(frozen=True)
class GivenServers:
    """Servers that were named one by one, and stay what they are."""

    named: tuple[TritonOptions, ...]
    trouble: str = ""

    def servers(self) -> tuple[TritonOptions, ...]:
        return self.named


class FoundServers:
    """The servers that a source tells of, looked up anew whenever they are asked for; `base` says
    how each is spoken to.

    The source is a deployment file, a file of Prometheus's file-based discovery, or
    `dns:NAME:PORT`. Raises `UsageError`.
    """

    def __init__(self, source: str, base: TritonOptions) -> None:
        self._base = base
        self._fixed: tuple[TritonOptions, ...] = ()
        self._discovery: Discovery | None = None
        file = _deployment_file(source)
        if file is None:
            self._discover(source)
        else:
            from charter_engine.api.applying import options_of

            self._base = options_of(file)
            self._fixed = fixed_servers(self._base, file.servers)
            if file.discover:
                self._discover(file.discover)

    def servers(self) -> tuple[TritonOptions, ...]:
        """Those there are by now. Blocks. Raises `CharterError`."""
        if self._discovery is None:
            return self._fixed
        found = tuple(with_entry(self._base, entry) for entry in self._discovery.entries())
        if not found:
            raise UsageError("no server is named there", remedy="name at least one target")
        return found

    @property
    def trouble(self) -> str:
        """Why they could not be looked up again; "" where they could."""
        return self._discovery.trouble if self._discovery is not None else ""

    def _discover(self, source: str) -> None:
        from charter_engine.fleet.discovery import Discovery

        self._discovery = Discovery(source)


def fixed_servers(
    base: TritonOptions, listed: Sequence[str | ServerEntry]
) -> tuple[TritonOptions, ...]:
    """Those that are listed; where none is, the one that `base` is of."""
    entries = [ServerEntry(triton=one) if isinstance(one, str) else one for one in listed]
    return tuple(with_entry(base, entry) for entry in entries) or (base,)


def with_entry(base: TritonOptions, entry: ServerEntry) -> TritonOptions:
    """How one of several servers is reached: as the others, but for what is its own."""
    return replace(
        base,
        url=entry.triton,
        metrics_url=entry.metrics,
        repository=Path(entry.repository) if entry.repository else None,
        tokenizer=Path(entry.tokenizer) if entry.tokenizer else base.tokenizer,
    )


def _deployment_file(source: str) -> DeploymentFile | None:
    """The source as a deployment file; None where it is a name or a list of targets."""
    from charter_engine.api.applying import deployment_of
    from charter_engine.fleet.discovery import DNS, read_text
    from charter_engine.fleet.targets import is_list_of_targets

    if "://" in source:
        raise UsageError(
            f"--servers {source}: an address, where a source of servers is asked for",
            remedy="name a deployment file, a file of targets, or dns:NAME:PORT; one server is "
            "named by --triton HOST:PORT or, of another kind, by `charter-engine profile URL`",
        )
    path = Path(source)
    if source.startswith(DNS) or is_list_of_targets(read_text(path), source):
        return None
    return deployment_of(path)
