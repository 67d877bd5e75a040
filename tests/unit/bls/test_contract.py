"""What models take and give, across versions and kinds of deployments."""

from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from charter_engine.bls.answer import read_answer, without_prompt
from charter_engine.bls.contract import contract_from_config, contract_from_parameters
from charter_engine.bls.retention import Retention, SegmentRetention, TokenRange
from charter_engine.bls.words import word_list
from charter_engine.contracts.plan import SegmentRange
from charter_engine.embedded.engine.contract import PROFILES, engine_config_pbtxt
from charter_engine.triton.client import contract_of, inputs_for, typed_error
from charter_engine.triton.errors import (
    InvalidInput,
    ModelFailed,
    TritonError,
    TritonRefused,
    Unreachable,
)
from charter_engine.triton.model_config import parse_config
from charter_engine.triton.profile import describe_missing
from charter_engine.triton.request import (
    Contract,
    Generated,
    GenerateRequest,
    PromptPart,
    Sampling,
    bls_inputs,
    engine_inputs,
    llmapi_inputs,
    read_generated,
    with_derived_reuse,
)


def contract_for(profile: str) -> Contract:
    return contract_of(parse_config(engine_config_pbtxt({"gpt_model_path": "/e"}, profile), "x"))


@pytest.mark.parametrize("profile", PROFILES)
def test_charter_bls_reads_the_same_contract_from_the_file_as_triton_shows(
    profile: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.pbtxt"
    path.write_text(engine_config_pbtxt({"gpt_model_path": "/e"}, profile))
    live, read = contract_for(profile), contract_from_config(path)
    assert (frozenset(live.inputs), frozenset(live.outputs)) == (read.inputs, read.outputs)
    assert live.batched == read.batched


def test_a_contract_from_parameters_wins_over_the_file() -> None:
    contract = contract_from_parameters(
        {"inner_inputs": "a,b", "inner_outputs": "c", "inner_max_batch_size": "8"}
    )
    assert contract is not None and contract.inputs == {"a", "b"} and contract.batched
    assert contract_from_parameters({}) is None


def test_a_missing_inner_config_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inner_inputs"):
        contract_from_config(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("profile", "missing"),
    [
        ("24.10", {"retention", "kv_stats", "times"}),
        ("24.12", {"retention", "token_counts", "times"}),
        ("25.01", {"token_counts", "times"}),
        ("25.05", {"token_counts"}),
    ],
)
def test_each_release_lacks_what_came_later(profile: str, missing: set[str]) -> None:
    assert set(describe_missing(contract_for(profile), has_bls=True)) == missing


def test_the_llm_api_has_counters_and_no_retention() -> None:
    llmapi = Contract(
        model="tensorrt_llm",
        inputs={"text_input": "STRING", "sampling_param_max_tokens": "INT32"},
        outputs={"kv_cache_reused_block": "INT32", "first_token_time_ns": "INT64"},
    )
    assert set(describe_missing(llmapi, has_bls=False)) == {
        "retention",
        "token_counts",
        "plan_push",
    }


def test_only_inputs_that_the_release_has_are_sent() -> None:
    retention = Retention(ranges=(TokenRange(start=0, end=4, priority=80),))
    request = GenerateRequest(
        token_ids=(1, 2, 3), max_tokens=4, retention=retention, sampling=Sampling(seed=5)
    )
    old, new = (engine_inputs(request, contract_for(profile)) for profile in ("24.10", "26.07"))
    assert "retention_token_range_starts" not in old and "random_seed" in old
    assert new["retention_token_range_starts"].tolist() == [[0]] and "seed" in new
    assert set(old) <= set(contract_for("24.10").inputs)


def test_segments_carry_their_positions_and_known_tokens() -> None:
    parts = (PromptPart("a", 0), PromptPart("b", 1, (7, 8)))
    arrays = bls_inputs(
        GenerateRequest(
            parts=parts, max_tokens=1, retention=SegmentRetention(ranges=(SegmentRange(),))
        )
    )
    assert arrays["segment_positions"].tolist() == [0, 1]
    assert arrays["segment_token_counts"].tolist() == [0, 2]
    assert arrays["segment_token_ids"].tolist() == [7, 8]
    assert b'"first": 0' in arrays["charter_retention"][0]


def test_the_llm_api_takes_the_joined_text() -> None:
    arrays = llmapi_inputs(
        GenerateRequest(
            parts=(PromptPart("a"), PromptPart("b")), max_tokens=3, sampling=Sampling(top_k=4)
        )
    )
    assert arrays["text_input"].tolist() == [b"ab"]
    assert arrays["sampling_param_top_k"].tolist() == [4]


def test_a_text_for_the_engine_itself_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidInput, match="charter_bls"):
        inputs_for(GenerateRequest(text="hello", max_tokens=1), contract_for("26.07"))


