"""Values of settings as operators type them, read and checked.

The engine path's `parameters` are strings that the backend reads, falling back to defaults on what
it cannot parse. Charter refuses such values before they reach a server. What settings there are
stands in `contracts.settings`.
"""

from collections.abc import Callable
from difflib import get_close_matches
from typing import get_args

from charter_engine.bls.retention import (
    DEFAULT_PRIORITY,
    MAX_DURATION_MS,
    MAX_PRIORITY,
    MIN_PRIORITY,
)
from charter_engine.contracts.plan import LayoutKind, SchedulerPolicy
from charter_engine.contracts.settings import LARGEST_BLOCK, SETTING_OF, ValueKind

Value = int | float | bool | str
LARGEST_TOKENS = 2**31 - 1
"""TensorRT-LLM reads the pool's bound as an int32."""
LARGEST_BYTES = 2**63 - 1
"""Taken from TensorRT-LLM, which reads sizes as signed 64-bit numbers."""
_BYTE_UNITS = {
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}


class InvalidSetting(ValueError):
    """A value that the deployment would refuse or, worse, replace by a default in silence."""

    def __init__(self, key: str, message: str, remedy: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message
        self.remedy = remedy


def _whole_number(key: str, text: str, smallest: int, largest: int = LARGEST_BYTES) -> int:
    try:
        number = int(text.replace("_", ""))
    except ValueError:
        raise InvalidSetting(
            key, f"{text!r} is not a whole number", f"give a number from {smallest} up"
        ) from None
    if number < smallest:
        raise InvalidSetting(key, f"{number} is too small", f"give a number from {smallest} up")
    if number > largest:
        raise InvalidSetting(key, f"{text!r} is too large", f"give a number up to {largest}")
    return number


def parse_tokens_per_block(key: str, text: str) -> int:
    """A power of two from 2 to 1024 (TensorRT-LLM, kvcache.md: a power of two greater than 1)."""
    number = _whole_number(key, text, 1)
    if number < 2 or number > LARGEST_BLOCK or number & (number - 1):
        below = max(2, 1 << (min(number, LARGEST_BLOCK).bit_length() - 1))
        above = min(LARGEST_BLOCK, below * 2)
        raise InvalidSetting(
            key,
            f"{number} is not a power of two between 2 and {LARGEST_BLOCK}",
            f"the nearest are {below} and {above}" if below < above else f"the nearest is {above}",
        )
    return number


def parse_fraction(key: str, text: str) -> float:
    """Strictly between 0 and 1: the executor's constructor refuses both ends, and the model fails
    to load."""
    try:
        number = float(text)
    except ValueError:
        raise InvalidSetting(
            key, f"{text!r} is not a number", "give a fraction such as 0.9"
        ) from None
    if not 0.0 < number < 1.0:
        raise InvalidSetting(
            key, f"{text} is not strictly between 0 and 1", "give a fraction such as 0.9"
        )
    return number


def parse_boolean(key: str, text: str) -> bool:
    """Only the spellings that both backends read alike."""
    lowered = text.strip().lower()
    if lowered in {"true", "1"}:
        return True
    if lowered in {"false", "0"}:
        return False
    raise InvalidSetting(key, f"{text!r} is neither true nor false", "give true or false")


def parse_tokens(key: str, text: str) -> int:
    return _whole_number(key, text, 1, LARGEST_TOKENS)


def parse_bytes(key: str, text: str) -> int:
    """A number of bytes, optionally with a unit: `0`, `512MiB`, `2 GiB`, `10GB`."""
    compact = text.strip().replace(" ", "")
    for unit, factor in _BYTE_UNITS.items():
        if compact.lower().endswith(unit.lower()):
            return _whole_number(key, compact[: -len(unit)], 0, LARGEST_BYTES // factor) * factor
    return _whole_number(key, compact, 0)


def parse_scheduler_policy(key: str, text: str) -> str:
    return _one_of(key, text, get_args(SchedulerPolicy))


def _one_of(key: str, text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise InvalidSetting(key, f"{text!r} is unknown", f"one of {', '.join(choices)}")
    return text


_PARSERS: dict[ValueKind, Callable[[str, str], Value]] = {
    "block size": parse_tokens_per_block,
    "switch": parse_boolean,
    "fraction": parse_fraction,
    "tokens": parse_tokens,
    "bytes": parse_bytes,
    "scheduler policy": parse_scheduler_policy,
}


def parse_setting(key: str, text: str) -> Value:
    """Read the text an operator typed for a server setting. Raises `InvalidSetting`."""
    setting = SETTING_OF.get(key)
    if setting is None:
        near = get_close_matches(key, SETTING_OF, n=1)
        known = f"the settings are {', '.join(SETTING_OF)}"
        remedy = f"did you mean {near[0]}?" if near else known
        raise InvalidSetting(key, "there is no such setting", remedy)
    return _PARSERS[setting.kind](key, text.strip())


def is_unset(value: str) -> bool:
    """Whether TensorRT-LLM reads a parameter as its own default: empty, or a placeholder that
    fill_template.py left (model_instance_state.cc: "... is not specified")."""
    return not value or (value.startswith("${") and value.endswith("}"))


def set_value(value: str | None) -> str | None:
    """A parameter's value, if it says something."""
    return None if value is None or is_unset(value) else value


def meaning(key: str, text: str) -> Value:
    """What the value of a parameter means, whatever its spelling; as it stands where it is none."""
    try:
        return parse_setting(key, text)
    except InvalidSetting:
        return text


def check_priority(key: str, priority: int) -> int:
    """0 is evicted first, 100 last (TensorRT-LLM refuses others when the request arrives)."""
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidSetting(
            key,
            f"{priority} is outside {MIN_PRIORITY} to {MAX_PRIORITY}",
            f"{MIN_PRIORITY} is evicted first, {MAX_PRIORITY} last, and {DEFAULT_PRIORITY} is the "
            "default",
        )
    return priority


def check_duration(key: str, duration_ms: int | None) -> int | None:
    """Milliseconds from release to falling back to priority 35; None: until evicted."""
    if duration_ms is not None and not 0 < duration_ms <= MAX_DURATION_MS:
        raise InvalidSetting(
            key,
            f"{duration_ms} ms is not a duration",
            f"give milliseconds from 1 to {MAX_DURATION_MS}, or none to keep until evicted",
        )
    return duration_ms


def check_layout(key: str, layout: str) -> LayoutKind:
    return _one_of(key, layout, get_args(LayoutKind))  # type: ignore[return-value]
