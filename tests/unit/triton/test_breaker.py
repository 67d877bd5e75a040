"""The circuit breaker of a server."""

import pytest

from charter_engine.triton.breaker import (
    FAILURES_TO_OPEN,
    FIRST_DELAY_SECONDS,
    LONGEST_DELAY_SECONDS,
    CircuitBreaker,
)
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import Unreachable
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    """Its delays are the longest that are drawn."""
    return CircuitBreaker(clock, draw=lambda: 1.0)


def open_circuit(breaker: CircuitBreaker) -> None:
    for _ in range(FAILURES_TO_OPEN):
        breaker.failed()


def test_it_is_closed_until_some_calls_in_a_row_have_failed(breaker: CircuitBreaker) -> None:
    for _ in range(FAILURES_TO_OPEN - 1):
        breaker.failed()
    assert (breaker.state, breaker.admits()) == ("closed", True)
    breaker.answered()
    breaker.failed()
    assert breaker.state == "closed"


def test_open_it_admits_nothing_until_its_delay_is_over(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_circuit(breaker)
    assert (breaker.state, breaker.admits()) == ("open", False)
    assert breaker.seconds_left == pytest.approx(FIRST_DELAY_SECONDS)
    clock.now += FIRST_DELAY_SECONDS
    assert breaker.state == "half-open"


def test_half_open_it_admits_one_call(breaker: CircuitBreaker, clock: Clock) -> None:
    open_circuit(breaker)
    clock.now += FIRST_DELAY_SECONDS
    assert [breaker.admits(), breaker.admits()] == [True, False]


def test_a_call_that_never_ended_does_not_keep_it_half_open(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_circuit(breaker)
    clock.now += FIRST_DELAY_SECONDS
    breaker.admits()
    clock.now += LONGEST_DELAY_SECONDS
    assert breaker.admits()


def test_an_answer_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    open_circuit(breaker)
    clock.now += FIRST_DELAY_SECONDS
    breaker.admits()
    breaker.answered()
    assert (breaker.state, breaker.admits(), breaker.admits()) == ("closed", True, True)


def test_each_failure_doubles_the_delay_up_to_the_longest(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    open_circuit(breaker)
    delays = []
    for _ in range(6):
        delays.append(breaker.seconds_left)
        clock.now += breaker.seconds_left
        breaker.admits()
        breaker.failed()
    assert delays == pytest.approx([0.5, 1.0, 2.0, 4.0, 5.0, 5.0])


def test_delays_are_drawn_from_their_upper_half(clock: Clock) -> None:
    breaker = CircuitBreaker(clock, draw=lambda: 0.0)
    open_circuit(breaker)
    assert breaker.seconds_left == pytest.approx(FIRST_DELAY_SECONDS / 2)


async def test_a_client_does_not_ask_a_server_whose_circuit_is_open(
    breaker: CircuitBreaker,
) -> None:
    async with TritonClient("127.0.0.1:1", breaker) as client:
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(Unreachable):
                await client.is_ready(1.0)
        assert breaker.state == "open"
        with pytest.raises(Unreachable, match="is asked again in"):
            await client.is_ready(1.0)
