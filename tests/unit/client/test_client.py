"""The client that an agent is given."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from charter_engine.client import AsyncClient, Client, endpoint
from charter_engine.errors import CharterError, UsageError

Generate = Callable[..., str]
COMPLETED = {"choices": [{"text": " and so on"}]}


@dataclass
class Server:
    """Answers what it is told to, and remembers what it was asked."""

    address: str = ""
    status: int = 200
    answer: Any = None
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server(answer=COMPLETED)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.asked.append((self.path, dict(self.headers), body))
            content = json.dumps(told.answer).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"127.0.0.1:{http.server_port}"
    thread = Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield told
    http.shutdown()
    http.server_close()
    thread.join()


def waiting(**given: Any) -> Generate:
    return Client(**given).generate


def on_a_loop(**given: Any) -> Generate:
    async def generate(*args: Any) -> str:
        async with AsyncClient(**given) as client:
            return await client.generate(*args)

    return lambda *args: asyncio.run(generate(*args))


@pytest.fixture(params=[waiting, on_a_loop])
def of(request: pytest.FixtureRequest) -> Callable[..., Generate]:
    """Makes a client, and gives its way to generate."""
    made: Callable[..., Generate] = request.param
    return made


def test_a_gateway_is_asked_for_a_completion(server: Server, of: Callable[..., Generate]) -> None:
    generate = of(base_url=f"http://{server.address}/v1/", session="s-1", api_key="secret")
    assert generate("Once", 7) == " and so on"
    ((path, headers, body),) = server.asked
    assert (path, body["prompt"], body["max_tokens"]) == ("/v1/completions", "Once", 7)
    assert headers["X-Charter-Session"] == "s-1"
    assert headers["Authorization"] == "Bearer secret"


def test_triton_is_asked_by_its_generate_endpoint(
    server: Server, of: Callable[..., Generate]
) -> None:
    server.answer = {"text_output": "upon a time"}
    assert of(triton=server.address, session="s-1")("Once", 7) == "upon a time"
    ((path, _, body),) = server.asked
    assert path == "/v2/models/charter_bls/generate"
    assert body == {"text_input": "Once", "max_tokens": 7, "charter_session": "s-1"}


@pytest.mark.parametrize(
    "answer", [{"error": "too long"}, {"error": {"message": "too long", "type": "invalid"}}]
)
def test_what_is_refused_is_told_in_the_servers_words(
    server: Server, of: Callable[..., Generate], answer: Any
) -> None:
    server.status, server.answer = 400, answer
    with pytest.raises(CharterError, match="answered 400: too long") as failed:
        of(base_url=server.address)("Once", 7)
    assert failed.value.kind == "refused"


def test_a_missing_key_is_told_with_the_variable_to_set(
    server: Server, of: Callable[..., Generate]
) -> None:
    server.status, server.answer = 401, {}
    with pytest.raises(CharterError, match="CHARTER_API_KEY"):
        of(base_url=server.address)("Once", 7)


@pytest.mark.parametrize("answer", [[], {}, {"choices": []}, {"choices": [{"text": None}]}])
def test_what_is_no_answer_is_told(
    server: Server, of: Callable[..., Generate], answer: Any
) -> None:
    server.answer = answer
    with pytest.raises(CharterError, match="holds no text"):
        of(base_url=server.address)("Once", 7)


def test_a_server_that_is_not_there_is_unreachable(of: Callable[..., Generate]) -> None:
    with pytest.raises(CharterError) as failed:
        of(triton="127.0.0.1:1")("Once", 7)
    assert failed.value.kind == "unreachable"
    assert "charter_bls" in failed.value.remedy


def test_the_environment_says_where_to_where_the_program_does_not() -> None:
    both = {"CHARTER_BASE_URL": "http://one:1", "CHARTER_TRITON": "two:2"}
    assert endpoint(None, None, None, "", both).url == "http://one:1/v1/completions"
    del both["CHARTER_BASE_URL"]
    assert endpoint(None, None, None, "", both).url.startswith("http://two:2/v2/")
    given = endpoint("http://three:3", None, None, "", both)
    assert given.url == "http://three:3/v1/completions"


@pytest.mark.parametrize("given", [(None, None), ("http://one:1", "two:2"), ("ftp://one:1", None)])
def test_a_client_that_leads_nowhere_is_refused_at_once(
    given: tuple[str | None, str | None],
) -> None:
    with pytest.raises(UsageError):
        endpoint(*given, None, "", {})


def test_importing_it_loads_nothing_that_takes_long() -> None:
    script = "import charter_engine.client, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"aiohttp", "numpy", "msgspec", "grpc", "tritonclient"}
