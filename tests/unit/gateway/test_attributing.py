"""Which node the requests of a gateway belong to, by what was sent."""

import json

import pytest

from charter_engine.bls.plan import Form, Node
from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord
from charter_engine.gateway.attributing import Attributing
from charter_engine.traffic.attribution import Attribution

CHAT = Form(
    ("<|system|>\n", "You are a clerk.", "\n<|user|>\n", "Sort: ", None, "\n<|assistant|>\n"),
    (0, 0, 1, 1, 2, 2),
    "as written",
)
NODES = (
    Node("sort", (CHAT,)),
    Node("greet", (Form(("Greet ", None, "."), (0, 1, 2), "as written"),)),
)
MESSAGES = [{"role": "user", "content": "Sort: this letter"}]
SYSTEM = {"role": "system", "content": "You are a clerk."}


def passed(route: str, body: object) -> GatewayRecord:
    heard: list[GatewayExchange] = []
    record = GatewayRecord(at=1.0, request_id="r", route=route, node="as the server found")
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    Attributing(Attribution(NODES), heard.append)(GatewayExchange(record, content))
    return heard[0].record


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/v1/chat/completions", {"model": "m", "messages": [SYSTEM, *MESSAGES]}),
        (
            "/v1/messages",
            {"model": "m", "max_tokens": 5, "system": SYSTEM["content"], "messages": MESSAGES},
        ),
        ("/v1/responses", {"model": "m", "instructions": SYSTEM["content"], "input": MESSAGES}),
    ],
)
def test_messages_of_every_api_are_known(route: str, body: object) -> None:
    assert passed(route, body).node == "sort"


def test_a_completion_is_known_by_its_text() -> None:
    assert passed("/v1/completions", {"model": "m", "prompt": "Greet Mr Orr."}).node == "greet"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"model": "m", "prompt": [1, 2, 3]}, "token ids"),
        ({"model": "m", "prompt": "Who?"}, "begins like no node"),
        (b"{", "cannot be read"),
    ],
)
def test_what_belongs_to_no_node_is_told_why(body: object, why: str) -> None:
    record = passed("/v1/completions", body)
    assert record.node == "" and why in record.unmatched


def test_other_routes_are_passed_on_as_they_are() -> None:
    assert passed("/v1/models", b"").node == "as the server found"
