"""Server settings: what is accepted, and what the refusal of the rest says."""

import pytest

from charter_engine.contracts.plan import ServerSettings
from charter_engine.contracts.settings import SERVER_SETTINGS, SETTING_OF, ServerSetting
from charter_engine.plan.settings import (
    InvalidSetting,
    check_duration,
    check_priority,
    parse_setting,
)


@pytest.mark.parametrize("text", ["2", "8", "32", "1024"])
def test_tokens_per_block_takes_powers_of_two(text: str) -> None:
    assert parse_setting("tokens_per_block", text) == int(text)


@pytest.mark.parametrize(
    ("text", "nearest"), [("48", "32 and 64"), ("1", "2 and 4"), ("2048", "nearest is 1024")]
)
def test_other_block_sizes_are_refused_with_the_nearest_legal_ones(text: str, nearest: str) -> None:
    with pytest.raises(InvalidSetting) as refusal:
        parse_setting("tokens_per_block", text)
    assert nearest in refusal.value.remedy


@pytest.mark.parametrize("text", ["0", "1", "-0.5", "1.5", "most", "nan"])
def test_the_pool_fraction_lies_strictly_between_zero_and_one(text: str) -> None:
    with pytest.raises(InvalidSetting):
        parse_setting("kv_cache_free_gpu_mem_fraction", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("512MiB", 512 << 20), ("2 GiB", 2 << 30), ("10GB", 10**10), ("1_000", 1000)],
)
def test_bytes_may_carry_a_binary_unit(text: str, expected: int) -> None:
    assert parse_setting("kv_cache_host_memory_bytes", text) == expected


@pytest.mark.parametrize("text", ["yes", "on", "", "2"])
def test_a_boolean_that_the_two_backends_read_differently_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting):
        parse_setting("enable_kv_cache_reuse", text)


def test_an_unknown_setting_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InvalidSetting) as refusal:
        parse_setting("token_per_block", "32")
    assert refusal.value.remedy == "did you mean tokens_per_block?"


@pytest.mark.parametrize("priority", [-1, 101])
def test_priorities_outside_0_to_100_are_refused(priority: int) -> None:
    with pytest.raises(InvalidSetting):
        check_priority("priority", priority)


def test_priorities_0_and_100_are_legal() -> None:
    assert [check_priority("priority", priority) for priority in (0, 100)] == [0, 100]


@pytest.mark.parametrize("duration", [0, -5, 2**31])
def test_durations_that_the_wire_cannot_carry_are_refused(duration: int) -> None:
    with pytest.raises(InvalidSetting):
        check_duration("duration_ms", duration)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max_tokens_in_paged_kv_cache", "2147483648"),
        ("kv_cache_host_memory_bytes", "9223372036854775808"),
        ("kv_cache_host_memory_bytes", "8388608TiB"),
    ],
)
def test_numbers_that_the_backend_cannot_hold_are_refused(key: str, text: str) -> None:
    with pytest.raises(InvalidSetting, match="too large"):
        parse_setting(key, text)


def test_every_setting_of_a_plan_stands_in_the_table_in_its_order() -> None:
    assert tuple(SETTING_OF) == ServerSettings.__struct_fields__


@pytest.mark.parametrize("setting", SERVER_SETTINGS, ids=lambda setting: setting.key)
def test_every_setting_refuses_what_it_cannot_mean(setting: ServerSetting) -> None:
    with pytest.raises(InvalidSetting):
        parse_setting(setting.key, "perhaps")
