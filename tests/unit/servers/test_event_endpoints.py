"""Where servers publish their KV events, and how that is followed from here."""

import pytest

from charter_engine.contracts.server import EventEndpoint
from charter_engine.servers.event_endpoints import is_listened_on, ranked, source_at
from charter_engine.servers.sglang import SglangServer
from charter_engine.servers.vllm import VllmServer
from tests.unit.servers.answering import asked, sglang, vllm

SOURCES = {
    str(rank): {
        "enable_kv_cache_events": True,
        "endpoint": f"tcp://*:{5557 + rank}",
        "replay_endpoint": f"tcp://*:{6557 + rank}",
    }
    for rank in (1, 0)
}


def published(*endpoints: str) -> tuple[EventEndpoint, ...]:
    return tuple(EventEndpoint(published=endpoint) for endpoint in endpoints)


async def test_a_vllm_tells_the_endpoint_of_each_rank() -> None:
    async with asked(vllm(kv_event_sources=SOURCES)) as (_, http):
        profile = await VllmServer(http).profile()
    assert [(one.published, one.replayed) for one in profile.event_endpoints] == [
        ("tcp://*:5557", "tcp://*:6557"),
        ("tcp://*:5558", "tcp://*:6558"),
    ]


@pytest.mark.parametrize("told", [404, {}, {"0": {"enable_kv_cache_events": False}}])
async def test_a_vllm_that_publishes_nothing_names_the_option(told: object) -> None:
    async with asked(vllm(kv_event_sources=told)) as (_, http):
        profile = await VllmServer(http).profile()
    assert profile.event_endpoints == ()
    assert any("--kv-events-config" in one.option for one in profile.hidden)


@pytest.mark.parametrize(
    ("config", "endpoints"),
    [
        ('{"publisher": "zmq"}', ["tcp://*:5557", "tcp://*:5558"]),
        ({"publisher": "zmq", "endpoint": "tcp://*:7000"}, ["tcp://*:7000", "tcp://*:7001"]),
        ('{"publisher": "null"}', []),
        ("of the future", []),
        (None, []),
    ],
)
async def test_the_ranks_of_an_sglang_follow_from_how_it_was_started(
    config: object, endpoints: list[str]
) -> None:
    async with asked(sglang({"kv_events_config": config, "dp_size": 2})) as (_, http):
        profile = await SglangServer(http).profile()
    assert [one.published for one in profile.event_endpoints] == endpoints


@pytest.mark.parametrize("everywhere", ["*", "0.0.0.0", "[::]"])
def test_what_is_published_everywhere_is_reached_at_the_servers_own_host(everywhere: str) -> None:
    source = source_at(published(f"tcp://{everywhere}:5557"), "https://gpu7:8000")
    assert source is not None
    assert (source.address, source.listen) == ("tcp://gpu7:5557", False)


def test_all_ranks_are_followed_with_what_each_replays() -> None:
    source = source_at(ranked("tcp://*:5557", "tcp://*:6557", 2), "http://[::1]:8000")
    assert source is not None
    assert source.address == "tcp://[::1]:5557,tcp://[::1]:5558"
    assert source.replay == "tcp://[::1]:6557,tcp://[::1]:6558"


def test_a_publisher_that_connects_is_listened_for_at_its_address() -> None:
    source = source_at(published("tcp://127.0.0.1:5557"), "http://gpu7:8000")
    assert source is not None
    assert (source.address, source.listen) == ("tcp://127.0.0.1:5557", True)


@pytest.mark.parametrize(
    ("endpoint", "listened_on"),
    [("tcp://*:5557", True), ("tcp://10.0.0.7:5557", False), ("ipc:///run/events", True)],
)
def test_a_server_listens_where_it_names_no_host(endpoint: str, listened_on: bool) -> None:
    assert is_listened_on(endpoint) == listened_on


def test_nothing_is_followed_where_nothing_is_published() -> None:
    assert source_at((), "http://gpu7:8000") is None
