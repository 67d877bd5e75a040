"""Spans of what passed, with words and without."""

from typing import Any, cast

import pytest

from charter_engine.api.texts import NOT_KEPT
from charter_engine.api.tracing import Tracing
from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord
from charter_engine.contracts.tracing import TraceContext
from charter_engine.contracts.traffic import TrafficRecord

WORDS = "in the patient's words"
TRACE = TraceContext(trace_id="0" * 31 + "1", span_id="0" * 15 + "1")


class Collected:
    """What was sent."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def take(self, span: object) -> None:
        self.spans.append(span)


@pytest.mark.parametrize(("keeps_text", "told"), [(True, WORDS), (False, NOT_KEPT)])
def test_what_a_server_said_of_a_failed_request_is_sent_only_where_text_is_kept(
    keeps_text: bool, told: str
) -> None:
    collected = Collected()
    tracing = Tracing(cast(Any, collected), keeps_text=keeps_text)
    tracing.requests([(TrafficRecord(at=1.0, error=WORDS), None)])
    record = GatewayRecord(at=1.0, request_id="r", error=WORDS, trace=TRACE)
    tracing.exchange(GatewayExchange(record))
    assert [span.error for span in collected.spans] == [told, told]
