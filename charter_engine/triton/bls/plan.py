"""The plan as `charter_bls` reads it: `plan.json` in the model's version directory.

Standard library only: these modules run on any Triton machine, where Charter itself need not be installed.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
MAX_PRIORITY = 100
DEFAULT_PRIORITY = 35

Pieces = tuple[str | None, ...]
"""Texts of the static pieces of a prompt; None stands for one that is known only when the request arrives."""


class PlanError(ValueError):
    """A plan that must not go live; the message names the place in `plan.json` and what is wrong there."""


@dataclass(frozen=True)
class Range:
    """Retention of the segments `first` to `last` (inclusive; None: to the end) of the planned order."""

    first: int
    last: int | None
    priority: int
    duration_ms: int | None


@dataclass(frozen=True)
class Retention:
    """What the blocks of a prompt's segments and of its output are kept for. Durations None: until evicted."""

    ranges: tuple[Range, ...] = ()
    decode_priority: int = DEFAULT_PRIORITY
    decode_duration_ms: int | None = None


@dataclass(frozen=True)
class Form:
    """One shape in which a node's prompt may arrive. `positions[i]` is the planned segment of piece `i`."""

    pieces: Pieces
    positions: tuple[int, ...]


@dataclass(frozen=True)
class Node:
    """One call of the agent.

    `forms` are the shapes of its prompt: as planned, and as written in the source. `order` lays out `segments` texts
    sent in source order, and `wording` replaces static ones by source index; a node that `continues` another call's
    prompt cannot be laid out from its own segments.
    """

    name: str
    forms: tuple[Form, ...] = ()
    segments: int = 0
    order: tuple[int, ...] = ()
    wording: dict[int, str] = field(default_factory=dict)
    continues: bool = False
    retention: Retention = Retention()


@dataclass(frozen=True)
class Plan:
    """A whole plan. `revision` numbers the push that brought it."""

    revision: int = 0
    agent: str = ""
    nodes: dict[str, Node] = field(default_factory=dict)


def read_plan(path: Path, stamped: str | None = None) -> Plan:
    """Read and check the plan; a missing file is an empty plan of the revision `stamped` on the configuration.

    A plan and a configuration of different pushes must not go live together. Raises `PlanError`.
    """
    try:
        plan = parse_plan(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Plan(revision=int(stamped or 0))
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path.name} cannot be read: {error}") from None
    if stamped and stamped != str(plan.revision):
        raise PlanError(
            f"plan.json is of revision {plan.revision} and config.pbtxt of revision {stamped}: a push was cut short; "
            "the next push, rollback or start of Charter repairs it"
        )
    return plan


def parse_plan(text: str) -> Plan:
    """Check everything that would otherwise fail, or be ignored, request by request. Raises `PlanError`."""
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        raise PlanError(f"plan.json line {error.lineno}: {error.msg}") from None
    _require(isinstance(raw, dict) and raw.get("format") == FORMAT, "format", f"must be {FORMAT}")
    nodes: dict[str, Node] = {}
    for index, item in enumerate(_list(raw, "nodes", "")):
        node = _node(item, f"nodes[{index}]")
        _require(node.name not in nodes, f"nodes[{index}].node", f"{node.name!r} appears twice")
        nodes[node.name] = node
    return Plan(revision=_whole(raw, "revision", "", 0), agent=str(raw.get("agent", "")), nodes=nodes)


def parse_retention(raw: Any, place: str, segments: int | None = None) -> Retention:
    """Retention by segments from JSON. With `segments`, ranges must begin within that many. Raises `PlanError`."""
    _require(isinstance(raw, dict), place, "must be an object")
    ranges = tuple(
        _range(item, f"{place}.ranges[{index}]", segments) for index, item in enumerate(_list(raw, "ranges", place))
    )
    return Retention(
        ranges=ranges,
        decode_priority=_whole(raw, "decode_priority", place, DEFAULT_PRIORITY, most=MAX_PRIORITY),
        decode_duration_ms=_duration(raw, "decode_duration_ms", place),
    )


