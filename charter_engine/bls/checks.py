"""Checks of values in `plan.json`, and the error that names the place of one that is wrong."""

import math
from typing import Any

from .retention import DEFAULT_PRIORITY, MAX_DURATION_MS, MAX_PRIORITY


class PlanError(ValueError):
    """A plan that must not go live.

    The message names the place in `plan.json` and what is wrong there.
    """


def require(condition: bool, place: str, message: str) -> None:
    """Raise `PlanError` unless the condition holds."""
    if not condition:
        raise PlanError(f"plan.json: {place}: {message}")


def object_of(raw: Any, place: str) -> dict[str, Any]:
    """The value, which must be a JSON object."""
    require(isinstance(raw, dict), place, "must be an object")
    return dict(raw)


def list_of(raw: dict[str, Any], key: str, place: str) -> list[Any]:
    """A list; empty where it is not given."""
    items = raw.get(key, [])
    require(isinstance(items, list), f"{place}.{key}".lstrip("."), "must be a list")
    return list(items)


def name_of(raw: dict[str, Any], key: str, place: str) -> str:
    """The id of a call."""
    name = raw.get(key)
    require(isinstance(name, str) and bool(name), f"{place}.{key}", "must be a call's id")
    return str(name)


def whole(
    raw: dict[str, Any], key: str, place: str, default: int, *, most: int | None = None
) -> int:
    """A whole number from 0 up to `most`."""
    value = raw.get(key, default)
    fits = type(value) is int and value >= 0 and (most is None or value <= most)
    legal = f"0 to {most}" if most is not None else "0 or more"
    require(fits, f"{place}.{key}".lstrip("."), f"{value!r} is not a whole number, {legal}")
    return int(value)


def wholes(raw: dict[str, Any], key: str, place: str, *, most: int) -> tuple[int, ...]:
    """Whole numbers from 0 to `most`."""
    items = list_of(raw, key, place)
    require(
        all(type(item) is int and 0 <= item <= most for item in items),
        f"{place}.{key}",
        f"must be 0 to {most}",
    )
    return tuple(items)


def number(raw: dict[str, Any], key: str, place: str) -> float:
    """A finite number."""
    value = raw.get(key)
    require(_is_number(value), f"{place}.{key}", f"{value!r} is not a number")
    return float(value)  # type: ignore[arg-type]


def part_of_one(raw: dict[str, Any], key: str, place: str, default: float) -> float:
    """A share, from 0 to 1."""
    value = raw.get(key, default)
    legal = _is_number(value) and 0 <= value <= 1
    require(legal, f"{place}.{key}".lstrip("."), f"{value!r} is not a share, 0 to 1")
    return float(value)


def numbers(items: Any, place: str) -> tuple[float, ...]:
    """A list of finite numbers."""
    require(
        isinstance(items, list) and all(map(_is_number, items)), place, "must be a list of numbers"
    )
    return tuple(map(float, items))


def ascending(items: Any, place: str) -> tuple[float, ...]:
    """A list of numbers that never fall."""
    found = numbers(items, place)
    require(list(found) == sorted(found), place, "must be in ascending order")
    return found


def priority(raw: dict[str, Any], key: str, place: str) -> int:
    """A priority of blocks; the default where none is given."""
    return whole(raw, key, place, DEFAULT_PRIORITY, most=MAX_PRIORITY)


def duration(raw: dict[str, Any], key: str, place: str) -> int | None:
    """Milliseconds; None: until evicted."""
    value = raw.get(key)
    fits = value is None or (type(value) is int and 0 < value <= MAX_DURATION_MS)
    legal = f"milliseconds from 1 to {MAX_DURATION_MS}"
    require(fits, f"{place}.{key}", f"{value!r} is not {legal}, or null")
    return None if value is None else int(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
