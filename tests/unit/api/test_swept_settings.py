"""Settings to sweep, as they are typed."""

import pytest

from charter_engine.api.swept_settings import combinations
from charter_engine.errors import UsageError


def test_nothing_typed_is_one_setting_as_assumed() -> None:
    assert combinations([]) == ({},)


def test_every_combination_of_the_values_is_a_setting() -> None:
    typed = ["tokens_per_block=16,32", "reuse=on,off"]
    assert combinations(typed) == (
        {"tokens_per_block": 16, "reuse": True},
        {"tokens_per_block": 16, "reuse": False},
        {"tokens_per_block": 32, "reuse": True},
        {"tokens_per_block": 32, "reuse": False},
    )


def test_numbers_may_be_grouped() -> None:
    assert combinations(["gpu_tokens=200_000"]) == ({"gpu_tokens": 200_000},)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("gpu_block=3", "gpu_block: no such setting"),
        ("gpu_blocks", "gpu_blocks: no value"),
        ("gpu_blocks=many", "'many' is no whole number"),
        ("eviction=oldest", "not one of leaf, flat"),
        ("reuse=perhaps", "not one of true, false"),
    ],
)
def test_what_is_no_setting_is_refused(typed: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        combinations([typed])


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["gpu_blocks=3", "gpu_tokens=96"], "gpu_tokens and gpu_blocks both give a pool's size"),
        (
            ["host_tokens=96", "host_blocks=3"],
            "host_tokens and host_blocks both give a pool's size",
        ),
        (["gpu_blocks=3", "gpu_blocks=4"], "gpu_blocks: given twice"),
    ],
)
def test_what_says_the_same_twice_is_refused(typed: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        combinations(typed)
