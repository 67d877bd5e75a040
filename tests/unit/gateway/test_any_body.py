"""Whatever comes as a body is read, or refused in the API's words."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.gateway.asking import Asking
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.opening import CHAT, COMPLETIONS, MESSAGES, RESPONSES, dialects

ROUTES = [CHAT, COMPLETIONS, RESPONSES, MESSAGES]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", 5])},
    optional={
        "content": st.text() | st.lists(st.fixed_dictionaries({"type": st.text(), "text": VALUES})),
        "tool_calls": VALUES,
        "type": st.sampled_from(["message", "function_call", "reasoning", "other"]),
    },
)
BODIES = st.fixed_dictionaries(
    {"model": st.just("tiny")},
    optional={
        "messages": st.lists(MESSAGE, max_size=3),
        "input": st.text() | st.lists(MESSAGE, max_size=3),
        "prompt": st.text() | st.lists(st.integers() | st.text(), max_size=3),
        "max_tokens": st.integers() | VALUES,
        **dict.fromkeys(["temperature", "seed", "stop", "tools", "tool_choice", "n"], VALUES),
    },
)


def read(dialect: Dialect, body: bytes) -> Asking | None:
    """What was asked; None where it was refused with a status and words."""
    try:
        return dialect.read(body)
    except GatewayError as error:
        assert error.status == 400
        assert error.message
        msgspec.json.encode(dialect.error(error))
        return None


@pytest.mark.parametrize("route", ROUTES)
@settings(max_examples=40)
@given(body=BODIES)
def test_a_body_is_read_or_refused(route: str, body: dict[str, object]) -> None:
    read(dialects()[route], json.dumps(body).encode())


@pytest.mark.parametrize("route", ROUTES)
@given(body=st.binary(max_size=60))
def test_bytes_are_refused(route: str, body: bytes) -> None:
    assert read(dialects()[route], body) is None


@pytest.mark.parametrize("route", ROUTES)
def test_what_is_nested_without_end_is_refused(route: str) -> None:
    assert read(dialects()[route], b'{"model": ' + b"[" * 100_000) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 0},
        {"max_tokens": -1},
        {"max_tokens": 2**40},
        {"temperature": -0.1},
        {"top_p": 1.5},
        {"seed": 2**70},
        {"top_k": 0},
    ],
)
def test_numbers_beyond_what_the_engine_takes_are_refused(fields: dict[str, float]) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], **fields}
    assert read(dialects()[CHAT], json.dumps(body).encode()) is None


def test_a_seed_with_a_sign_is_taken() -> None:
    body = {"model": "tiny", "prompt": "hi", "seed": -1}
    asked = read(dialects()[COMPLETIONS], json.dumps(body).encode())
    assert asked is not None
    assert asked.sampling.seed == 2**64 - 1
