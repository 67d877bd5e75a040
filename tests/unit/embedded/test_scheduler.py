"""Continuous batching over the paged pool.

What is computed, shared, paused, cancelled and counted.
"""

from dataclasses import replace

import pytest

from charter_engine.embedded.engine.requests import TokenSampling
from charter_engine.kvcache import Retention, TokenRange
from tests.unit.embedded.small import generate, request, run, small_scheduler

PROMPT = tuple(range(2, 42))


def computed_tokens(scheduler: object) -> list[int]:
    """Counts the prompt tokens each following iteration computes."""
    counts: list[int] = []
    step = scheduler.step  # type: ignore[attr-defined]

    def counting(now: float) -> None:
        step(now)
        counts.append(scheduler.stats.context_tokens)  # type: ignore[attr-defined]

    scheduler.step = counting  # type: ignore[attr-defined]
    return counts


def test_reused_tokens_are_not_computed_again() -> None:
    scheduler = small_scheduler(blocks=64)
    generate(scheduler, PROMPT)
    counts = computed_tokens(scheduler)
    again = generate(scheduler, PROMPT)
    assert again.counters.reused_tokens == len(PROMPT) - 1
    assert counts[0] == 1


def test_the_same_tokens_come_with_and_without_reuse() -> None:
    reusing, plain = (
        small_scheduler(blocks=64),
        small_scheduler(blocks=64, enable_kv_cache_reuse=False),
    )
    first = generate(reusing, PROMPT, 12).tokens
    assert generate(reusing, PROMPT, 12).tokens == first == generate(plain, PROMPT, 12).tokens


def test_what_was_generated_is_reused_by_the_prompt_that_continues_it() -> None:
    scheduler = small_scheduler(blocks=64)
    spoken = generate(scheduler, PROMPT, 12).tokens
    longer = PROMPT + spoken + (5, 6, 7)
    assert generate(scheduler, longer).counters.reused_tokens == len(PROMPT) + len(spoken) - 1


def test_counters_are_those_of_the_block_manager() -> None:
    scheduler = small_scheduler(blocks=64)
    generate(scheduler, PROMPT)
    counters = generate(scheduler, (*PROMPT[:22], 60, 61)).counters
    assert (counters.reused, counters.missed, counters.reused_tokens) == (6, 0, 22)
    assert counters.allocated_total == 1


def test_requests_in_flight_together_are_decoded_in_one_iteration() -> None:
    scheduler = small_scheduler(blocks=64)
    told = run(scheduler, *(request(str(index), (index + 2, 9, 9), 10) for index in range(5)))
    assert scheduler.iteration == 10
    assert all(len(progress[-1].tokens) == 10 for progress in told.values())


def test_chunks_of_a_long_prompt_alternate_with_the_decode_steps_of_others() -> None:
    scheduler = small_scheduler(blocks=128, enable_chunked_context=True)
    told: dict[str, list[object]] = {"short": [], "long": []}
    scheduler.submit(request("short", (3, 4), 30, streaming=True), told["short"].append, 0)
    scheduler.step(0)
    scheduler.submit(request("long", PROMPT * 2), told["long"].append, 0)
    for _ in range(4):
        scheduler.step(0)
        assert (scheduler.stats.context_tokens, scheduler.stats.generation_requests) == (16, 1)
    assert len(told["short"]) == 5


def test_without_chunks_a_prompt_is_computed_in_one_iteration() -> None:
    scheduler = small_scheduler(blocks=128)
    counts = computed_tokens(scheduler)
    generate(scheduler, PROMPT * 3)
    assert counts[0] == 120


def test_guaranteed_no_evict_admits_only_what_can_finish() -> None:
    scheduler = small_scheduler(blocks=10)
    for name in ("a", "b"):
        scheduler.submit(request(name, PROMPT[:12], 12), lambda _: None, 0)
    scheduler.step(0)
    assert (len(scheduler.running), len(scheduler.waiting)) == (1, 1)


def test_max_utilization_admits_more_then_pauses_and_recomputes_without_changing_the_text() -> None:
    alone = {
        name: generate(small_scheduler(blocks=64), (first, *PROMPT[:11]), 16).tokens
        for name, first in ORDER
    }
    scheduler = small_scheduler(blocks=10, batch_scheduler_policy="max_utilization")
    paused = 0
    told: dict[str, list[object]] = {name: [] for name, _ in ORDER}
    for name, first in ORDER:
        scheduler.submit(request(name, (first, *PROMPT[:11]), 16), told[name].append, 0)
    scheduler.step(0)
    assert len(scheduler.running) == 2
    while not scheduler.idle:
        scheduler.step(0)
        paused += scheduler.stats.paused
    assert paused > 0
    assert {name: progress[-1].tokens for name, progress in told.items()} == alone  # type: ignore[attr-defined]


ORDER = (("a", 50), ("b", 51), ("c", 52))


def test_content_pushed_to_the_host_tier_comes_back_unchanged() -> None:
    scheduler = small_scheduler(blocks=12, host_blocks=40)
    first = generate(scheduler, PROMPT, 6).tokens
    for start in (1, 2, 3):
        generate(scheduler, tuple((token * 7 + start) % 60 + 2 for token in PROMPT), 6)
    before = scheduler.manager.counters.onboards
    again = generate(scheduler, PROMPT, 6)
    assert scheduler.manager.counters.onboards > before
    assert again.tokens == first


