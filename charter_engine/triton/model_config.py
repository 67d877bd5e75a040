"""Model configurations as text (`config.pbtxt`), as protobuf, and as the JSON that a load call
takes."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from charter_engine.plan.settings import is_unset
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.pbtxt import NotTextFormat, with_parameter, without_parameter

PARAMETERS = "parameters."
"""What stands before a parameter's key in the path of a field."""


def config_text(content: bytes) -> str:
    """The text of a `config.pbtxt`; comments in another encoding than UTF-8 come through."""
    return content.decode(errors="surrogateescape")


def config_bytes(text: str) -> bytes:
    """The content of a `config.pbtxt`, what was no UTF-8 as it was."""
    return text.encode(errors="surrogateescape")


def parse_config(text: str, place: str) -> Any:
    """The `inference.ModelConfig` in a text protobuf; fields that only newer Tritons know are
    passed over. Raises `InvalidInput` naming the line."""
    try:
        return text_format.Parse(text, ModelConfig(), allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{place}: {error}", remedy="repair the model's config.pbtxt; it was not changed"
        ) from None


def parameters_in(content: bytes | None, place: str) -> dict[str, str]:
    """The `parameters` in a `config.pbtxt`; none where there is no file. Raises `InvalidInput`."""
    return {} if content is None else dict(_parameters(content, place))


@lru_cache(maxsize=16)
def _parameters(content: bytes, place: str) -> tuple[tuple[str, str], ...]:
    """An engine asks every second what is live, and parsing costs a millisecond."""
    return tuple(parameters_of(parse_config(config_text(content), place)).items())


def print_config(config: Any) -> str:
    """The configuration as text protobuf. Comments of a file it came from are gone."""
    return str(text_format.MessageToString(config, as_utf8=True))


def config_json(config: Any) -> str:
    """The configuration as a load call's override takes it: complete, for an override replaces and
    never merges."""
    return str(json_format.MessageToJson(config, preserving_proto_field_name=True, indent=None))


def parameters_of(config: Any) -> dict[str, str]:
    """The `parameters` of a configuration; Triton allows only strings."""
    return {key: value.string_value for key, value in sorted(config.parameters.items())}


def set_parameters_of(config: Any) -> dict[str, str]:
    """The `parameters` that say something."""
    return {key: value for key, value in parameters_of(config).items() if not is_unset(value)}


def edit_parameters(text: str, changes: Mapping[str, str | None], place: str) -> str:
    """The text with some parameters set, or removed where the value is None; comments, layout and
    fields that nobody here knows are kept. Raises `InvalidInput`."""
    wanted = parse_config(text, place)
    present = parameters_of(wanted)
    edited = text
    try:
        for key, value in changes.items():
            if value is None:
                wanted.parameters.pop(key, None)
                edited = without_parameter(edited, key) if key in present else edited
            else:
                wanted.parameters[key].string_value = value
                edited = with_parameter(edited, key, value) if present.get(key) != value else edited
    except NotTextFormat as error:
        raise InvalidInput(f"{place}: {error}", remedy="repair the model's config.pbtxt") from None
    if parse_config(edited, place) != wanted:
        raise InvalidInput(
            f"{place}: its parameters cannot be edited without touching the rest",
            remedy="write each as parameters { key: ... value { string_value: ... } }",
        )
    return edited


def with_tensors_of(text: str, template: str, place: str) -> str:
    """The text with the inputs and outputs that a newer template of the model has besides; the rest
    is kept."""
    present, newer = parse_config(text, place), parse_config(template, place)
    for field in ("input", "output"):
        known = {item.name for item in getattr(present, field)}
        for item in getattr(newer, field):
            if item.name not in known:
                printed = text_format.MessageToString(item, as_utf8=True, as_one_line=True)
                text = f"{text.rstrip()}\n{field} {{ {printed} }}\n"
    return text


def fields_of(config: Any) -> dict[str, str]:
    """Every field that is set, by its path: `parameters.KEY`, `instance_group[0].count`."""
    return dict(_flat(json_format.MessageToDict(config, preserving_proto_field_name=True)))


def fields_of_json(text: str) -> dict[str, str]:
    """As `fields_of`, of what `config_json` gave."""
    return dict(_flat(msgspec.json.decode(text)))


def differing_fields(wanted: Any, live: Any) -> dict[str, tuple[str | None, str | None]]:
    """The fields in which a live configuration is not what a file wants: path to (wanted, live).

    Triton fills in what a file leaves open; so what the file does not set differs only among the
    parameters.
    """
    ours, theirs = fields_of(wanted), fields_of(live)
    compared = ours.keys() | {key for key in theirs if key.startswith(PARAMETERS)}
    return _differing(ours, theirs, compared)


def differing(
    ours: Mapping[str, str], theirs: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """Fields by path that are not the same on both sides: path to (ours, theirs)."""
    return _differing(ours, theirs, ours.keys() | theirs.keys())


def _differing(
    ours: Mapping[str, str], theirs: Mapping[str, str], compared: Iterable[str]
) -> dict[str, tuple[str | None, str | None]]:
    return {
        key: (ours.get(key), theirs.get(key))
        for key in sorted(compared)
        if ours.get(key) != theirs.get(key)
    }


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if path.startswith(PARAMETERS) and value.keys() == {"string_value"}:
            yield path, str(value["string_value"])
            return
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, f"{path}[{index}]")
    else:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)
