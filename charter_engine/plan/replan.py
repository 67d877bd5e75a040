"""Writing a derived plan over a plan that an operator has edited: comments and hand edits stay.

A derived file ends with a comment that holds what was derived. What differs from it was edited by
hand.
"""

import base64
import binascii
import zlib
from typing import Any

import msgspec
from ruamel.yaml.comments import CommentedMap

from charter_engine.contracts.plan import Plan
from charter_engine.plan.plan_file import dump, load, plain

MARK = "# derived, so that hand edits survive the next derivation: "
MAX_BYTES = 4 * 1024 * 1024
"""Of what was derived, unpacked: many times what the longest plan has."""
_MISSING = object()


def replan(plan: Plan, previous: str | None = None) -> str:
    """The plan as YAML. Values of `previous` that an operator changed, and its comments, are
    kept."""
    derived = msgspec.to_builtins(plan)
    edited, base = _split(previous) if previous else (CommentedMap(), None)
    _merge(edited, derived, base)
    return dump(edited) + MARK + _packed(derived) + "\n"


def _split(text: str) -> tuple[CommentedMap, dict[str, Any] | None]:
    """A plan file's content, and what it was derived as (None: it was written by hand)."""
    lines = text.splitlines(keepends=True)
    marked = [line for line in lines if line.startswith(MARK)]
    document = load("".join(line for line in lines if not line.startswith(MARK)))
    return document, _unpacked(marked[-1][len(MARK) :]) if marked else None


def _merge(target: CommentedMap, derived: dict[str, Any], base: dict[str, Any] | None) -> None:
    for key in [key for key in target if key not in derived]:
        if base is None or key in base:
            del target[key]
    for key, value in derived.items():
        current = target.get(key, _MISSING)
        below = base.get(key) if base is not None else None
        if isinstance(value, dict) and isinstance(current, CommentedMap):
            _merge(current, value, below if isinstance(below, dict) else None)
        elif current is _MISSING or (
            plain(current) != value and not _was_edited(plain(current), key, base)
        ):
            target[key] = value


def _was_edited(current: object, key: str, base: dict[str, Any] | None) -> bool:
    return base is not None and key in base and current != base[key]


def _packed(derived: dict[str, Any]) -> str:
    return base64.b64encode(zlib.compress(msgspec.json.encode(derived), 9)).decode()


def _unpacked(text: str) -> dict[str, Any] | None:
    try:
        stream = zlib.decompressobj()
        unpacked = stream.decompress(base64.b64decode(text.strip(), validate=True), MAX_BYTES)
        return msgspec.json.decode(unpacked, type=dict[str, Any])
    except (RecursionError, binascii.Error, zlib.error, msgspec.MsgspecError, ValueError):
        return None
