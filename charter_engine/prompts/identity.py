"""Calls → identity: what stays the same wherever an agent's source lies."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import PurePath

import msgspec

from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.errors import UsageError
from charter_engine.prompts.parts import whole

SOURCE_SUFFIXES = frozenset((".py", ".ipynb"))
DIGEST_DIGITS = 16
"""Derived: no two agents out of 2**24 have one digest of 64 bits by accident."""


def identity_of(path: str, calls: Sequence[Call]) -> AgentIdentity:
    """The identity of the agent at `path` (a file, or a package's folder) with these calls.

    Of the path, only its last part counts. Lines and the order of the calls do not count.
    Raises `UsageError` for a path without a name, such as `.`.
    """
    digests = {call.id: call_digest(call) for call in sorted(calls, key=lambda call: call.id)}
    return AgentIdentity(agent_name(path), _digest(list(digests.items())), digests)


def agent_name(path: str) -> str:
    """The file's stem, or the folder's name. Raises `UsageError` for a path without a name."""
    last = PurePath(os.path.normpath(path))
    if last.name in ("", ".."):
        raise UsageError(f"{path}: the path names no agent", remedy="give it in full")
    return last.stem if last.suffix in SOURCE_SUFFIXES else last.name


def call_digest(call: Call) -> str:
    """A digest of the call's prompt: the kind, role and content of what goes with the request and
    of each segment, in order."""
    return _digest([_content(segment) for segment in whole(call)])


def _content(segment: Segment) -> tuple[str, str, str]:
    filling = segment.text if segment.kind == "static" else segment.expression or segment.name
    return segment.kind, segment.role or "", filling


def _digest(content: object) -> str:
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:DIGEST_DIGITS]
