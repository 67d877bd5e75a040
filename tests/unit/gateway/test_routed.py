"""In front of several servers, requests go where what they share is, and around those that fail."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import openai
import pytest

from charter_engine.gateway import readiness
from tests.unit.gateway.scripted import Opened, StandIn, before_upstreams
from tests.unit.gateway.test_openai_chat import HI, client_of

CHAT = "/v1/chat/completions"


async def ask(gateway: Opened, session: str = "", stream: bool = False) -> str:
    """What the answer says."""
    client = client_of(gateway)
    headers = {"X-Session-Id": session} if session else {}
    if stream:
        pieces = await client.chat.completions.create(
            model="tiny", messages=HI, stream=True, extra_headers=headers
        )
        return "".join(
            [piece.choices[0].delta.content or "" async for piece in pieces if piece.choices]
        )
    whole = await client.chat.completions.create(model="tiny", messages=HI, extra_headers=headers)
    return whole.choices[0].message.content or ""


def answered(upstreams: Sequence[StandIn]) -> list[int]:
    """How many requests each got."""
    return [len(upstream.bodies) for upstream in upstreams]


async def test_the_requests_of_a_session_go_to_one_server() -> None:
    upstreams = [StandIn(), StandIn(), StandIn()]
    async with before_upstreams(upstreams) as gateway:
        for _ in range(6):
            await ask(gateway, "one")
    assert sorted(answered(upstreams)) == [0, 0, 6]


async def test_sessions_are_spread() -> None:
    upstreams = [StandIn(), StandIn()]
    async with before_upstreams(upstreams) as gateway:
        for number in range(40):
            await ask(gateway, f"session {number}")
    assert min(answered(upstreams)) > 5


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "failing",
    [StandIn(status=503), StandIn(status=429), StandIn(dies_after=0)],
    ids=["unavailable", "full", "dies"],
)
async def test_a_request_that_a_server_fails_is_answered_by_another(
    failing: StandIn, stream: bool
) -> None:
    if failing.dies_after == 0 and not stream:
        pytest.skip("it dies in streams alone")
    async with before_upstreams([failing, StandIn()]) as gateway:
        said = [await ask(gateway, f"session {number}", stream) for number in range(8)]
    assert said == ["Hello world"] * 8
    assert {record.status for record in gateway.records} == {200}


async def test_a_server_that_fails_gets_nothing_more_until_it_is_ready(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "EVERY_SECONDS", 3600)
    failing = StandIn(status=503)
    async with before_upstreams([failing, StandIn()]) as gateway:
        for number in range(20):
            await ask(gateway, f"session {number}")
    assert len(failing.bodies) == 1


async def test_a_server_that_says_it_is_not_ready_gets_nothing_new() -> None:
    draining, other = StandIn(), StandIn()
    draining.health = 503
    async with before_upstreams([draining, other]) as gateway:
        await until_ready(gateway, [False, True])
        for number in range(8):
            await ask(gateway, f"session {number}")
        draining.health = 200
        await until_ready(gateway, [True, True])
    assert answered([draining, other]) == [0, 8]


async def until_ready(gateway: Opened, wanted: list[bool]) -> None:
    """Wait until the gateway takes the servers to be as ready as that."""
    async with asyncio.timeout(60):
        while True:
            if [row["ready"] for row in await servers_of(gateway)] == wanted:
                return
            await asyncio.sleep(0.02)


async def servers_of(gateway: Opened) -> list[dict[str, Any]]:
    """How the gateway says that its servers stand."""
    async with (
        aiohttp.ClientSession(raise_for_status=True) as session,
        session.get(f"{gateway.url}/servers") as answer,
    ):
        listed: list[dict[str, Any]] = (await answer.json())["servers"]
        return listed


async def test_an_answer_that_breaks_off_in_the_middle_is_told_and_not_begun_anew() -> None:
    upstreams = [StandIn(dies_after=1), StandIn(dies_after=1)]
    async with before_upstreams(upstreams) as gateway:
        with pytest.raises(openai.APIError):
            await ask(gateway, stream=True)
    assert sum(answered(upstreams)) == 1


async def test_where_all_fail_the_client_is_told() -> None:
    async with before_upstreams([StandIn(status=503), StandIn(status=503)]) as gateway:
        with pytest.raises(openai.InternalServerError, match="takes no more requests") as failed:
            await ask(gateway)
    assert failed.value.status_code == 503


async def test_a_refusal_is_the_clients_and_no_other_server_is_asked() -> None:
    upstreams = [StandIn(status=404), StandIn(status=404)]
    async with before_upstreams(upstreams) as gateway:
        with pytest.raises(openai.NotFoundError, match="no such model"):
            await ask(gateway)
    assert sum(answered(upstreams)) == 1


async def test_the_record_names_the_server_that_answered() -> None:
    async with before_upstreams([StandIn(status=503), StandIn()]) as gateway:
        for number in range(4):
            await ask(gateway, f"session {number}")
        listed = await servers_of(gateway)
    assert {record.server for record in gateway.records if record.route == CHAT} == {
        listed[1]["server"]
    }


async def test_one_server_alone_needs_no_routes() -> None:
    async with before_upstreams([StandIn(status=503)]) as gateway:
        with pytest.raises(openai.InternalServerError, match="no such model"):
            await ask(gateway)
        with pytest.raises(aiohttp.ClientResponseError, match="404"):
            await servers_of(gateway)


async def test_a_response_is_continued_whichever_server_gave_it() -> None:
    async with before_upstreams([StandIn(), StandIn()]) as gateway:
        client = client_of(gateway)
        last = await client.responses.create(model="tiny", input="Hi")
        for number in range(4):
            last = await client.responses.create(
                model="tiny", input=f"more {number}", previous_response_id=last.id
            )
    assert last.output_text == "Hello world"
