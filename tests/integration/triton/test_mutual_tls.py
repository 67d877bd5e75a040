"""A Triton that asks its clients for a certificate."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.contracts.connection import TritonOptions
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.servers.attaching import connection_of
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import Unreachable

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates of this test"
)
SUBJECT = "/CN=localhost"


def openssl(*arguments: str, where: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority, and a certificate and key it signed for each side."""
    where = tmp_path_factory.mktemp("certificates")
    new_key = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(*new_key, "-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem",
            where=where)  # fmt: skip
    (where / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for side in ("server", "client"):
        openssl(*new_key, "-subj", SUBJECT, "-keyout", f"{side}.key", "-out", f"{side}.csr",
                where=where)  # fmt: skip
        openssl("x509", "-req", "-in", f"{side}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", "names", "-out", f"{side}.pem",
                where=where)  # fmt: skip
    return where


@pytest.fixture(scope="module")
def guarded(
    certificates: Path, tmp_path_factory: pytest.TempPathFactory, own_state: None
) -> Iterator[EmbeddedTriton]:
    repository = write_embedded_repository(tmp_path_factory.mktemp("tls") / "models")
    arguments = (
        "--grpc-use-ssl-mutual=true",
        f"--grpc-server-cert={certificates / 'server.pem'}",
        f"--grpc-server-key={certificates / 'server.key'}",
        f"--grpc-root-cert={certificates / 'ca.pem'}",
    )
    server = EmbeddedTriton(repository, arguments=arguments)
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


def options(server: EmbeddedTriton, certificates: Path) -> TritonOptions:
    return TritonOptions(
        url=f"localhost:{server.state.grpc}",
        headers=server.state.headers,
        tls=True,
        root_certificates=certificates / "ca.pem",
        client_certificate=certificates / "client.pem",
        client_key=certificates / "client.key",
    )


async def test_a_client_with_a_certificate_is_served(
    guarded: EmbeddedTriton, certificates: Path
) -> None:
    async with TritonClient(connection_of(options(guarded, certificates))) as client:
        assert await client.is_ready()
        assert {model.name for model in await client.index()} == {"charter_bls", "tensorrt_llm"}


@pytest.mark.parametrize("missing", ["certificate", "authority", "TLS"])
async def test_a_client_without_one_is_not(
    missing: str, guarded: EmbeddedTriton, certificates: Path
) -> None:
    whole = options(guarded, certificates)
    parts = {
        "certificate": TritonOptions(
            url=whole.url, tls=True, root_certificates=whole.root_certificates
        ),
        "authority": TritonOptions(url=whole.url, tls=True),
        "TLS": TritonOptions(url=whole.url),
    }
    async with TritonClient(connection_of(parts[missing])) as client:
        with pytest.raises(Unreachable):
            await client.is_ready(3.0)
