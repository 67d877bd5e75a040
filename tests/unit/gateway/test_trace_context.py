"""A client's trace goes through the gateway, by W3C's Trace Context."""

import re

import aiohttp
import pytest

from charter_engine.gateway.trace_context import trace_of
from tests.unit.gateway.scripted import StandIn, before_upstream

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CHAT = "/v1/chat/completions"


def test_a_span_of_its_own_goes_on_in_the_clients_trace() -> None:
    found = trace_of({"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=x"})
    assert (found.trace_id, found.parent_id, found.sampled) == (TRACE, SPAN, True)
    assert found.span_id != SPAN
    assert found.headers == {
        "traceparent": f"00-{TRACE}-{found.span_id}-01",
        "tracestate": "vendor=x",
    }


def test_what_the_client_does_not_want_recorded_is_said_on() -> None:
    found = trace_of({"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert not found.sampled
    assert found.headers["traceparent"].endswith("-00")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
    ],
)
def test_where_none_is_valid_a_new_trace_begins(given: str) -> None:
    found = trace_of({"traceparent": given, "tracestate": "vendor=x"})
    assert (found.parent_id, found.state) == ("", "")
    assert re.fullmatch(r"[0-9a-f]{32}", found.trace_id) and found.trace_id != TRACE


def test_a_later_version_may_hold_more() -> None:
    assert trace_of({"traceparent": f"01-{TRACE}-{SPAN}-01-more"}).parent_id == SPAN


async def test_an_upstream_is_asked_in_the_clients_trace_beneath_the_gateways_span() -> None:
    upstream = StandIn()
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=x"}
    async with (
        before_upstream(upstream) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + CHAT, json={}, headers=headers) as answer,
    ):
        assert answer.status == 200
    (record,) = gateway.records
    assert record.trace is not None
    assert record.trace.parent_id == SPAN
    sent = upstream.headers[0]
    assert sent["traceparent"] == f"00-{TRACE}-{record.trace.span_id}-01"
    assert sent["tracestate"] == "vendor=x"
