"""A deployment to push to, and where its configuration lives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from charter_engine.triton.client import TritonClient
from charter_engine.triton.journal import Journal
from charter_engine.triton.originals import Originals
from charter_engine.triton.place import Place, RepositoryPlace, ServerPlace

BuildEngine = Callable[[int, Path], Path]
"""Gives the directory of an engine like the one in a directory, with other `tokens_per_block`;
builds it if need be."""


@dataclass(frozen=True)
class DeployTarget:
    """A deployment to push to. `repository` where its model repository can be written from here.

    `bls_template` are the files of `charter_bls` (`embedded.repository.bls_files()`). `tokenizer`
    is used where `charter_bls` is installed for the first time and the engine names none.
    `shown_id` is the id that the deployment shows of itself. `is_embedded`: it is one of Charter's
    own on this machine.
    """

    client: TritonClient
    journal: Journal
    bls_template: dict[str, bytes]
    repository: Path | None = None
    metrics_url: str | None = None
    tokenizer: str | None = None
    shown_id: str | None = None
    is_embedded: bool = False
    build_engine: BuildEngine | None = None
    remember: Callable[[Journal], None] = lambda _: None
    """Makes the journal found again by the deployment's id and address."""
    retire: Callable[[Journal], Path] = lambda journal: journal.directory
    """Puts the journal of a deployment away that has nothing of Charter any more; where to."""

    def place(self) -> Place:
        """Where its configuration lives."""
        if self.repository is None:
            return ServerPlace(self.client)
        originals = Originals(self.journal.directory / "originals")
        return RepositoryPlace(self.client, self.repository, originals)
