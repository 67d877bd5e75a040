"""Servers in a file of Prometheus's file-based discovery: text in, records out.

Source: Prometheus, "Configuration", `<file_sd_config>`: a list of groups, each of `targets`
(HOST:PORT) with the `labels` that they have in common.
"""

from typing import Any

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from charter_engine.contracts.applying import ServerEntry
from charter_engine.contracts.connection import is_address
from charter_engine.errors import UsageError

REMEDY = "write a list of groups: `- targets: [gpu1:8001, gpu2:8001]`"


class TargetGroup(Struct, frozen=True):
    """`labels` of the names of `ServerEntry`'s fields say more of the targets; others say nothing
    here."""

    targets: tuple[str, ...] = ()
    labels: dict[str, str] = {}


def targets_of(text: str, place: str) -> tuple[ServerEntry, ...]:
    """Each target once, in their order. JSON is YAML too. Raises `UsageError` naming the place."""
    try:
        groups = msgspec.convert(_document(text, place), tuple[TargetGroup, ...], str_keys=True)
    except msgspec.ValidationError as error:
        raise UsageError(f"{place}: {error}", remedy=REMEDY) from None
    found: dict[str, dict[str, str]] = {}
    for group in groups:
        for target in group.targets:
            found.setdefault(target, group.labels)
    for target in found:
        if not is_address(target):
            raise UsageError(
                f"{place}: the target {target} is not of the form HOST:PORT",
                remedy="name the gRPC port of each Triton, 8001",
            )
    return tuple(_entry(target, labels) for target, labels in found.items())


def _entry(target: str, labels: dict[str, str]) -> ServerEntry:
    return ServerEntry(
        triton=target,
        metrics=labels.get("metrics"),
        repository=labels.get("repository"),
        tokenizer=labels.get("tokenizer"),
    )


def is_list_of_targets(text: str, place: str) -> bool:
    """Whether a file is of Prometheus's discovery, and not of a deployment. Raises `UsageError`."""
    return isinstance(_document(text, place), list)


def _document(text: str, place: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        line = str(error).splitlines()[0]
        raise UsageError(f"{place}: neither YAML nor JSON: {line}", remedy=REMEDY) from None
