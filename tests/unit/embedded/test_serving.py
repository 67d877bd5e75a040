"""The engine model in a real Triton: its contract on the wire."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from tritonclient.utils import InferenceServerException

from charter_engine.bls.tokenizer import load_tokenizer
from charter_engine.embedded.engine.repository_files import engine_files, llmapi_files, stock_files
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from tests.unit.embedded.serving import YES, Serving, engine_directory, prompt, serving
from tests.waiting import until_found

IDS = [index % 1000 + 10 for index in range(100)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    """The engine with its stock models around it."""
    directory = tmp_path_factory.mktemp("plain")
    engine = engine_directory(directory)
    files = engine_files(engine, {"max_tokens_in_paged_kv_cache": "6400"}) | stock_files(engine)
    models = ("tensorrt_llm", "preprocessing", "postprocessing", "ensemble", "tensorrt_llm_bls")
    async with serving(directory, files, *models) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoupled(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    directory = tmp_path_factory.mktemp("decoupled")
    files = engine_files(engine_directory(directory), decoupled=True)
    async with serving(directory, files, "tensorrt_llm") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def llmapi(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Serving]:
    directory = tmp_path_factory.mktemp("llmapi")
    settings: dict[str, object] = {"kv_cache_config": {"tokens_per_block": 16, "max_tokens": 6400}}
    async with serving(
        directory, llmapi_files(engine_directory(directory), settings), "tensorrt_llm"
    ) as made:
        yield made


pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_the_second_request_reuses_what_the_first_computed_and_says_the_same(
    plain: Serving,
) -> None:
    first = await plain.call("tensorrt_llm", **prompt(IDS), return_perf_metrics=YES)
    second = await plain.call("tensorrt_llm", **prompt(IDS), return_perf_metrics=YES)
    assert second["output_ids"] == first["output_ids"]
    assert first["output_ids"][0][0][:100] == IDS
    assert second["kv_cache_reused_tokens"] == [[99]]
    assert second["kv_cache_reused_blocks"] == [[4]]
    times = [
        second[f"{name}_time_ns"][0][0]
        for name in ("arrival", "first_scheduled", "first_token", "last_token")
    ]
    assert times == sorted(times)


async def test_counters_stay_away_unless_asked_for(plain: Serving) -> None:
    assert "kv_cache_reused_blocks" not in await plain.call("tensorrt_llm", **prompt(IDS))


async def test_gauges_follow_the_engine(plain: Serving) -> None:
    before = await plain.settled()
    reused = plain.gauge(before, "nv_trt_llm_kv_cache_block_metrics", "reused")
    for _ in range(2):
        await plain.call("tensorrt_llm", **prompt([index + 2000 for index in range(65)]))
    (lengths,) = (name for name in before if name.startswith("nv_llm_input_token_len_count"))
    page = await until_found(plain.metrics, lambda page: page[lengths] == before[lengths] + 2)
    page = await plain.settled()
    family = "nv_trt_llm_kv_cache_block_metrics"
    assert plain.gauge(page, family, "max") == plain.gauge(page, family, "free") == 200
    assert plain.gauge(page, family, "used") == 0
    assert plain.gauge(page, family, "tokens_per") == 32
    assert plain.gauge(page, family, "reused") - reused == 2
    assert page[lengths] - before[lengths] == 2


async def test_many_requests_in_flight_are_all_answered_alike(plain: Serving) -> None:
    answers = await asyncio.gather(
        *(plain.call("tensorrt_llm", **prompt(IDS[index % 5 :], 8)) for index in range(40))
    )
    for index, answer in enumerate(answers):
        assert answer["output_ids"] == answers[index % 5]["output_ids"]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"lora_task_id": np.array([[1]], np.uint64)}, "input lora_task_id is not supported"),
        ({"streaming": YES}, "need model_transaction_policy.decoupled"),
        (
            {"request_output_len": np.array([[0]], np.int32)},
            "request_output_len must be at least 1",
        ),
        (
            {"request_output_len": np.array([[8000]], np.int32)},
            "raise max_tokens_in_paged_kv_cache",
        ),
        (
            {"input_ids": np.array([[5000]], np.int32), "input_lengths": np.array([[1]], np.int32)},
            r"0\.\.4095",
        ),
        (
            {"retention_token_range_starts": np.array([[0]], np.int32)},
            "retention_token_range_ends must be provided",
        ),
    ],
)
async def test_refusals_reach_the_client_in_words(
    plain: Serving, tensors: dict[str, object], words: str
) -> None:
    with pytest.raises(InferenceServerException, match=words):
        await plain.call("tensorrt_llm", **{**prompt(IDS), **tensors})


def is_active(serving: Serving, page: Mapping[str, float]) -> bool:
    """Whether its engine works on a request."""
    return serving.gauge(page, "nv_trt_llm_request_metrics", "active") == 1


async def test_a_client_that_goes_away_frees_its_blocks(plain: Serving) -> None:
    task = asyncio.create_task(plain.call("tensorrt_llm", **prompt(IDS, 3000)))
    await until_found(plain.metrics, lambda page: is_active(plain, page))
    task.cancel()
    await until_found(
        plain.metrics,
        lambda page: plain.gauge(page, "nv_trt_llm_kv_cache_block_metrics", "used") == 0,
    )


@pytest.mark.parametrize("model", ["ensemble", "tensorrt_llm_bls"])
async def test_the_stock_models_take_text_and_give_counters_but_no_retention(
    plain: Serving, model: str
) -> None:
    tokenizer = load_tokenizer(tokenizer_path())
    text = (
        "The committee reviewed the report and asked for the missing figures before the month "
        "ended."
    )
    tensors: dict[str, Any] = {
        "text_input": np.array([[text.encode()]], object),
        "max_tokens": np.array([[6]], np.int32),
    }
    answer = await plain.call(model, **tensors, return_perf_metrics=YES)
    said = answer["text_output"][0][0].decode()
    assert said.startswith(text)
    assert len(tokenizer.encode(said).ids) == len(tokenizer.encode(text).ids) + 6
    assert "kv_cache_reused_blocks" in answer
    config = await plain.client.get_model_config(model, as_json=True)
    assert not [
        tensor["name"] for tensor in config["config"]["input"] if "retention" in tensor["name"]
    ]


async def test_streaming_gives_each_token_as_it_comes(decoupled: Serving) -> None:
    (whole,) = [
        answer for answer in await decoupled.stream("tensorrt_llm", **prompt(IDS, 6)) if answer
    ]
    parts = [
        answer
        for answer in await decoupled.stream("tensorrt_llm", **prompt(IDS, 6), streaming=YES)
        if answer
    ]
    assert len(parts) == 6
    assert [token for part in parts for token in part["output_ids"][0][0]] == whole["output_ids"][
        0
    ][0][100:]


async def test_several_prompts_in_one_request_are_told_apart_by_batch_index(
    decoupled: Serving,
) -> None:
    tensors: dict[str, Any] = {
        name: np.repeat(value, 3, axis=0) for name, value in prompt(IDS, 3).items()
    }
    answers = [answer for answer in await decoupled.stream("tensorrt_llm", **tensors) if answer]
    assert sorted(answer["batch_index"][0][0] for answer in answers) == [0, 1, 2]


async def test_a_stop_request_of_the_same_id_ends_the_first(decoupled: Serving) -> None:
    running = asyncio.create_task(decoupled.stream("tensorrt_llm", "mine", **prompt(IDS, 4000)))
    await until_found(decoupled.metrics, lambda page: is_active(decoupled, page))
    await asyncio.sleep(0.3)  # for its first tokens
    await decoupled.stream("tensorrt_llm", "mine", **prompt(IDS, 1), stop=YES)
    answers = [answer for answer in await asyncio.wait_for(running, 60) if answer]
    assert 100 < len(answers[-1]["output_ids"][0][0]) < 4000


async def test_llmapi_numbers_travel_as_strings_and_its_block_size_comes_from_model_yaml(
    llmapi: Serving,
) -> None:
    tensors: dict[str, Any] = {
        "text_input": np.array(
            [b"The committee reviewed the report and asked for the missing figures, twice."], object
        ),
        "sampling_param_max_tokens": np.array([5], np.int32),
        "sampling_param_return_perf_metrics": np.array([True]),
        "return_finish_reason": np.array([True]),
    }
    await llmapi.call("tensorrt_llm", **tensors)
    answer = await llmapi.call("tensorrt_llm", **tensors)
    assert int(answer["kv_cache_reused_block"][0]) >= 1
    assert answer["kv_cache_missed_block"] == [b"0"]
    assert answer["kv_cache_hit_rate"] == [b"1.0"]
    assert answer["finish_reason"] == [b"length"]


async def test_llmapi_refusals_carry_its_own_words(llmapi: Serving) -> None:
    tensors: dict[str, Any] = {
        "text_input": np.array([b"a"], object),
        "image_url": np.array([b"x"], object),
    }
    with pytest.raises(
        InferenceServerException, match="Error generating request: input image_url is not supported"
    ):
        await llmapi.call("tensorrt_llm", **tensors)


async def test_llmapi_publishes_no_engine_metrics(llmapi: Serving) -> None:
    assert not [name for name in await llmapi.metrics() if name.startswith("nv_trt_llm")]
