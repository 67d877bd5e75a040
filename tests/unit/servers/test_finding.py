"""Which kind of server answers at an address."""

import asyncio

import pytest

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import ProfileRequest, ServerKind
from charter_engine.errors import CharterError, UsageError
from charter_engine.servers.finding import kind_of, server_at, url_of
from charter_engine.servers.http import NotHttp, ServerHttp
from charter_engine.servers.vllm import VllmServer
from tests.unit.servers.answering import (
    Routes,
    answering,
    asked,
    served_by,
    sglang,
    trtllm_serve,
    vllm,
)


@pytest.mark.parametrize(
    ("routes", "kind"),
    [(vllm(), "vllm"), (sglang(), "sglang"), (trtllm_serve(), "trtllm-serve")],
)
async def test_a_server_is_known_by_whose_models_it_lists(routes: Routes, kind: ServerKind) -> None:
    async with asked(routes) as (_, http):
        assert await kind_of(http) == kind


@pytest.mark.parametrize(
    ("path", "said", "kind"),
    [
        ("/server_info", {"disaggregated_params": None}, "trtllm-serve"),
        ("/get_server_info", {"disable_radix_cache": False}, "sglang"),
    ],
)
async def test_a_server_that_names_no_owner_is_known_by_its_own_routes(
    path: str, said: dict[str, object], kind: ServerKind
) -> None:
    async with asked({"/v1/models": served_by(""), path: said}) as (_, http):
        assert await kind_of(http) == kind


async def test_finding_out_reads_nothing_that_is_drained() -> None:
    async with asked(trtllm_serve()) as (told, http):
        await kind_of(http)
        assert told.asked == ["/v1/models"]


async def test_a_server_of_another_kind_is_named_by_what_it_says() -> None:
    async with asked({"/v1/models": served_by("llamacpp")}) as (_, http):
        with pytest.raises(UsageError, match=r"'llamacpp'.*none of the five"):
            await kind_of(http)


async def test_what_is_no_server_of_models_is_none_of_the_five() -> None:
    async with asked({"/": "<html>"}) as (_, http):
        with pytest.raises(UsageError, match="answers 404"):
            await kind_of(http)


async def test_tritons_http_port_is_told_from_its_grpc_port() -> None:
    async with asked({"/v2": {"name": "triton", "version": "2.51.0"}}) as (_, http):
        with pytest.raises(UsageError, match="HTTP port") as failure:
            await kind_of(http)
        assert "gRPC port" in failure.value.remedy


@pytest.mark.parametrize("status", [401, 403])
async def test_a_server_that_wants_a_key_is_answered_with_how_to_give_one(status: int) -> None:
    async with asked({"/v1/models": status}) as (_, http):
        with pytest.raises(CharterError, match="wants a key") as failure:
            await kind_of(http)
    assert failure.value.kind == "refused" and "--key env:" in failure.value.remedy


async def test_a_key_is_sent_as_a_bearer_token() -> None:
    async with answering(vllm()) as (told, url), ServerHttp(url, "s3cret") as http:
        await http.get("/version")
        assert told.keys == ["Bearer s3cret"]


async def test_several_servers_behind_one_address_are_told() -> None:
    owners = iter(["vllm", "sglang"])
    routes = vllm(v1__models=lambda _: served_by(next(owners)))
    async with asked(routes) as (_, http):
        assert await kind_of(http) == "vllm"
        with pytest.raises(CharterError, match="several servers"):
            await VllmServer(http).profile()


async def test_nobody_there_is_unreachable() -> None:
    async with ServerHttp("http://127.0.0.1:1") as http:
        with pytest.raises(CharterError, match="does not answer") as failure:
            await kind_of(http)
    assert failure.value.exit_code == 3


async def test_what_speaks_no_http_is_told() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, ServerHttp(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(NotHttp, match="speaks no HTTP"):
            await kind_of(http)


async def test_a_plain_server_asked_with_tls_is_told() -> None:
    async with answering(vllm()) as (_, url), ServerHttp(url.replace("http:", "https:")) as http:
        with pytest.raises(NotHttp, match="no TLS"):
            await kind_of(http)


@pytest.mark.parametrize("address", ["nonsense", "ftp://host", "http://", "http://host:port", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="neither a URL nor HOST:PORT"):
        url_of(address)


def test_credentials_in_a_url_are_refused_and_not_quoted() -> None:
    with pytest.raises(UsageError, match="credentials") as failure:
        url_of("https://user:s3cret@host/v1")
    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize(
    ("address", "tls", "url"),
    [
        ("host:8000", False, "http://host:8000"),
        ("host:8000", True, "https://host:8000"),
        ("http://host:8000/v1/", False, "http://host:8000/v1"),
        ("https://host", False, "https://host"),
    ],
)
def test_host_and_port_are_asked_by_http_first(address: str, tls: bool, url: str) -> None:
    assert url_of(address, tls=tls) == url


async def test_a_configuration_that_is_not_there_is_told_before_anything_is_asked() -> None:
    request = ProfileRequest(address="127.0.0.1:1", configuration="/nowhere.yaml")
    with pytest.raises(UsageError, match=r"--configuration /nowhere\.yaml"):
        async with server_at(request, TritonOptions()):
            pass
