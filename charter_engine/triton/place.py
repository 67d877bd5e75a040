"""Where a deployment's configuration lives: in a repository this machine can write, or only in the
running server."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from charter_engine.triton import files
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, TritonRefused
from charter_engine.triton.files import Contents
from charter_engine.triton.model_config import differing_parameters, parse_config, print_config
from charter_engine.triton.release import BLS_CONFIG, BLS_PLAN, CONFIG_OF


class Place(Protocol):
    """Contents are keyed by path inside the repository. `load` makes the server run what `contents`
    say."""

    in_files: bool

    async def read(self, paths: Iterable[str]) -> dict[str, bytes | None]: ...
    def stage(self, contents: Contents) -> None: ...
    def apply(self, path: str, content: bytes | None) -> None: ...
    def restore(self, before: Contents) -> None: ...
    def clean(self, paths: Iterable[str]) -> None: ...
    async def load(self, model: str, contents: Contents) -> None: ...


class RepositoryPlace:
    """A model repository on this machine, served by the client's server."""

    in_files = True

    def __init__(self, client: TritonClient, root: Path) -> None:
        self.client = client
        self.root = root

    async def read(self, paths: Iterable[str]) -> dict[str, bytes | None]:
        return files.read_files(self.root, paths)

    def stage(self, contents: Contents) -> None:
        files.stage(self.root, contents)

    def apply(self, path: str, content: bytes | None) -> None:
        files.apply_staged(self.root, path, content)

    def restore(self, before: Contents) -> None:
        files.restore(self.root, before)

    def clean(self, paths: Iterable[str]) -> None:
        files.clean(self.root, paths)

    async def load(self, model: str, contents: Contents) -> None:
        """A plain load keeps an earlier override alive without a word; then the file's content is
        sent as one too."""
        await self.client.load(model)
        wanted = _config(model, contents)
        if differing_parameters(wanted, await self.client.config(model)):
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

    def stage(self, contents: Contents) -> None:
        unwritable = [
            path for path in contents if path not in CONFIG_OF.values() and path != BLS_PLAN
        ]
        if unwritable or contents.get(BLS_CONFIG, b"") is None:
            raise TritonRefused(
                f"{', '.join(unwritable) or BLS_CONFIG} can only be written in the model "
                "repository",
                remedy="give it with --repository DIR, on the machine where it is",
            )

    def apply(self, path: str, content: bytes | None) -> None:
        """Nothing to write: the load carries the configuration."""

    def restore(self, before: Contents) -> None:
        """Nothing was written."""

    def clean(self, paths: Iterable[str]) -> None:
        """Nothing was staged."""

    async def load(self, model: str, contents: Contents) -> None:
        await self.client.load(model, _config(model, contents))


def _config(model: str, contents: Contents) -> object:
    content = contents.get(CONFIG_OF[model])
    if content is None:
        raise InvalidInput(f"there is no configuration of {model}")
    return parse_config(content.decode(), CONFIG_OF[model])
