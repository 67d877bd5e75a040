"""Releases: what a version says, and which are newer than what Charter's rules were read from."""

import re

from charter_engine.contracts.server import KIND_IN_WORDS, ServerKind

NUMBERS = re.compile(r"\d+(?:\.\d+)+")
Release = tuple[int, ...]
NEWEST_READ: dict[ServerKind, Release] = {
    "triton-engine": (2, 71),
    "triton-llmapi": (2, 71),
    "trtllm-serve": (1, 3),
    "vllm": (0, 32),
    "sglang": (0, 5, 23),
}
"""The newest release of each kind whose sources were read. Triton 2.71 is its container 26.07."""
FLAT_TENSORRT_LLM: Release = (1, 1)
"""From this release on TensorRT-LLM evicts without the leaf rule (its pull request 7922)."""
FLAT_TRITON: Release = (2, 64)
"""The first Triton whose container, 25.12, brings it (Triton's compatibility page)."""


def release_of(version: str) -> Release | None:
    """The numbers that a version begins with; None for one without."""
    found = NUMBERS.search(version)
    return tuple(map(int, found.group().split("."))) if found else None


def is_older(version: str, release: Release) -> bool | None:
    """Whether a version is older than a release; None for one that says nothing."""
    found = release_of(version)
    return None if found is None else found[: len(release)] < release


def notes_on(kind: ServerKind, version: str) -> tuple[str, ...]:
    """What an operator should know of a version that Charter's rules were not read from."""
    newest, name = NEWEST_READ[kind], KIND_IN_WORDS[kind]
    found = release_of(version)
    if found is None:
        said = f"says {version!r} of its version" if version else "does not tell its version"
        return (f"{name} {said}: it is taken for one of the releases that are known",)
    if found[: len(newest)] > newest:
        known = ".".join(map(str, newest))
        return (
            f"{name} {version} is newer than {known}, from which Charter's rules were read: "
            "figures and options may be named otherwise by now",
        )
    return ()
