"""Where a deployment's configuration lives: in a repository this machine can write, or only in the
running server."""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from charter_engine.triton import files
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, TritonRefused
from charter_engine.triton.files import Contents, FileAttributes, StagedFiles
from charter_engine.triton.model_config import (
    PARAMETERS,
    config_text,
    differing,
    differing_fields,
    fields_of,
    fields_of_json,
    parse_config,
    print_config,
)
from charter_engine.triton.originals import Originals
from charter_engine.triton.release import BLS_CONFIG, BLS_PLAN, CONFIG_OF
from charter_engine.triton.request import BLS_MODEL

PROBE_PREFIX = ".charter-"


class Place(Protocol):
    """Contents are keyed by path inside the repository. A change is told from others by its
    `token`: it is staged, then applied, then settled, or else restored and cleaned.

    `load` makes the server run what `contents` say, and show the whole configuration `served` where
    that is known."""

    in_files: bool

    async def read(self, paths: Iterable[str]) -> dict[str, bytes | None]: ...
    def attributes(self, paths: Iterable[str], /) -> dict[str, FileAttributes]: ...
    def set_attributes(self, attributes: Mapping[str, FileAttributes]) -> None: ...
    def require_writable(self, contents: Contents) -> None: ...
    def files_of(self, model: str) -> tuple[str, ...]: ...
    async def require_served(self, token: str) -> None: ...
    def stage(self, token: str, contents: Contents) -> None: ...
    def apply(self, token: str, path: str, content: bytes | None) -> None: ...
    def restore(self, token: str, before: Contents) -> None: ...
    def clean(self, token: str, paths: Iterable[str]) -> None: ...
    def settle(self, token: str, paths: Iterable[str]) -> None: ...
    def token_beside(self, paths: Iterable[str], /) -> str: ...
    async def load(self, model: str, contents: Contents, served: str | None = None, /) -> None: ...


class RepositoryPlace:
    """A model repository on this machine, served by the client's server. `originals` keep the files
    with several names that a push replaced."""

    in_files = True

    def __init__(self, client: TritonClient, root: Path, originals: Originals) -> None:
        self.client = client
        self.root = root
        self.originals = originals

    async def read(self, paths: Iterable[str]) -> dict[str, bytes | None]:
        return files.read_files(self.root, paths)

    def attributes(self, paths: Iterable[str], /) -> dict[str, FileAttributes]:
        return files.attributes_of(self.root, paths)

    def set_attributes(self, attributes: Mapping[str, FileAttributes]) -> None:
        files.set_attributes(self.root, attributes)

    def require_writable(self, contents: Contents) -> None:
        """Raises `TritonRefused` where a file cannot be replaced from here."""
        why = files.why_not_writable(self.root, [*contents, PROBE_PREFIX])
        why = why or self.originals.why_not_kept(self.root, contents)
        if why:
            raise TritonRefused(
                f"nothing was changed: {why}",
                remedy="push as the account that the model repository belongs to",
            )

    def files_of(self, model: str) -> tuple[str, ...]:
        """Every file of a model."""
        return files.files_below(self.root, model)

    async def require_served(self, token: str) -> None:
        """A server's index names every directory of its repository: one of this moment is proof.
        Raises `TritonRefused`."""
        probe = self.root / f"{PROBE_PREFIX}{token}"
        probe.mkdir(exist_ok=True)
        try:
            names = {item.name for item in await self.client.index()}
        finally:
            probe.rmdir()
        if probe.name not in names:
            raise TritonRefused(
                f"{self.root} is not the model repository that {self.client.connection.url} serves",
                remedy="give the directory of its --model-repository, as seen from here",
            )

    def stage(self, token: str, contents: Contents) -> None:
        StagedFiles(self.root, token, self.originals).stage(contents)

    def apply(self, token: str, path: str, content: bytes | None) -> None:
        StagedFiles(self.root, token).apply(path, content)

    def restore(self, token: str, before: Contents) -> None:
        StagedFiles(self.root, token).restore(before)

    def clean(self, token: str, paths: Iterable[str]) -> None:
        StagedFiles(self.root, token).clean(paths)
        with contextlib.suppress(OSError):
            (self.root / f"{PROBE_PREFIX}{token}").rmdir()

    def settle(self, token: str, paths: Iterable[str]) -> None:
        StagedFiles(self.root, token, self.originals).settle(paths)
        self.clean(token, paths)

    def token_beside(self, paths: Iterable[str]) -> str:
        return files.token_beside(self.root, paths)

    async def load(self, model: str, contents: Contents, served: str | None = None) -> None:
        """A plain load keeps an earlier override alive without a word; then the file's content is
        sent as one too."""
        if model == BLS_MODEL:
            files.forget_compiled(self.root / model)
        await self.client.load(model)
        wanted = _config(model, contents)
        if not _is_shown(wanted, served, await self.client.config(model)):
            await self.client.load(model, wanted)


