"""Settings to sweep, as they are typed: `key=value[,value…]`."""

import itertools
from collections.abc import Sequence
from typing import Final

from charter_engine.contracts.predicting import (
    SWEPT_NUMBERS,
    SWEPT_SETTINGS,
    SWEPT_SWITCHES,
    SWEPT_WORDS,
    SettingValues,
)
from charter_engine.errors import UsageError

POOL_SIZES: Final = (("gpu_tokens", "gpu_blocks"), ("host_tokens", "host_blocks"))
"""Two ways to say how large a pool is, of which one is enough."""

_TRUE, _FALSE = ("true", "on", "yes", "1"), ("false", "off", "no", "0")


def combinations(given: Sequence[str]) -> tuple[SettingValues, ...]:
    """Every combination of the values typed; one setting, as assumed, where nothing is. Raises
    `UsageError`."""
    choices: dict[str, list[int | bool | str]] = {}
    for assignment in given:
        key, _, values = assignment.partition("=")
        key = key.strip()
        if not values:
            raise UsageError(f"{assignment}: no value", remedy="write key=value[,value…]")
        if key in choices:
            raise UsageError(f"{key}: given twice", remedy=f"write {key}=value,value")
        choices[key] = [_value(key, value.strip()) for value in values.split(",")]
    for in_tokens, in_blocks in POOL_SIZES:
        if in_tokens in choices and in_blocks in choices:
            raise UsageError(
                f"{in_tokens} and {in_blocks} both give a pool's size", remedy="give one of them"
            )
    return tuple(
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    )


def _value(key: str, text: str) -> int | bool | str:
    if key in SWEPT_NUMBERS:
        try:
            return int(text.replace("_", ""))
        except ValueError:
            raise UsageError(f"{key}: {text!r} is no whole number") from None
    if key in SWEPT_SWITCHES and text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    if key in SWEPT_WORDS and text.lower() in SWEPT_WORDS[key]:
        return text.lower()
    if key in SWEPT_SETTINGS:
        words = SWEPT_WORDS.get(key, ("true", "false"))
        raise UsageError(f"{key}: {text!r} is not one of {', '.join(words)}")
    raise UsageError(f"{key}: no such setting", remedy=f"known are {', '.join(SWEPT_SETTINGS)}")
