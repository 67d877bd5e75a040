"""Where a body belongs, in any of the APIs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.gateway.content import affinity_of_body
from charter_engine.routing.affinity import Affinity, affinity_of

SYSTEM = {"role": "system", "content": "s" * 5000}
FIRST = {"role": "user", "content": "first"}
ANSWER = {"role": "assistant", "content": "answer"}


def affinity(**body: object) -> Affinity:
    return affinity_of_body("", json.dumps(body).encode())


@pytest.mark.parametrize("field", ["messages", "input"])
def test_a_conversation_that_goes_on_belongs_where_it_began(field: str) -> None:
    began = affinity(**{field: [SYSTEM, FIRST]})
    went_on = affinity(**{field: [SYSTEM, FIRST, ANSWER, {"role": "user", "content": "more"}]})
    assert began.key == went_on.key
    assert went_on.grains[: len(began.grains)] == began.grains


def test_conversations_with_another_opening_need_not_meet() -> None:
    other = {"role": "user", "content": "other"}
    assert affinity(messages=[SYSTEM, FIRST]).key != affinity(messages=[SYSTEM, other]).key


def test_completions_meet_by_how_they_begin() -> None:
    head = "h" * 2000
    assert affinity(prompt=head + "one").key == affinity(prompt=head + "other").key


def test_what_is_no_prompt_makes_no_difference() -> None:
    assert affinity(messages=[FIRST], max_tokens=1) == affinity(messages=[FIRST], temperature=2.0)


def test_functions_and_instructions_are_part_of_what_is_cached() -> None:
    assert affinity(messages=[FIRST], tools=[{"a": 1}]) != affinity(messages=[FIRST])
    assert affinity(input="x", instructions="a") != affinity(input="x")


@given(st.binary())
def test_a_body_that_cannot_be_read_still_belongs_somewhere(body: bytes) -> None:
    assert isinstance(affinity_of_body("", body), Affinity)


def test_of_a_body_that_cannot_be_read_the_session_tells() -> None:
    assert affinity_of_body("s", b"{") == affinity_of("s", b"")