def _node(raw: Any, place: str) -> Node:
    _require(isinstance(raw, dict), place, "must be an object")
    name = raw.get("node")
    _require(isinstance(name, str) and bool(name), f"{place}.node", "must be a call's id")
    segments = _whole(raw, "segments", place, 0)
    order = tuple(_list(raw, "order", place)) or tuple(range(segments))
    legal = all(type(index) is int and 0 <= index < segments for index in order)
    _require(legal and len(set(order)) == len(order), f"{place}.order", f"must permute 0 to {segments - 1}")
    continues = raw.get("continues") is True
    missing = segments - len(order)
    _require(continues or not missing, f"{place}.order", f"leaves out {missing} of {segments} segments")
    forms = tuple(_form(item, f"{place}.forms[{index}]") for index, item in enumerate(_list(raw, "forms", place)))
    planned = max(forms[0].positions, default=-1) + 1 if forms else None
    return Node(
        name=name,
        forms=forms,
        segments=segments,
        order=order,
        wording=_wording(raw.get("wording", {}), f"{place}.wording", segments),
        continues=continues,
        retention=parse_retention(raw.get("retention", {}), f"{place}.retention", planned),
    )


def _form(raw: Any, place: str) -> Form:
    _require(isinstance(raw, dict), place, "must be an object")
    pieces, positions = _list(raw, "pieces", place), _list(raw, "positions", place)
    texts = all(item is None or isinstance(item, str) for item in pieces)
    _require(texts, f"{place}.pieces", "holds texts and nulls")
    legal = all(type(item) is int and item >= 0 for item in positions) and len(positions) == len(pieces)
    _require(legal, f"{place}.positions", "must give the planned segment of each piece")
    return Form(tuple(pieces), tuple(positions))


def _wording(raw: Any, place: str, count: int) -> dict[int, str]:
    _require(isinstance(raw, dict), place, "must be an object")
    for key, text in raw.items():
        _require(key.isdecimal() and int(key) < count, place, f"{key!r} is no segment's index")
        _require(isinstance(text, str), f"{place}.{key}", "must be a text")
    return {int(key): text for key, text in raw.items()}


def _range(raw: Any, place: str, segments: int | None) -> Range:
    _require(isinstance(raw, dict), place, "must be an object")
    first = _whole(raw, "first", place, 0)
    last = None if raw.get("last") is None else _whole(raw, "last", place, 0)
    _require(segments is None or first < max(segments, 1), f"{place}.first", f"{first} is beyond the last segment")
    _require(last is None or last >= first, f"{place}.last", f"{last} is before {first}")
    priority = _whole(raw, "priority", place, DEFAULT_PRIORITY, most=MAX_PRIORITY)
    return Range(first=first, last=last, priority=priority, duration_ms=_duration(raw, "duration_ms", place))


def _list(raw: dict[str, Any], key: str, place: str) -> list[Any]:
    items = raw.get(key, [])
    _require(isinstance(items, list), f"{place}.{key}".lstrip("."), "must be a list")
    return list(items)


def _whole(raw: dict[str, Any], key: str, place: str, default: int, *, most: int | None = None) -> int:
    value = raw.get(key, default)
    fits = type(value) is int and value >= 0 and (most is None or value <= most)
    legal = f"0 to {most}" if most is not None else "0 or more"
    _require(fits, f"{place}.{key}".lstrip("."), f"{value!r} is not a whole number, {legal}")
    return int(value)


def _duration(raw: dict[str, Any], key: str, place: str) -> int | None:
    value = raw.get(key)
    fits = value is None or (type(value) is int and 0 < value < 2**31)
    _require(fits, f"{place}.{key}", f"{value!r} is not milliseconds from 1 to 2147483647, or null")
    return None if value is None else int(value)


def _require(condition: bool, place: str, message: str) -> None:
    if not condition:
        raise PlanError(f"plan.json: {place}: {message}")
