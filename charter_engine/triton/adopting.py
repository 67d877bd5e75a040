"""What others made of a deployment, taken over as a revision."""

from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from charter_engine.contracts.deploy import Change
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_engine.plan.settings import InvalidSetting, parse_setting, set_value
from charter_engine.triton import drift, verify
from charter_engine.triton.bls_plan import planned_in
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.files import Contents
from charter_engine.triton.model_config import (
    PARAMETERS,
    config_bytes,
    config_text,
    edit_parameters,
    parameters_in,
    parameters_of,
)
from charter_engine.triton.release import CONFIG_OF, ENGINE_CONFIG, Release, plan_text_of


def require_adoptable(changes: Collection[Change]) -> None:
    """Every model must be there, and what is served must be something that a file can get. Raises
    `TritonRefused` naming what is not."""
    stuck = tuple(item for item in changes if item.key in ("state", "file"))
    stuck += tuple(item for item in only_served(changes) if not item.key.startswith(PARAMETERS))
    if stuck:
        raise TritonRefused(
            f"nothing was changed: this can be no revision:{drift.in_words(stuck)}",
            remedy="load the model and write the field into its config.pbtxt, or "
            "charter-engine drift --put-back",
        )


def only_served(changes: Collection[Change]) -> Iterator[Change]:
    """Fields with which a model is served and that its file did not get."""
    found = {(item.place, item.key) for item in changes}
    for item in changes:
        if item.place in CONFIG_OF and (CONFIG_OF[item.place], item.key) not in found:
            yield item


async def with_served(
    client: TritonClient, files: Contents, changes: Collection[Change]
) -> dict[str, bytes | None]:
    """The files with the parameters that are served and that no file has."""
    edited = dict(files)
    for model, path in CONFIG_OF.items():
        content = files.get(path)
        keys = [
            item.key.removeprefix(PARAMETERS)
            for item in only_served(changes)
            if item.place == model
        ]
        if keys and content is not None:
            live = parameters_of(await client.config(model))
            values = {key: live.get(key) for key in keys}
            edited[path] = config_bytes(edit_parameters(config_text(content), values, path))
    return edited


async def served_otherwise(client: TritonClient, release: Release) -> list[str]:
    """The models that serve something else than their files say, and are not loaded anyway."""
    return [
        model
        for model, path in CONFIG_OF.items()
        if release.files.get(path) is not None
        and model not in release.loads
        and not await verify.shows(client, model, release.files)
    ]


def adopted_plan(plan: Plan, pushed: Contents, found: Contents) -> Plan:
    """The plan that the deployment has: another one where that stands in its files, with the server
    settings that somebody changed."""
    there = planned_in(plan_text_of(found))
    if there is not None and plan_text_of(found) != plan_text_of(pushed):
        plan = replace(there, server=plan.server)
    before, now = (_engine_parameters(contents) for contents in (pushed, found))
    settings = {
        setting.key: _parsed(setting.key, now.get(setting.key))
        for setting in SERVER_SETTINGS
        if setting.is_parameter and before.get(setting.key) != now.get(setting.key)
    }
    return replace(plan, server=replace(plan.server, **settings))


def _engine_parameters(contents: Contents) -> Mapping[str, str]:
    return parameters_in(contents.get(ENGINE_CONFIG), ENGINE_CONFIG)


def _parsed(key: str, text: str | None) -> object:
    """A setting's value; None where it is left to the deployment, or is none that plans know."""
    value = set_value(text)
    try:
        return None if value is None else parse_setting(key, value)
    except InvalidSetting:
        return None
