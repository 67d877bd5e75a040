"""What a gateway takes of its clients, and what it does with those that give more or nothing."""

import asyncio
import json

import aiohttp
import pytest

from charter_engine.api.gateway import listening
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayLimits, GatewayRequest
from charter_engine.errors import CharterError, UsageError
from charter_engine.gateway.asking import Text
from tests.unit.gateway.scripted import ANY_PORT, ENDED, HELLO, Opened, ScriptedModel, before_model
from tests.waiting import until

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}


def limited(**limits: float) -> GatewayRequest:
    return GatewayRequest(listen=ANY_PORT, models=("tiny",), limits=GatewayLimits(**limits))  # type: ignore[arg-type]


async def post(
    gateway: Opened, body: bytes, path: str = CHAT, **headers: str
) -> tuple[int, dict[str, dict[str, str]]]:
    """Status and body of the answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(gateway.url + path, data=body, headers=headers) as answer,
    ):
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "tiny", "messages": [',
        b'["model"]',
        b"\x00\xff",
        b'{"model": "tiny", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
        b'{"model": 5, "messages": []}',
        b'{"messages": []}',
        b'{"model": "tiny", "messages": {"role": "user"}}',
        b"",
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_in_the_apis_shape(
    body: bytes, path: str
) -> None:
    model = ScriptedModel()
    async with before_model(model) as gateway:
        status, answer = await post(gateway, body, path)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert model.asked == []


async def test_a_zero_byte_in_a_text_is_text() -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "a\x00b"}]}
    async with before_model(ScriptedModel()) as gateway:
        status, _ = await post(gateway, json.dumps(body).encode())
    assert status == 200


async def test_a_body_that_is_too_long_is_refused() -> None:
    body = json.dumps(ASKED | {"user": "x" * 3000}).encode()
    async with before_model(ScriptedModel(), limited(body_bytes=2000)) as gateway:
        openai_status, _ = await post(gateway, body)
        status, answer = await post(gateway, body, MESSAGES)
    assert openai_status == status == 413
    assert answer["error"]["type"] == "request_too_large"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"X-Session-Id: s\x01", "Invalid header value char"),
        (b"X-Api-Key: my-key\x00", "Invalid header value char"),
        (b"X\x1b: s", "Invalid header token"),
        (b"X-Long: " + b"x" * 3000, "Got more than 1000 bytes when reading"),
    ],
)
async def test_what_is_not_http_is_refused_with_one_line_that_quotes_nothing(
    header: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with before_model(ScriptedModel(), limited(header_bytes=1000)) as gateway:
        reader, writer = await asyncio.open_connection(*gateway.address.split(":"))
        writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        status = await reader.readline()
        writer.close()
    assert status.split()[1] == b"400"
    (record,) = caplog.records
    assert record.getMessage() == f"refused what is not HTTP: {reason}"
    assert (record.levelname, record.exc_info) == ("WARNING", None)


async def test_headers_that_are_too_long_are_refused() -> None:
    async with (
        before_model(ScriptedModel(), limited(header_bytes=1000)) as gateway,
        aiohttp.ClientSession() as session,
    ):
        headers = {"X-Long": "x" * 3000}
        async with session.post(gateway.url + CHAT, json=ASKED, headers=headers) as answer:
            assert answer.status == 400


async def test_a_client_that_sends_slowly_is_let_go_and_hurts_nobody() -> None:
    request = limited(receive_seconds=0.2, at_once=1)
    async with before_model(ScriptedModel(), request) as gateway:
        host, port = gateway.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n".encode())
        writer.write(b'{"model": ')
        await writer.drain()
        status, _ = await post(gateway, json.dumps(ASKED).encode())
        assert status == 200
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


async def test_one_request_more_than_may_is_told_to_come_again() -> None:
    model = ScriptedModel()
    model.may_answer.clear()
    body = json.dumps(ASKED).encode()
    async with before_model(model, limited(at_once=1)) as gateway:
        first = asyncio.create_task(post(gateway, body))
        await until(lambda: model.asked)
        status, answer = await post(gateway, body)
        model.may_answer.set()
        assert (await first)[0] == 200
        assert (await post(gateway, body))[0] == 200
    assert status == 429
    assert answer["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_takes_too_long_is_given_up(stream: bool) -> None:
    model = ScriptedModel(seconds_between=5)
    body = json.dumps(ASKED | {"stream": stream}).encode()
    async with (
        before_model(model, limited(deadline_seconds=0.2)) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, data=body) as answer,
    ):
        said = await answer.text()
    assert answer.status == (200 if stream else 504)
    assert "was not there after 0.2 s" in said
    assert model.cancelled.is_set()


async def test_a_client_that_goes_away_cancels_its_request() -> None:
    model = ScriptedModel((*HELLO[:1], *[Text("x")] * 1000, ENDED), seconds_between=0.01)
    async with before_model(model) as gateway, aiohttp.ClientSession() as session:
        answer = await session.post(gateway.url + CHAT, json=ASKED | {"stream": True})
        await answer.content.readline()
        answer.close()
        await until(lambda: gateway.records)
        assert gateway.records[0].finish == "cancelled"


async def test_a_client_that_goes_away_before_the_first_piece_cancels_its_request() -> None:
    model = ScriptedModel(seconds_between=30)
    async with before_model(model) as gateway, aiohttp.ClientSession() as session:
        with pytest.raises(TimeoutError):
            timeout = aiohttp.ClientTimeout(total=0.2)
            await session.post(gateway.url + CHAT, json=ASKED, timeout=timeout)
        await asyncio.wait_for(model.cancelled.wait(), 60)


async def test_a_client_that_reads_nothing_is_let_go_at_the_deadline() -> None:
    model = ScriptedModel((*[Text("x" * 100_000)] * 200, ENDED))
    async with before_model(model, limited(deadline_seconds=0.3)) as gateway:
        host, port = gateway.address.split(":")
        _reader, writer = await asyncio.open_connection(host, int(port), limit=1000)
        body = json.dumps(ASKED | {"stream": True}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await asyncio.wait_for(model.cancelled.wait(), 60)
        status, _ = await post(gateway, json.dumps(ASKED | {"n": 2}).encode())
        assert status == 400
        writer.close()


async def test_each_request_has_one_id_in_and_out() -> None:
    async with before_model(ScriptedModel()) as gateway, aiohttp.ClientSession() as session:
        headers = {"X-Request-Id": "mine"}
        async with session.post(gateway.url + CHAT, json=ASKED, headers=headers) as answer:
            assert answer.headers["X-Request-Id"] == "mine"
        async with session.post(gateway.url + CHAT, json=ASKED) as answer:
            given = answer.headers["X-Request-Id"]
    assert [record.request_id for record in gateway.records] == ["mine", given]


async def test_the_record_of_a_request_tells_what_it_took_and_the_body_is_with_it() -> None:
    async with before_model(ScriptedModel()) as gateway, aiohttp.ClientSession() as session:
        headers = {"X-Session-Id": "s-1"}
        async with session.post(gateway.url + CHAT, json=ASKED, headers=headers) as answer:
            await answer.read()
    exchange = gateway.exchanges[0]
    record = exchange.record
    assert json.loads(exchange.body) == ASKED
    assert (record.source, record.route, record.model) == ("gateway", CHAT, "tiny")
    assert (record.session, record.node, record.finish) == ("s-1", "greet", "stop")
    assert (record.prompt_tokens, record.output_tokens, record.reused_tokens) == (50, 2, 32)
    assert record.total_ms is not None


@pytest.mark.parametrize("header", ["X-Dynamo-Session-Final", "X-Charter-Session-Final"])
@pytest.mark.parametrize(("value", "ends"), [("true", True), ("1", True), ("false", False)])
async def test_a_client_says_that_its_session_ends(header: str, value: str, ends: bool) -> None:
    async with (
        before_model(ScriptedModel()) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, json=ASKED, headers={header: value}) as answer,
    ):
        await answer.read()
    assert gateway.exchanges[0].record.ends_session == ends


async def test_a_path_that_nobody_answers_is_told_in_openais_shape() -> None:
    async with before_model(ScriptedModel()) as gateway:
        status, answer = await post(gateway, b"{}", "/v1/embeddings")
    assert status == 404
    assert "POST /v1/embeddings" in answer["error"]["message"]


@pytest.mark.parametrize("header", [("Authorization", "Bearer {}"), ("X-Api-Key", "{}")])
async def test_with_a_key_only_who_shows_it_is_answered(header: tuple[str, str]) -> None:
    request = GatewayRequest(listen=ANY_PORT, models=("tiny",), key="secret")
    body = json.dumps(ASKED).encode()
    name, form = header
    async with before_model(ScriptedModel(), request) as gateway:
        assert (await post(gateway, body))[0] == 401
        assert (await post(gateway, body, **{name: form.format("wrong")}))[0] == 401
        assert (await post(gateway, body, **{name: form.format("secret")}))[0] == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://evil.example", 403), ("null", 403), ("http://localhost:3000", 200)],
)
async def test_without_a_key_pages_from_elsewhere_are_refused(origin: str, status: int) -> None:
    body = json.dumps(ASKED).encode()
    async with before_model(ScriptedModel()) as gateway:
        assert (await post(gateway, body, Origin=origin))[0] == status


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "gateway.example:0"])
async def test_an_address_that_others_reach_needs_a_key(address: str) -> None:
    with pytest.raises(UsageError, match="others can reach this address"):
        async with listening(GatewayRequest(listen=address), [TritonOptions()]):
            pass


async def test_of_two_gateways_on_one_port_the_second_is_told() -> None:
    async with before_model(ScriptedModel()) as gateway:
        with pytest.raises(CharterError, match="another program listens there") as refused:
            async with before_model(ScriptedModel(), GatewayRequest(listen=gateway.address)):
                pass
    assert refused.value.exit_code == 2
