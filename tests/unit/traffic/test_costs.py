"""What causes cost, and what mending them would give."""

import dataclasses

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.costs import Costs, report_of
from charter_engine.traffic.mending import mended_tokens
from charter_engine.traffic.seen import NO_TOKENS
from tests.situations import QUESTIONS, RULES, Situation, asked, chat

POOL = PoolSettings(4096, 16)
STAMPED = Situation(
    "a time stamp first",
    asked(
        [
            chat(("user", QUESTIONS[0]), system=f"It is 08:{minute}:00. {RULES}")
            for minute in range(10, 22)
        ]
    ),
    "time stamp",
)


def test_what_hashes_alone_tell_is_as_much_as_can_be_and_assumed() -> None:
    texts = [chat(("user", question), system=RULES * 2) for question in QUESTIONS]
    by_hashes = Situation("by hashes", asked(texts, token_ids=NO_TOKENS), "other text").told()
    by_texts = Situation("by texts", asked(texts), "other text").told()
    (told,) = report_of(by_hashes).causes
    assert (told.cause, told.label) == ("other text", "assumed")
    assert told.tokens > 0
    assert report_of(by_texts).causes == ()


def test_what_requests_of_one_cause_cost_is_told_by_the_hour() -> None:
    found = STAMPED.told()
    cost = Costs(found).of(found[-1])
    assert cost is not None
    assert cost.requests == len(found) - 1
    assert cost.tokens == sum(miss.parts.again for miss in found[1:])
    assert cost.seconds == 60.0 * (len(found) - 1)
    assert cost.tokens_per_hour == cost.tokens * 3600 / cost.seconds


def test_a_short_time_tells_nothing_of_an_hour() -> None:
    found = Situation("five minutes", STAMPED.prompts[:6], "time stamp").told()
    cost = Costs(found).of(found[-1])
    assert cost is not None
    assert (cost.seconds, cost.tokens_per_hour) == (300.0, None)
    assert report_of(found).causes[0].tokens_per_hour is None


def test_times_that_nobody_told_make_no_span() -> None:
    untimed = [dataclasses.replace(seen, timed=False) for seen in STAMPED.prompts]
    report = report_of(Situation("no times", untimed, "time stamp").told())
    assert (report.seconds, report.begin) == (0.0, None)


def test_a_request_that_computed_nothing_again_costs_nothing() -> None:
    found = STAMPED.told()
    assert Costs(found).of(found[0]) is None


def test_mending_gives_what_was_computed_again_to_a_grain_of_each_request() -> None:
    found = STAMPED.told()
    again = sum(miss.parts.diverged for miss in found)
    given = mended_tokens(found, "time stamp", "Office.answer", POOL)
    assert abs(given - again) < GRAIN_TOKENS * len(found)


def test_mending_another_cause_or_node_gives_nothing() -> None:
    found = STAMPED.told()
    assert mended_tokens(found, "counter", "Office.answer", POOL) == 0
    assert mended_tokens(found, "time stamp", "Office.ask", POOL) == 0


def test_the_report_adds_up_and_puts_the_most_tokens_first() -> None:
    report = report_of(STAMPED.told(), POOL, lost=3)
    assert report.parts.total == sum(seen.prompt_tokens for seen in STAMPED.prompts)
    assert (report.causes[0].cause, report.causes[0].node) == ("time stamp", "Office.answer")
    assert sum(group.tokens for group in report.hours) == report.causes[0].tokens
    assert report.causes[0].mended_tokens and report.lost == 3
    assert report.predicted_reused is not None


def test_no_traffic_makes_an_empty_report() -> None:
    report = report_of([])
    assert (report.requests, report.causes, report.begin) == (0, (), None)
