"""Where servers that are to be alike differ: the path, and the value of each."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from charter_engine.contracts.fleet import ServerDifference

PLAN, PLAN_FIELDS = "plan", "plan."
VERSION, MODELS, BLOCK_SIZE = "server version", "models", "block size"
MOST_PLAN_FIELDS = 8
"""Of plans that differ in more, it is told that they are others."""
NONE = "none"
_REMEDIES: Mapping[str, str] = {
    VERSION: "serve the same release on all of them",
    MODELS: "load the same models on all of them",
    BLOCK_SIZE: "build and serve the engine with the same tokens_per_block on all of them",
}
PUSH = "push one plan to all of them: charter-engine push PLAN --servers SOURCE"
SET = "set it alike in the model's config.pbtxt of each, or push a plan that names it to all"


@dataclass(frozen=True)
class ServerFacts:
    """What of a server is to be as at the others: values by path."""

    server: str
    values: Mapping[str, str]


def differences(servers: Sequence[ServerFacts]) -> tuple[ServerDifference, ...]:
    """All differences, by path. What most servers have is usual; of two that are equally many, what
    the first of them has."""
    paths = dict.fromkeys(path for one in servers for path in one.values)
    usual = {path: _usual([one.values.get(path, NONE) for one in servers]) for path in paths}
    told = {one.server: _told(one, usual) for one in servers}
    return tuple(
        ServerDifference(
            server=one.server,
            path=path,
            usual=usual[path],
            found=one.values.get(path, NONE),
            remedy=remedy_of(path),
        )
        for path in sorted(paths)
        for one in servers
        if path in told[one.server]
    )


def remedy_of(path: str) -> str:
    """What makes servers alike in one place."""
    if path == PLAN or path.startswith(PLAN_FIELDS):
        return PUSH
    return _REMEDIES.get(path, SET)


def _usual(values: Sequence[str]) -> str:
    """`Counter` keeps what it met first in front among equals."""
    return Counter(values).most_common(1)[0][0]


def _told(one: ServerFacts, usual: Mapping[str, str]) -> frozenset[str]:
    """The paths to tell of a server: its plan field by field, or as another one."""
    differing = {path for path, value in usual.items() if one.values.get(path, NONE) != value}
    fields = set(_plan_fields(differing))
    by_field = PLAN in one.values and 0 < len(fields) <= MOST_PLAN_FIELDS
    return frozenset(differing - ({PLAN} if by_field else fields))


def _plan_fields(paths: set[str]) -> Iterator[str]:
    return (path for path in paths if path.startswith(PLAN_FIELDS))