class ServerPlace:
    """A server whose repository is out of reach: configurations are sent whole, and last until it
    restarts."""

    in_files = False

    def __init__(self, client: TritonClient) -> None:
        self.client = client

    async def read(self, paths: Iterable[str]) -> dict[str, bytes | None]:
        ready = {item.name for item in await self.client.index() if item.state == "READY"}
        contents: dict[str, bytes | None] = {}
        for model, path in CONFIG_OF.items():
            if path in paths:
                known = model in ready
                contents[path] = (
                    print_config(await self.client.config(model)).encode() if known else None
                )
        return contents

    def attributes(self, _paths: Iterable[str], /) -> dict[str, FileAttributes]:
        """A server tells nothing of its files."""
        return {}

    def set_attributes(self, attributes: Mapping[str, FileAttributes]) -> None:
        """Nothing was written."""

    def require_writable(self, contents: Contents) -> None:
        """Only configurations can be sent. Raises `TritonRefused` for any other file."""
        unwritable = [
            path for path in contents if path not in CONFIG_OF.values() and path != BLS_PLAN
        ]
        if unwritable or contents.get(BLS_CONFIG, b"") is None:
            raise TritonRefused(
                f"{', '.join(unwritable) or BLS_CONFIG} can only be written in the model "
                "repository",
                remedy="give it with --repository DIR, on the machine where it is",
            )

    def files_of(self, model: str) -> tuple[str, ...]:
        """All that a server tells of."""
        return (CONFIG_OF[model],)

    async def require_served(self, token: str) -> None:
        """The server itself is the place."""

    def stage(self, token: str, contents: Contents) -> None:
        """Nothing to put on disk."""

    def apply(self, token: str, path: str, content: bytes | None) -> None:
        """Nothing to write: the load carries the configuration."""

    def restore(self, token: str, before: Contents) -> None:
        """Nothing was written."""

    def clean(self, token: str, paths: Iterable[str]) -> None:
        """Nothing was staged."""

    def settle(self, token: str, paths: Iterable[str]) -> None:
        """Nothing was staged."""

    def token_beside(self, _paths: Iterable[str], /) -> str:
        """Nothing was staged."""
        return ""

    async def load(self, model: str, contents: Contents, _served: str | None = None, /) -> None:
        await self.client.load(model, _config(model, contents))


def _config(model: str, contents: Contents) -> object:
    content = contents.get(CONFIG_OF[model])
    if content is None:
        raise InvalidInput(f"there is no configuration of {model}")
    return parse_config(config_text(content), CONFIG_OF[model])


def _is_shown(wanted: object, served: str | None, live: object) -> bool:
    """Whether a live configuration is what a file wants, and in all but the parameters what was
    served before."""
    if differing_fields(wanted, live):
        return False
    before = fields_of_json(served) if served else fields_of(live)
    return all(key.startswith(PARAMETERS) for key in differing(before, fields_of(live)))
