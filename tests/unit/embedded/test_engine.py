"""The engine's thread: what it accepts, and what cannot harm it."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.embedded.engine.engine import ReferenceEngine
from charter_engine.embedded.engine.errors import EngineConfigError, InvalidRequest
from charter_engine.embedded.engine.requests import RequestProgress, Truncation
from charter_engine.embedded.engine.settings import EngineSettings
from tests.unit.embedded.small import request, small_spec

SETTINGS = EngineSettings(gpt_model_path="", max_tokens_in_paged_kv_cache=400)
Answers = queue.Queue[RequestProgress]


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def engine(warnings: list[str]) -> Iterator[ReferenceEngine]:
    made = ReferenceEngine(small_spec(), Path("/nonexistent"), SETTINGS, warnings.append)
    made.start()
    yield made
    made.close()


def test_a_request_is_answered_from_the_engines_thread(engine: ReferenceEngine) -> None:
    answers = Answers()
    engine.submit([(request("a", (3, 4, 5)), answers.put)])
    assert len(answers.get(timeout=60).tokens) == 4


@pytest.mark.parametrize(
    ("prompt", "max_tokens", "words"),
    [
        ((), 4, "the prompt is empty"),
        ((3,), 0, "request_output_len must be at least 1"),
        ((64,), 4, r"input_ids must lie in 0\.\.63"),
        ((-1,), 4, r"input_ids must lie in 0\.\.63"),
        ((3,) * 1024, 4, "max_seq_len is 1024"),
        ((3,) * 500, 4, "raise max_tokens_in_paged_kv_cache"),
    ],
)
def test_a_request_that_can_never_run_is_refused_with_the_reason(
    engine: ReferenceEngine, prompt: tuple[int, ...], max_tokens: int, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words):
        engine.submit([(request("a", prompt, max_tokens), Answers().put)])


def test_of_several_requests_all_are_taken_or_none(engine: ReferenceEngine) -> None:
    answers = Answers()
    with pytest.raises(InvalidRequest):
        engine.submit([(request("a", (3, 4)), answers.put), (request("b", ()), answers.put)])
    engine.submit([(request("a", (3, 4)), answers.put)])
    answers.get(timeout=60)
    assert answers.empty()


def test_an_id_that_is_running_cannot_be_used_again_until_it_has_finished(
    engine: ReferenceEngine,
) -> None:
    answers = Answers()
    engine.submit([(request("a", (3, 4), 300), answers.put)])
    with pytest.raises(InvalidRequest, match="already running"):
        engine.submit([(request("a", (3, 4)), answers.put)])
    engine.cancel("a")
    assert answers.get(timeout=60).finish_reason == "cancelled"
    engine.submit([(request("a", (3, 4)), answers.put)])
    assert answers.get(timeout=60).finish_reason == "length"


def test_output_beyond_the_longest_sequence_is_shortened_and_said(warnings: list[str]) -> None:
    settings = EngineSettings(gpt_model_path="", max_tokens_in_paged_kv_cache=4096)
    engine = ReferenceEngine(small_spec(), Path("/nonexistent"), settings, warnings.append)
    engine.start()
    answers = Answers()
    engine.submit([(request("a", (3,) * 1020, 50), answers.put)])
    assert len(answers.get(timeout=20).tokens) == 4
    assert warnings == ["request_output_len reduced to 4: max_seq_len is 1024"]
    engine.close()


def test_a_client_that_cannot_be_reached_does_not_end_the_others_requests(
    engine: ReferenceEngine, warnings: list[str]
) -> None:
    def gone(_: RequestProgress) -> None:
        raise ConnectionError("gone")

    answers = Answers()
    engine.submit([(request("gone", (3, 4)), gone), (request("here", (3, 4, 5)), answers.put)])
    assert answers.get(timeout=60).finish_reason == "length"
    assert "request gone: its answer could not be delivered" in warnings[0]


def test_what_is_truncated_is_computed_again(engine: ReferenceEngine) -> None:
    prompt = tuple(range(3, 25))
    answers = Answers()
    reused = []
    for request_id, keep_tokens in (("a", 23), ("b", 8), ("c", 8)):
        engine.submit([(request(request_id, prompt, 1), answers.put)])
        answer = answers.get(timeout=60)
        reused.append(answer.counters.reused_tokens)
        engine.truncate([Truncation((*prompt, *answer.tokens), keep_tokens)])
    assert reused == [0, 21, 8]


def test_closing_tells_everybody_and_takes_nothing_more(engine: ReferenceEngine) -> None:
    answers = Answers()
    engine.submit([(request("a", (3, 4), 390), answers.put)])
    engine.close()
    assert answers.get(timeout=60).error == "the engine is shutting down"
    with pytest.raises(InvalidRequest, match="shutting down"):
        engine.submit([(request("b", (3,)), answers.put)])


def test_a_broken_iteration_is_told_to_all_now_and_later(
    engine: ReferenceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr("charter_engine.embedded.engine.transformer.Transformer.logits", broken)
    answers = Answers()
    engine.submit([(request("a", (3, 4)), answers.put)])
    assert "must be reloaded: MemoryError" in answers.get(timeout=60).error
    with pytest.raises(InvalidRequest, match="must be reloaded"):
        engine.submit([(request("b", (3,)), answers.put)])


def test_a_window_shorter_than_the_longest_sequence_is_refused() -> None:
    settings = EngineSettings(gpt_model_path="", max_attention_window_size=100)
    with pytest.raises(EngineConfigError, match="no sliding window"):
        ReferenceEngine(small_spec(), Path("/nonexistent"), settings)
