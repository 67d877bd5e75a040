"""What a push would put where. Pure: contents in, contents out; nothing is read, written or asked
here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import msgspec

from charter_engine.contracts.plan import ServerSettings
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_engine.plan.settings import meaning, set_value
from charter_engine.triton.bls_plan import plan_text
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.files import Contents
from charter_engine.triton.model_config import (
    config_bytes,
    config_text,
    edit_parameters,
    parameters_in,
    with_tensors_of,
)
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL, Contract

BLS_CONFIG = f"{BLS_MODEL}/config.pbtxt"
BLS_PLAN = f"{BLS_MODEL}/1/plan.json"
ENGINE_CONFIG = f"{ENGINE_MODEL}/config.pbtxt"
CONFIG_OF = {ENGINE_MODEL: ENGINE_CONFIG, BLS_MODEL: BLS_CONFIG}
REVISION_PARAMETER = "charter_revision"
PLAN_PARAMETER = "charter_plan"
STAMP_PARAMETER = "charter_stamp"
DEPLOYMENT_PARAMETER = "charter_deployment"


@dataclass(frozen=True)
class Stamp:
    """What a deployment shows of a push: its number, the deployment's id, and a random text by
    which two pushes of one number are told apart."""

    number: int
    deployment: str
    random: str

    @property
    def parameters(self) -> dict[str, str]:
        """How `charter_bls` carries it."""
        return {
            REVISION_PARAMETER: str(self.number),
            STAMP_PARAMETER: f"{self.number}-{self.random}",
            DEPLOYMENT_PARAMETER: self.deployment,
        }


def stamp_of(parameters: Mapping[str, str]) -> str | None:
    """What tells the push with these parameters of `charter_bls` from others; earlier releases gave
    a number only."""
    return parameters.get(STAMP_PARAMETER) or parameters.get(REVISION_PARAMETER)


@dataclass(frozen=True)
class Release:
    """The contents of every managed file under a revision, and the models to load for it, in
    order."""

    number: int
    files: dict[str, bytes | None]
    changed: tuple[str, ...]
    loads: tuple[str, ...]
    unloads: tuple[str, ...]

    def parameters(self, model: str) -> dict[str, str]:
        """The parameters the model must show when this is live."""
        return parameters_in(self.files.get(CONFIG_OF[model]), CONFIG_OF[model])


def engine_parameters(settings: ServerSettings, engine_directory: str | None) -> dict[str, str]:
    """The settings as the engine model's parameters. None leaves out what the deployment decides.

    `engine_directory` is where an engine with the wanted `tokens_per_block` lies; that setting is
    part of the build.
    """
    parameters = {
        setting.key: _spelled(value)
        for setting in SERVER_SETTINGS
        if setting.is_parameter and (value := getattr(settings, setting.key)) is not None
    }
    return parameters | ({"gpt_model_path": engine_directory} if engine_directory else {})


def bls_parameters(
    stamp: Stamp, engine: Contract, tokens_per_block: int | None, tokenizer: str | None
) -> dict[str, str | None]:
    """What `charter_bls` must know of the engine behind it."""
    return {
        **stamp.parameters,
        "inner_inputs": ",".join(sorted(engine.inputs)),
        "inner_outputs": ",".join(sorted(engine.outputs)),
        "inner_max_batch_size": "1" if engine.batched else "0",
        "tokens_per_block": str(tokens_per_block) if tokens_per_block else None,
        "tokenizer_dir": tokenizer,
    }


def plan_release(
    number: int,
    now: Contents,
    original: Contents,
    template: Mapping[str, bytes],
    *,
    last: Contents,
    plan_text: str,
    engine: Mapping[str, str],
    bls: Mapping[str, str | None],
    in_files: bool,
    decoupled: bool,
    defaults: Mapping[str, str] = MappingProxyType({}),
) -> Release:
    """The release of a plan.

    `now` is what is there, `last` what the last push put there, `original` what was there before
    the first: a setting of None goes back to that, unless somebody else has set it since.
    A parameter that means what is wanted, in another spelling or by the deployment's `defaults`,
    stays as it is. `template` are the files of `charter_bls`. Without `in_files` the plan travels
    in the configuration, for deployments whose repository cannot be written.
    """
    files: dict[str, bytes | None] = {
        path: now.get(path) for path in sorted({*now, *template, BLS_PLAN})
    }
    files[ENGINE_CONFIG] = _engine_config(now, original, last, engine, defaults)
    if in_files:
        files.update({path: content for path, content in template.items() if path != BLS_CONFIG})
        files[BLS_PLAN] = plan_text.encode()
    parameters = dict(bls) if in_files else {**bls, PLAN_PARAMETER: plan_text}
    files[BLS_CONFIG] = _bls_config(now, template, parameters, decoupled)
    return release_of(number, now, files)


def release_of(number: int, now: Contents, files: Contents) -> Release:
    """A release of given contents: what differs from now, and which models that concerns (the
    engine first)."""
    changed = tuple(path for path in files if files[path] != now.get(path))
    models = [model for model in CONFIG_OF if any(path.startswith(f"{model}/") for path in changed)]
    return Release(
        number=number,
        files=dict(files),
        changed=changed,
        loads=tuple(model for model in models if files.get(CONFIG_OF[model]) is not None),
        unloads=tuple(model for model in models if files.get(CONFIG_OF[model]) is None),
    )


def also_loading(release: Release, models: Collection[str]) -> Release:
    """The release with more models loaded, though none of their files changes."""
    wanted = [
        model
        for model in CONFIG_OF
        if model in release.loads
        or (model in models and release.files.get(CONFIG_OF[model]) is not None)
    ]
    return replace(release, loads=tuple(wanted))


def restamped(files: Contents, stamp: Stamp, share: float | None = None) -> dict[str, bytes | None]:
    """The contents of an earlier revision under a new number, so that every revision can be told
    from every other; with a `share`, its layouts apply to that part of the sessions.

    A configuration recorded without its plan keeps its number: it belongs to a plan that was not
    ours.
    """
    config, plan = files.get(BLS_CONFIG), files.get(BLS_PLAN)
    inline = _inline_plan(config)
    if config is None or (plan is None and inline is None):
        return dict(files)
    changes: dict[str, str | None] = {**stamp.parameters}
    stamped = dict(files)
    if plan is not None:
        stamped[BLS_PLAN] = _renumbered(plan, stamp.number, share)
    if inline is not None:
        changes[PLAN_PARAMETER] = _renumbered(inline.encode(), stamp.number, share).decode()
    stamped[BLS_CONFIG] = _edited(config, changes, BLS_CONFIG)
    return stamped


def plan_text_of(files: Contents) -> str | None:
    """The plan that `charter_bls` reads under these contents: its parameter, else its file."""
    plan = files.get(BLS_PLAN)
    return _inline_plan(files.get(BLS_CONFIG)) or (plan.decode() if plan is not None else None)


def _inline_plan(config: bytes | None) -> str | None:
    return parameters_in(config, BLS_CONFIG).get(PLAN_PARAMETER)


def _renumbered(plan: bytes, number: int, share: float | None) -> bytes:
    document = msgspec.json.decode(plan)
    document["revision"] = number
    if share is not None:
        document["share"] = share
        document["plan"] = {**document.get("plan", {}), "share": share}
    return plan_text(document).encode()


def _engine_config(
    now: Contents,
    original: Contents,
    last: Contents,
    engine: Mapping[str, str],
    defaults: Mapping[str, str],
) -> bytes | None:
    current = now.get(ENGINE_CONFIG)
    if current is None:
        if engine:
            raise InvalidInput(
                f"there is no {ENGINE_CONFIG} to change",
                remedy="give the deployment's model repository with --repository",
            )
        return None
    found = parameters_in(current, ENGINE_CONFIG)
    pushed, first = _parameters(last, found), _parameters(original, found)
    wanted = {
        key: first.get(key) if found.get(key) == pushed.get(key) else found.get(key)
        for key in engine_keys()
    }
    for key, value in engine.items():
        present = set_value(found.get(key)) or defaults.get(key)
        means_same = present is not None and meaning(key, present) == meaning(key, value)
        wanted[key] = found.get(key) if means_same else value
    return _edited(current, wanted, ENGINE_CONFIG)


def engine_config_back(
    now: bytes | None, recorded: bytes | None, goal: bytes | None
) -> bytes | None:
    """The engine's configuration as a revision had it; where somebody edited it since it was
    recorded, only what plans decide goes back."""
    if now is None or goal is None or now == recorded:
        return goal
    then = parameters_in(goal, ENGINE_CONFIG)
    return _edited(now, {key: then.get(key) for key in engine_keys()}, ENGINE_CONFIG)


def _parameters(contents: Contents, otherwise: Mapping[str, str]) -> Mapping[str, str]:
    content = contents.get(ENGINE_CONFIG)
    return otherwise if content is None else parameters_in(content, ENGINE_CONFIG)


def engine_keys() -> tuple[str, ...]:
    """The engine parameters that a plan decides."""
    return (
        *(setting.key for setting in SERVER_SETTINGS if setting.is_parameter),
        "gpt_model_path",
    )


def _bls_config(
    now: Contents,
    template: Mapping[str, bytes],
    parameters: Mapping[str, str | None],
    decoupled: bool,
) -> bytes:
    present = now.get(BLS_CONFIG)
    if present is None:
        policy = f"model_transaction_policy {{ decoupled: {_spelled(decoupled)} }}\n"
        text = template[BLS_CONFIG].decode() + policy
    else:
        text = with_tensors_of(config_text(present), template[BLS_CONFIG].decode(), BLS_CONFIG)
    return config_bytes(edit_parameters(text, parameters, BLS_CONFIG))


def _edited(config: bytes, changes: Mapping[str, str | None], place: str) -> bytes:
    return config_bytes(edit_parameters(config_text(config), changes, place))


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
