"""What a layout would make of bodies that passed a gateway."""

import json

import pytest

from charter_engine.api.drafting import default_plan
from charter_engine.api.gateway import message_layout
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.gateway.layout_preview import preview_of_bodies
from charter_engine.gateway.model import ServedModel, read_model
from charter_engine.gateway.opening import CHAT
from charter_engine.gateway.traffic_memory import NO_IDS, PassedBody
from charter_engine.kvcache.manager.settings import PoolSettings
from tests.harbour import ANSWER, RULES

MODEL = read_model(tokenizer_path(), None)
POOL = PoolSettings(512, 4, partial_reuse=False, eviction="vllm")
WRITTEN = default_plan(CompiledFile(path="harbour.py", calls=(ANSWER,)))
PLAN = Plan(
    agent="harbour.py",
    nodes={"answer": NodePlan(layout="prefix-first", apply="traffic", order=(3, 0, 1, 2, 4))},
    identity=WRITTEN.identity,
)


def passed(at: float, *messages: tuple[str, str]) -> PassedBody:
    told = [{"role": role, "content": text} for role, text in messages]
    body = {"model": "m", "messages": told}
    return PassedBody(
        TrafficRecord(at=at, source="gateway"), CHAT, json.dumps(body).encode(), NO_IDS
    )


def asked(at: float, who: str) -> PassedBody:
    """A prompt of the harbour's agent."""
    return passed(at, ("system", f"You speak with {who}.\n{RULES}"), ("user", "Who arrived?"))


BODIES = (asked(1.0, "Ada"), passed(2.0, ("user", "Hello.")), asked(3.0, "Bob"))


def test_each_body_is_laid_out_as_it_would_be_on_its_way() -> None:
    found = preview_of_bodies(BODIES, message_layout(PLAN, (ANSWER,)), MODEL, POOL)
    assert (found.source, found.requests, found.matched, found.laid_out) == (
        "recorded traffic",
        3,
        2,
        2,
    )
    (example,) = found.examples
    assert example.before.index("Ada") < example.before.index(RULES[:20])
    assert example.after.index(RULES[:20]) < example.after.index("Ada")
    assert found.before is not None
    assert found.after is not None
    assert found.after.computed_tokens < found.before.computed_tokens


def test_a_layout_that_moves_nothing_changes_nothing() -> None:
    found = preview_of_bodies(BODIES, message_layout(WRITTEN, (ANSWER,)), MODEL, POOL)
    assert (found.laid_out, found.matched, found.examples) == (0, 0, ())
    assert found.before == found.after


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": 7}'])
def test_a_body_that_cannot_be_read_is_left_out(body: bytes) -> None:
    spoilt = PassedBody(TrafficRecord(at=1.0, source="gateway"), CHAT, body, NO_IDS)
    found = preview_of_bodies([spoilt], message_layout(PLAN, (ANSWER,)), MODEL, POOL)
    assert (found.requests, found.before) == (0, None)


def test_without_the_models_tokenizer_nothing_is_told() -> None:
    found = preview_of_bodies(BODIES, message_layout(PLAN, (ANSWER,)), ServedModel(), POOL)
    assert found.requests == 0
