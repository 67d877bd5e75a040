"""Deployment files (`charter.yaml`): text in, record out; nothing is opened here."""

from typing import Any

import msgspec

from charter_engine.contracts.applying import DeploymentFile, ServerEntry, WatchSetting
from charter_engine.plan.plan_file import InvalidPlan, converted, read_mapping

FILE_VERSION = 1
_RECORDS: dict[str, type] = {
    "": DeploymentFile,
    "watch": WatchSetting,
    "servers.*": ServerEntry,
}
REMEDY = "see `charter-engine apply --schema`"


def read_deployment_file(text: str, path: str) -> DeploymentFile:
    """Parse and check a deployment file. Raises `InvalidPlan`; an unknown key is an error that
    names the nearest known one."""
    found = converted(read_mapping(text, path), DeploymentFile, _RECORDS, path, REMEDY)
    if found.version != FILE_VERSION:
        raise InvalidPlan(path, 1, f"version {found.version} is not {FILE_VERSION}", REMEDY)
    return found


def deployment_file_schema() -> dict[str, Any]:
    """The JSON schema of a deployment file."""
    return msgspec.json.schema(DeploymentFile)
