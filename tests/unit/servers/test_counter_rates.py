"""What a server's counters grew by."""

from charter_engine.contracts.live import ServerCounters
from charter_engine.servers.counter_rates import rates_between


def test_tokens_are_told_by_the_second_and_their_hit_rate_is_of_the_time_between() -> None:
    before = ServerCounters(prompt_tokens=1_000, reused_tokens=900, reuse="measured")
    after = ServerCounters(prompt_tokens=1_400, reused_tokens=1_000, reuse="measured")
    rates = rates_between(before, after, 2.0)
    assert (rates.prompt_tokens, rates.reused_tokens, rates.hit_rate) == (200.0, 50.0, 0.25)
    assert rates.reuse == "measured"


def test_where_blocks_alone_are_counted_the_hit_rate_is_that_of_blocks() -> None:
    before = ServerCounters(reused_blocks=10, missed_blocks=10, reuse="measured")
    after = ServerCounters(reused_blocks=13, missed_blocks=11, reuse="measured")
    rates = rates_between(before, after, 1.0)
    assert (rates.hit_rate, rates.prompt_tokens) == (0.75, None)


def test_counters_that_fell_began_anew_and_tell_nothing() -> None:
    before = ServerCounters(prompt_tokens=1_000, reused_tokens=900)
    after = ServerCounters(prompt_tokens=10, reused_tokens=0)
    rates = rates_between(before, after, 1.0)
    assert (rates.prompt_tokens, rates.reused_tokens, rates.hit_rate) == (None, None, None)


def test_a_second_without_a_request_has_no_hit_rate() -> None:
    still = ServerCounters(prompt_tokens=1_000, reused_tokens=900)
    rates = rates_between(still, still, 1.0)
    assert (rates.prompt_tokens, rates.hit_rate) == (0.0, None)


def test_blocks_are_counted_by_the_second_where_there_are_no_tokens() -> None:
    before = ServerCounters(reused_blocks=10, missed_blocks=10)
    after = ServerCounters(reused_blocks=13, missed_blocks=11)
    assert rates_between(before, after, 2.0).prompt_blocks == 2.0