def test_retention_keeps_a_prompt_that_would_be_evicted() -> None:
    kept = Retention(ranges=(TokenRange(0, None, 90),))
    for retention, survives in ((None, False), (kept, True)):
        scheduler = small_scheduler(blocks=16)
        generate(scheduler, PROMPT, 1, retention=retention)
        for start in (1, 2, 3):
            generate(scheduler, tuple((token * 7 + start) % 60 + 2 for token in PROMPT[:20]), 1)
        assert (
            generate(scheduler, PROMPT, 1).counters.reused_tokens == len(PROMPT) - 1
        ) == survives


def test_a_cancelled_request_ends_at_once_and_frees_its_blocks() -> None:
    scheduler = small_scheduler(blocks=64)
    told: list[object] = []
    scheduler.submit(request("gone", PROMPT, 30), told.append, 0)
    for _ in range(4):
        scheduler.step(0)
    assert scheduler.cancel("gone")
    assert not scheduler.cancel("gone")
    assert told[-1].finish_reason == "cancelled"  # type: ignore[attr-defined]
    assert scheduler.manager.free_gpu_blocks == 64


def test_a_prompt_cancelled_half_computed_leaves_nothing_wrong_to_reuse() -> None:
    scheduler = small_scheduler(blocks=64, enable_chunked_context=True)
    expected = generate(small_scheduler(blocks=64), PROMPT).tokens
    scheduler.submit(request("gone", PROMPT), lambda _: None, 0)
    scheduler.step(0)
    scheduler.cancel("gone")
    after = generate(scheduler, PROMPT)
    assert after.counters.reused_tokens == 16
    assert after.tokens == expected


def test_streaming_tells_every_token_once_and_counts_them() -> None:
    scheduler = small_scheduler(blocks=64)
    whole = generate(scheduler, PROMPT, 7).tokens
    told = run(scheduler, request("s", PROMPT, 7, streaming=True))["s"]
    assert [progress.total_tokens for progress in told] == [1, 2, 3, 4, 5, 6, 7]
    assert sum((progress.tokens for progress in told), ()) == whole
    assert [progress.finished for progress in told] == [False] * 6 + [True]


def test_an_end_id_ends_the_text_and_is_not_part_of_it_unless_tokens_are_still_wanted() -> None:
    scheduler = small_scheduler(blocks=64)
    tokens = generate(scheduler, PROMPT, 8).tokens
    end = tokens[3]
    at = tokens.index(end)
    ended = generate(scheduler, PROMPT, 8, sampling=TokenSampling(end_id=end))
    assert (ended.tokens, ended.finish_reason) == (tokens[:at], "end_id")
    longer = generate(scheduler, PROMPT, 8, sampling=TokenSampling(end_id=end, min_tokens=8))
    assert len(longer.tokens) == 8 and end not in longer.tokens


def test_stop_words_end_the_text_and_are_part_of_it() -> None:
    scheduler = small_scheduler(blocks=64)
    tokens = generate(scheduler, PROMPT, 8).tokens
    stopped = generate(
        scheduler, PROMPT, 8, sampling=TokenSampling(stop_words=((63, 63), tokens[2:4]))
    )
    assert (stopped.tokens, stopped.finish_reason) == (tokens[:4], "stop_words")


def test_sampling_with_a_seed_gives_the_same_text_in_any_company() -> None:
    sampling = TokenSampling(top_k=10, temperature=1.5, seed=11)
    alone = generate(small_scheduler(blocks=64), PROMPT, 12, sampling=sampling).tokens
    mine = replace(request("mine", PROMPT, 12), sampling=sampling)
    other = replace(request("other", PROMPT[5:], 12), sampling=replace(sampling, seed=12))
    assert run(small_scheduler(blocks=64), other, mine)["mine"][-1].tokens == alone


def test_log_probabilities_and_scores_come_one_a_token_where_asked_for() -> None:
    answer = generate(
        small_scheduler(blocks=64), PROMPT, 5, return_log_probs=True, return_logits=True
    )
    assert len(answer.log_probs) == len(answer.logits) == 5
    assert all(probability < 0 for probability in answer.log_probs)
    assert [int(row.argmax()) for row in answer.logits] == list(answer.tokens)


def test_times_move_forward() -> None:
    times = generate(small_scheduler(blocks=64), PROMPT).times
    assert 0 < times.first_scheduled <= times.first_token <= times.last_token


@pytest.mark.parametrize("reuse", [True, False])
def test_gauges_are_the_managers_numbers(reuse: bool) -> None:
    scheduler = small_scheduler(blocks=20, enable_kv_cache_reuse=reuse)
    scheduler.submit(request("a", PROMPT[:10], 20), lambda _: None, 0)
    scheduler.step(0)
    assert scheduler.stats.free_blocks == scheduler.manager.free_gpu_blocks == 17
    assert scheduler.stats.active == 1
    while not scheduler.idle:
        scheduler.step(0)
    assert (scheduler.stats.free_blocks, scheduler.stats.active) == (20, 0)
