"""Tensors in and out by profile, and what is refused."""

from typing import Any

import numpy as np
import pytest
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from charter_engine.embedded.engine.contract import PROFILES, engine_config_pbtxt, profile_version
from charter_engine.embedded.engine.decode import decode_request
from charter_engine.embedded.engine.encode import encode_progress
from charter_engine.embedded.engine.errors import EngineConfigError, InvalidRequest
from charter_engine.embedded.engine.requests import KvCounters, RequestProgress, Times
from charter_engine.kvcache import TokenRange

BASE = {
    "input_ids": np.array([[5, 6, 7, 0]], np.int32),
    "input_lengths": np.array([[3]], np.int32),
    "request_output_len": np.array([[9]], np.int32),
}


def config(profile: str, **parameters: str) -> model_config_pb2.ModelConfig:
    text = engine_config_pbtxt({"gpt_model_path": "/engine", **parameters}, profile)
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def names(profile: str) -> tuple[set[str], set[str]]:
    parsed = config(profile)
    return {tensor.name for tensor in parsed.input}, {tensor.name for tensor in parsed.output}


def test_retention_inputs_came_with_25_01() -> None:
    for profile, expected in (
        ("24.10", False),
        ("24.12", False),
        ("25.01", True),
        ("25.05", True),
        ("26.07", True),
    ):
        assert ("retention_token_range_starts" in names(profile)[0]) == expected


def test_reuse_counters_came_with_24_12_and_times_with_25_05() -> None:
    for profile, counters, times in (
        ("24.10", False, False),
        ("24.12", True, False),
        ("25.05", True, True),
    ):
        outputs = names(profile)[1]
        assert ("kv_cache_reused_blocks" in outputs, "first_token_time_ns" in outputs) == (
            counters,
            times,
        )


def test_the_switch_for_counters_was_renamed() -> None:
    switches = {"return_kv_cache_reuse_stats", "return_perf_metrics"}
    found = [names(profile)[0] & switches for profile in PROFILES]
    assert found == [
        set(),
        {"return_kv_cache_reuse_stats"},
        {"return_kv_cache_reuse_stats"},
        {"return_perf_metrics"},
        {"return_perf_metrics"},
    ]


def test_later_names_of_seed_and_shortest_output() -> None:
    assert {"random_seed", "min_length"} <= names("25.05")[0]
    assert {"seed", "min_tokens"} <= names("26.07")[0]
    assert not {"random_seed", "min_length"} & names("26.07")[0]


def test_only_the_prompt_and_its_lengths_are_required() -> None:
    required = {tensor.name for tensor in config("26.07").input if not tensor.optional}
    assert required == set(BASE)


def test_parameters_are_strings_that_survive_quoting() -> None:
    parsed = config("26.07", gpt_model_path='/a "b"\\c')
    assert parsed.parameters["gpt_model_path"].string_value == '/a "b"\\c'
    assert parsed.max_batch_size > 0


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineConfigError, match=r"24\.10, 24\.12, 25\.01, 25\.05, 26\.07"):
        profile_version("25.06")


def test_a_prompt_is_cut_to_its_length() -> None:
    (row,) = decode_request(BASE, "7").rows
    assert (row.prompt, row.max_tokens, row.retention) == ((5, 6, 7), 9, None)


@pytest.mark.parametrize(
    ("asked", "ends"),
    [({}, None), ({"end_id": np.array([[-1]])}, None), ({"end_id": np.array([[5]])}, 5)],
)
def test_a_text_ends_with_the_token_that_its_request_names_and_with_no_other(
    asked: dict[str, NDArray[Any]], ends: int | None
) -> None:
    (row,) = decode_request({**BASE, **asked}, "7").rows
    assert row.sampling.end_id == ends


def test_a_batch_becomes_one_request_a_row() -> None:
    tensors = {name: np.repeat(tensor, 3, axis=0) for name, tensor in BASE.items()}
    assert [row.request_id for row in decode_request(tensors, "7").rows] == ["7#0", "7#1", "7#2"]


@pytest.mark.parametrize("name", sorted(BASE))
def test_a_missing_required_input_is_named(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"input {name} is missing"):
        decode_request({key: value for key, value in BASE.items() if key != name}, "7")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lora_task_id", 1),
        ("draft_input_ids", 1),
        ("prompt_vocab_size", 1),
        ("beam_width", 2),
        ("num_return_sequences", 2),
        ("return_context_logits", 1),
        ("temperature", -1),
        ("runtime_top_p", 1.5),
        ("runtime_top_k", -1),
        ("repetition_penalty", 0),
        ("input_lengths", 5),
        ("input_lengths", 0),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidRequest, match=name):
        decode_request({**BASE, name: np.array([[value]])}, "7")


def test_unsupported_inputs_that_ask_for_nothing_are_accepted() -> None:
    for name, value in (("beam_width", 1), ("len_penalty", 1.0), ("return_context_logits", False)):
        decode_request({**BASE, name: np.array([[value]])}, "7")


