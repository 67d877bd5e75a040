"""Requests and pushes arrive at a collector as spans."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from charter_engine.api.tracing import Tracing, tracing
from charter_engine.contracts.commands import Push, StartCanary
from charter_engine.contracts.deploy import Diff, PushReport
from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord
from charter_engine.contracts.tracing import TraceContext
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.tracing import traced
from tests.collector import Collector, collecting
from tests.unit.gateway.scripted import StandIn, before_upstream

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

TRACE = TraceContext(trace_id="4b" * 16, span_id="cd" * 8, parent_id="ab" * 8)
SERVER, INTERNAL = 2, 1


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture
async def spans(collector: Collector) -> AsyncIterator[Tracing]:
    told = tracing(collector.url)
    assert told is not None
    yield told
    await told.close()


def record(**fields: object) -> GatewayRecord:
    told: dict[str, object] = {
        "at": 1000.0,
        "request_id": "r-1",
        "route": "/v1/chat/completions",
        "model": "tiny",
        "session": "s-1",
        "node": "Agent.step",
        "prompt_tokens": 50,
        "output_tokens": 7,
        "reused_tokens": 32,
        "ttft_ms": 120.0,
        "total_ms": 1500.0,
        "trace": TRACE,
    }
    return GatewayRecord(**{**told, **fields})  # type: ignore[arg-type]


async def test_a_request_of_the_gateway_is_a_span_by_the_conventions(
    spans: Tracing, collector: Collector
) -> None:
    spans.exchange(GatewayExchange(record(), body=b"a secret", prompt="a secret"))
    await spans.close()
    (span,) = collector.spans
    assert (span.name, span.kind, span.error) == ("chat tiny", SERVER, "")
    assert (span.trace_id, span.span_id, span.parent_id) == (
        TRACE.trace_id,
        TRACE.span_id,
        TRACE.parent_id,
    )
    assert (span.begin, span.end) == (1000.0, 1001.5)
    assert span.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "triton",
        "gen_ai.request.model": "tiny",
        "gen_ai.request.stream": False,
        "gen_ai.conversation.id": "s-1",
        "gen_ai.usage.input_tokens": 50,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.usage.cache_read.input_tokens": 32,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.time_to_first_chunk": 0.12,
        "http.response.status_code": 200,
        "url.path": "/v1/chat/completions",
        "charter.node": "Agent.step",
        "charter.request_id": "r-1",
    }
    assert span.resource["service.name"] == "charter"


async def test_what_passed_the_gateway_is_beneath_its_span_with_what_became_of_its_tokens(
    spans: Tracing, collector: Collector
) -> None:
    spans.exchange(GatewayExchange(record()))
    passed = TrafficRecord(
        at=1000.1, request_id="r-1", source="gateway", node="Agent.step", total_ms=900.0
    )
    stranger = TrafficRecord(at=1000.2, request_id="r-9", node="Agent.step", error="refused")
    spans.requests([(passed, PromptParts(reused=32, evicted=16)), (stranger, None)])
    await spans.close()
    gateway, beneath, alone = collector.spans
    assert (beneath.trace_id, beneath.parent_id) == (gateway.trace_id, gateway.span_id)
    assert beneath.kind == INTERNAL
    assert beneath.attributes["charter.tokens.evicted"] == 16
    assert "charter.tokens.diverged" not in beneath.attributes
    assert (alone.parent_id, alone.error) == ("", "refused")


async def test_a_clients_trace_that_is_not_sampled_is_left_out(
    spans: Tracing, collector: Collector
) -> None:
    unsampled = TraceContext(trace_id="11" * 16, span_id="22" * 8, sampled=False)
    spans.exchange(GatewayExchange(record(trace=unsampled)))
    spans.exchange(GatewayExchange(record()))
    await spans.close()
    assert [span.trace_id for span in collector.spans] == [TRACE.trace_id]


async def test_a_push_is_a_span_whether_it_succeeds_or_fails(
    spans: Tracing, collector: Collector
) -> None:
    async def done() -> object:
        return PushReport(ok=True, revision=3, diff=Diff(base_revision=2), elapsed_ms=1.0)

    async def refused() -> object:
        raise CharterError("Triton refused")

    async def nothing() -> object:
        return None

    push = Push(base_revision=2)
    assert await traced(spans, push, done()) == await done()
    with pytest.raises(CharterError):
        await traced(spans, push, refused())
    await traced(spans, StartCanary(), nothing())
    await spans.close()
    assert [(span.name, span.error) for span in collector.spans] == [
        ("push", ""),
        ("push", "Triton refused"),
    ]
    assert collector.spans[0].attributes["charter.revision"] == 3


async def test_a_trace_goes_from_a_client_through_the_gateway_to_the_collector_and_upstream(
    spans: Tracing, collector: Collector
) -> None:
    upstream = StandIn()
    headers = {"traceparent": f"00-{TRACE.trace_id}-{TRACE.parent_id}-01"}
    async with (
        before_upstream(upstream) as gateway,
        aiohttp.ClientSession() as session,
        session.post(gateway.url + "/v1/chat/completions", json={}, headers=headers) as answer,
    ):
        assert answer.status == 200
    for exchange in gateway.exchanges:
        spans.exchange(exchange)
    await spans.close()
    (span,) = collector.spans
    assert (span.trace_id, span.parent_id) == (TRACE.trace_id, TRACE.parent_id)
    assert upstream.headers[0]["traceparent"] == f"00-{TRACE.trace_id}-{span.span_id}-01"


async def test_a_collector_that_is_away_holds_nobody_up() -> None:
    told = tracing("http://127.0.0.1:1")
    assert told is not None
    for _ in range(100):
        told.exchange(GatewayExchange(record()))
    async with asyncio.timeout(20):
        await told.close()


def test_without_a_collector_there_are_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracing(None) is None


async def test_opentelemetrys_own_variables_name_a_collector(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "our-gateway")
    told = tracing(None)
    assert told is not None
    told.exchange(GatewayExchange(record()))
    await told.close()
    assert collector.spans[0].resource["service.name"] == "our-gateway"


def test_without_its_packages_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charter_engine.monitor.tracing.exporter", None)
    with pytest.raises(UsageError, match="needs OpenTelemetry") as refused:
        tracing("http://127.0.0.1:4318")
    assert refused.value.remedy == "pip install 'charter-kv[telemetry]'"