def test_numbers_that_arrive_as_text_are_read() -> None:
    generated = read_generated(
        {
            "text_output": np.array([b"hi"], object),
            "kv_cache_reused_block": np.array([b"3"], object),
            "arrival_time_ns": np.array([b"1000000"], object),
            "first_token_time_ns": np.array([b"3000000"], object),
        },
        None,
        5.0,
    )
    assert (generated.text, generated.reused_blocks, generated.ttft_ms) == ("hi", 3, 2.0)
    assert generated.alloc_new_blocks is None


def test_reused_tokens_are_bounded_by_the_prompt_where_only_blocks_are_told() -> None:
    arrays = {"output_ids": np.array([[[1, 2, 0]]]), "sequence_length": np.array([[2]])}
    answer = read_answer(
        {**arrays, "kv_cache_reused_blocks": np.array([2])}, prompt_tokens=64, tokens_per_block=32
    )
    assert (answer.output_ids, answer.reused_tokens, answer.missed_blocks) == ((1, 2), 63, 0)
    assert read_answer(arrays, 64, 32).reused_tokens is None


def test_what_a_server_counts_in_blocks_alone_is_derived_in_tokens() -> None:
    told = Generated(text="", prompt_tokens=100, reused_blocks=1)
    derived = with_derived_reuse(told, 32)
    assert (derived.reused_tokens, derived.missed_blocks) == (32, 3)


@pytest.mark.parametrize(
    ("told", "tokens_per_block"),
    [
        (Generated(text="", prompt_tokens=100), 32),
        (Generated(text="", prompt_tokens=100, reused_blocks=1), None),
        (Generated(text="", reused_blocks=1), 32),
    ],
)
def test_where_nothing_is_told_nothing_is_derived(
    told: Generated, tokens_per_block: int | None
) -> None:
    assert with_derived_reuse(told, tokens_per_block) == told


def test_tokens_that_the_server_counted_are_not_derived_anew() -> None:
    told = Generated(text="", prompt_tokens=100, reused_blocks=1, reused_tokens=20)
    assert with_derived_reuse(told, 32).reused_tokens == 20


def test_stop_words_are_tokens_and_offsets_of_equal_length() -> None:
    assert word_list([[1, 2], [3]]) == [[1, 2, 3], [2, 3, -1]]
    assert word_list([[5]]) == [[5], [1]]


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (
            "StatusCode.UNAVAILABLE",
            "This protocol is restricted, expecting header 'triton-grpc-protocol-admin-key'",
            TritonRefused,
        ),
        ("StatusCode.UNAVAILABLE", "failed to connect to all addresses", Unreachable),
        (
            "StatusCode.UNAVAILABLE",
            "explicit model load / unload is not allowed if polling is enabled",
            TritonRefused,
        ),
        (
            "StatusCode.INVALID_ARGUMENT",
            "load failed for model 'x': ... \n\nAt:\n  model.py(3)",
            TritonRefused,
        ),
        ("StatusCode.DEADLINE_EXCEEDED", "Deadline Exceeded", Unreachable),
        ("StatusCode.INTERNAL", "the engine is out of blocks", ModelFailed),
        (
            "StatusCode.UNAVAILABLE",
            "Request for unknown model: 'x' has no available versions",
            ModelFailed,
        ),
    ],
)
def test_errors_are_sorted_by_what_can_be_done(
    status: str, message: str, kind: type[TritonError]
) -> None:
    error = typed_error(InferenceServerException(message, status), "x", "host:8001")
    assert type(error) is kind
    assert "At:" not in error.message


@pytest.mark.parametrize(
    ("output", "generated"),
    [((5, 6, 7, 8), (7, 8)), ((7, 8), (7, 8)), ((5, 9, 7), (5, 9, 7)), ((5, 6), ()), ((5,), (5,))],
)
def test_a_prompt_that_is_repeated_before_the_answer_is_no_part_of_it(
    output: tuple[int, ...], generated: tuple[int, ...]
) -> None:
    assert tuple(without_prompt(np.array(output), (5, 6))) == generated


def test_a_server_that_answers_grpc_by_http_is_told_with_who_can_use_it() -> None:
    said = "Failed parsing HTTP/2 (Trying to connect an http1.x server (HTTP status 400))"
    error = typed_error(InferenceServerException(said, "StatusCode.UNAVAILABLE"), "x", "host:8000")
    assert (error.kind, error.exit_code) == ("unreachable", 3)
    assert "speaks HTTP" in error.message
    assert "profile host:8000" in error.remedy and "--server URL" in error.remedy
