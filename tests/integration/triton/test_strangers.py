"""Whoever lacks the key of an embedded Triton, and whoever is another user of this machine."""

import contextlib
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from charter_engine.embedded.instances import memory_prefix
from charter_engine.embedded.keys import GRPC_KEY_HEADER, KEY_NAME
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.tap import TapReader
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import CALLS, ask, deployer, plan_with
from tests.strangers import as_stranger, needs_root

CALLS_OVER_GRPC = {
    "index": ("RepositoryIndex", pb.RepositoryIndexRequest()),
    "load": ("RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name="evil")),
    "unload": ("RepositoryModelUnload", pb.RepositoryModelUnloadRequest(model_name="charter_bls")),
    "register shared memory": (
        "SystemSharedMemoryRegister",
        pb.SystemSharedMemoryRegisterRequest(name="x", key="/x", byte_size=8),
    ),
    "shared memory status": ("SystemSharedMemoryStatus", pb.SystemSharedMemoryStatusRequest()),
    "CUDA memory": ("CudaSharedMemoryStatus", pb.CudaSharedMemoryStatusRequest()),
    "trace": ("TraceSetting", pb.TraceSettingRequest()),
    "log": ("LogSettings", pb.LogSettingsRequest()),
}
CALLS_OVER_HTTP = {
    "index": "/v2/repository/index",
    "load": "/v2/repository/models/evil/load",
    "unload": "/v2/repository/models/charter_bls/unload",
    "register shared memory": "/v2/systemsharedmemory/region/x/register",
    "unregister shared memory": "/v2/systemsharedmemory/unregister",
    "CUDA memory": "/v2/cudasharedmemory/unregister",
    "trace": "/v2/trace/setting",
    "trace of a model": "/v2/models/charter_bls/trace/setting",
    "log": "/v2/logging",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("strangers"))


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("private"), private=True)


def over_http(port: int, path: str, header: str = "") -> int:
    """The status of a POST by a client that knows no header but the one given."""
    lines = (f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", "Content-Length: 2")
    request = "\r\n".join((*lines, *([header] if header else []), "", "{}"))
    return int(answer_of(port, request).split()[1])


def answer_of(port: int, request: str) -> str:
    """All that a server says to an HTTP request."""
    with socket.socket() as connection:
        connection.settimeout(10)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request.encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def status_of(url: str, call: str, key: str | None) -> str:
    """How Triton answers a bare gRPC call, in its own words; empty where it obeys."""
    method, request = CALLS_OVER_GRPC[call]
    metadata = () if key is None else ((GRPC_KEY_HEADER, key),)
    with grpc.insecure_channel(url) as channel:
        try:
            stub = GRPCInferenceServiceStub(channel)
            getattr(stub, method)(request, timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            return str(error.details())
    return ""


@pytest.mark.parametrize("key", [None, "", "guessed"])
@pytest.mark.parametrize("call", CALLS_OVER_GRPC)
def test_without_the_key_grpc_changes_nothing(call: str, key: str | None, served: Served) -> None:
    assert "restricted" in status_of(served.state.grpc_url, call, key)


@pytest.mark.parametrize("header", ["", f"{KEY_NAME}: guessed", f"{KEY_NAME}:"])
@pytest.mark.parametrize("call", CALLS_OVER_HTTP)
def test_without_the_key_http_changes_nothing(call: str, header: str, served: Served) -> None:
    assert over_http(served.state.http, CALLS_OVER_HTTP[call], header) == 403


def test_with_the_key_both_obey(served: Served) -> None:
    ((_, key),) = served.state.headers
    assert status_of(served.state.grpc_url, "log", key) == ""
    assert over_http(served.state.http, "/v2/repository/index", f"{KEY_NAME}: {key}") == 200


async def test_charter_pushes_with_the_key_it_finds(served: Served) -> None:
    async with TritonClient(served.state.connection) as client:
        await deployer(client, served.repository).push(plan_with(80), CALLS)
        assert (await ask(client)).revision == 1


def test_the_key_is_another_at_each_start_and_stands_in_one_private_file(
    served: Served, private: Served
) -> None:
    key_file = Path(served.state.key_file)
    ((_, key),) = served.state.headers
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    holding = [
        path
        for path in key_file.parent.iterdir()
        if path.is_file() and key.encode() in path.read_bytes()
    ]
    assert holding == [key_file]
    assert private.state.headers != served.state.headers


@pytest.mark.parametrize("path", ["/v2/models/charter_bls/infer", "/v2/models/charter_bls/config"])
def test_a_private_one_answers_nothing_without_the_key(path: str, private: Served) -> None:
    assert over_http(private.state.http, path) == 403


async def test_a_private_one_answers_with_the_key(private: Served) -> None:
    async with TritonClient(private.state.connection) as client:
        assert (await ask(client)).output_ids


async def test_nobody_reads_the_tap_of_a_private_one_without_the_key(private: Served) -> None:
    async with TritonClient(private.state.grpc_url) as client:
        with pytest.raises(TritonRefused, match="restricted"):
            await TapReader(client).drain()


def test_no_command_line_holds_the_key(served: Served) -> None:
    ((_, key),) = served.state.headers
    for process in (served.state.server, served.state.supervisor):
        assert key.encode() not in Path(f"/proc/{process}/cmdline").read_bytes()


@needs_root
def test_another_user_runs_no_code_in_it(served: Served) -> None:
    loading = partial(over_http, served.state.http, CALLS_OVER_HTTP["load"])
    assert as_stranger(loading) == "403"


@needs_root
@pytest.mark.parametrize("what", ["environ", "mem", "maps"])
def test_another_user_cannot_look_into_its_processes(what: str, served: Served) -> None:
    path = Path(f"/proc/{served.state.server}/{what}")
    assert as_stranger(lambda: path.open("rb").read(1)) == "PermissionError"


@needs_root
def test_another_user_cannot_read_what_its_models_share(served: Served) -> None:
    prefix = memory_prefix(Path(served.state.key_file).parent)
    regions = list(Path("/dev/shm").glob(f"{prefix}*"))
    assert regions
    for region in regions:
        assert as_stranger(region.read_bytes) == "PermissionError"


@needs_root
def test_another_user_cannot_read_its_files(served: Served) -> None:
    directory = Path(served.state.key_file).parent
    for path in (directory / "spec.json", Path(served.state.key_file), Path(served.state.log)):
        assert as_stranger(path.read_bytes) == "PermissionError"


@needs_root
def test_another_user_sees_figures_and_no_text_on_its_metrics_page(served: Served) -> None:
    request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    seen = as_stranger(partial(answer_of, served.state.metrics, request))
    assert "nv_inference_count" in seen
    assert "You summarise reports" not in seen
    assert served.state.headers[0][1] not in seen


def listed(directories: list[str]) -> list[str]:
    """Those that open. Another Triton's may end meanwhile."""
    found = []
    for directory in directories:
        with contextlib.suppress(PermissionError, FileNotFoundError):
            next(Path(directory).iterdir(), None)
            found.append(directory)
    return found


@needs_root
def test_what_lies_in_tmp_is_closed_to_another_user(served: Served) -> None:
    directories = [str(path) for path in Path("/tmp").glob("python_env_*")]
    assert as_stranger(partial(listed, directories)) == "[]"
