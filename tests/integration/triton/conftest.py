"""Real Tritons for the tests here: embedded ones, with the reference engine and `charter_bls`."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from charter_engine.embedded.instances import InstanceState
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient


@dataclass(frozen=True)
class Served:
    """A running server and its repository."""

    server: EmbeddedTriton
    repository: Path

    @property
    def state(self) -> InstanceState:
        return self.server.state


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep instances of these tests apart from those of the user."""
    before = os.environ.get("CHARTER_STATE")
    os.environ["CHARTER_STATE"] = str(tmp_path_factory.mktemp("state"))
    yield
    if before is None:
        del os.environ["CHARTER_STATE"]
    else:
        os.environ["CHARTER_STATE"] = before


def serving(root: Path, *, private: bool = False, **options: object) -> Iterator[Served]:
    """Serve a fresh embedded repository until the iterator is resumed."""
    repository = write_embedded_repository(root / "models", **options)  # type: ignore[arg-type]
    server = EmbeddedTriton(repository, private=private)
    asyncio.run(server.start())
    yield Served(server, repository)
    asyncio.run(server.stop())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("served"))


@pytest.fixture
async def client(served: Served) -> AsyncIterator[TritonClient]:
    async with TritonClient(served.state.connection) as connected:
        yield connected