def ranges(starts: list[int], **others: list[int]) -> dict[str, NDArray[Any]]:
    columns = {"starts": starts, **others}
    return {f"retention_token_range_{name}": np.array([values]) for name, values in columns.items()}


def test_retention_ranges_arrive_with_minus_one_as_open_end_and_no_expiry() -> None:
    given = ranges([0, 32], ends=[32, -1], priorities=[90, 10], durations_ms=[-1, 500])
    retention = (
        decode_request({**BASE, **given, "retention_decode_priority": np.array([[70]])}, "7")
        .rows[0]
        .retention
    )
    assert retention is not None
    assert retention.ranges == (TokenRange(0, 32, 90, None), TokenRange(32, None, 10, 500))
    assert (retention.decode_priority, retention.decode_duration_ms) == (70, None)


def test_a_count_of_tokens_to_keep_makes_it_a_truncation_of_every_row() -> None:
    decoded = decode_request({**BASE, "num_tokens_to_keep": np.array([[1]])}, "7")
    length = int(BASE["input_lengths"][0, 0])
    assert decoded.truncations == ((tuple(BASE["input_ids"][0, :length].tolist()), 1),)
    assert decoded.rows == ()
    with pytest.raises(InvalidRequest, match="num_tokens_to_keep is -1"):
        decode_request({**BASE, "num_tokens_to_keep": np.array([[-1]])}, "7")


def test_decode_retention_alone_is_ignored_as_in_the_real_backend() -> None:
    assert (
        decode_request({**BASE, "retention_decode_priority": np.array([[70]])}, "7")
        .rows[0]
        .retention
        is None
    )


def test_ranges_without_ends_or_of_unlike_length_are_refused_in_the_backends_words() -> None:
    for given in (ranges([0], priorities=[9]), ranges([0, 5], ends=[5, 9, 11], priorities=[1, 2])):
        with pytest.raises(
            InvalidRequest, match="retention_token_range_ends must be provided, and have the same"
        ):
            decode_request({**BASE, **given}, "7")


def test_a_priority_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="101"):
        decode_request({**BASE, **ranges([0], ends=[-1], priorities=[101])}, "7")


def test_stop_words_are_unpacked_from_tokens_and_ends() -> None:
    packed = np.array([[[4, 5, 6, 0], [1, 3, -1, -1]]], np.int32)
    assert decode_request({**BASE, "stop_words_list": packed}, "7").rows[0].sampling.stop_words == (
        (4,),
        (5, 6),
    )


def test_extra_ids_count_only_when_there_is_one_for_each_prompt_token() -> None:
    for count, expected in ((3, (8, 8, 8)), (2, None)):
        extra = np.full((1, count), 8, np.uint64)
        assert (
            decode_request({**BASE, "prompt_table_extra_ids": extra}, "7").rows[0].extra_ids
            == expected
        )


PROGRESS = RequestProgress(
    tokens=(1, 2),
    total_tokens=2,
    finish_reason="length",
    counters=KvCounters(allocated_new=1, allocated_total=2, reused=3, missed=4, reused_tokens=60),
    times=Times(arrival=1, first_scheduled=2, first_token=3, last_token=4),
)


def encoded(
    profile: str = "26.07", exclude: bool = False, **inputs: object
) -> dict[str, NDArray[Any]]:
    tensors = {**BASE, **{name: np.array([[value]]) for name, value in inputs.items()}}
    return encode_progress(
        decode_request(tensors, "7"), 0, PROGRESS, profile_version(profile), exclude
    )


def test_the_output_begins_with_the_prompt_unless_it_is_excluded_or_streamed() -> None:
    assert encoded()["output_ids"].tolist() == [[[5, 6, 7, 1, 2]]]
    assert encoded()["sequence_length"].tolist() == [[5]]
    assert encoded(exclude=True)["output_ids"].tolist() == [[[1, 2]]]
    assert encoded(streaming=True)["output_ids"].tolist() == [[[1, 2]]]


def test_counters_and_times_come_only_when_asked_for() -> None:
    assert "kv_cache_reused_blocks" not in encoded()
    full = encoded(return_perf_metrics=True)
    assert full["kv_cache_reused_blocks"].tolist() == [[3]]
    assert full["kv_cache_alloc_total_blocks"].tolist() == [[2]]
    assert full["kv_cache_reused_tokens"].tolist() == [[60]]
    assert (full["first_token_time_ns"] - full["arrival_time_ns"]).tolist() == [[2]]


def test_an_older_profile_has_the_counters_under_the_older_switch_and_no_times() -> None:
    old = encoded("24.12", return_kv_cache_reuse_stats=True)
    assert old["kv_cache_alloc_new_blocks"].tolist() == [[1]]
    assert "first_token_time_ns" not in old and "kv_cache_reused_tokens" not in old
