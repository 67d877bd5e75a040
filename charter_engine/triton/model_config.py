"""Model configurations as text (`config.pbtxt`), as protobuf, and as the JSON that a load call
takes."""

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from charter_engine.triton.errors import InvalidInput


def parse_config(text: str, place: str) -> Any:
    """The `inference.ModelConfig` in a text protobuf. Raises `InvalidInput` naming the line."""
    try:
        return text_format.Parse(text, ModelConfig())
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{place}: {error}", remedy="repair the model's config.pbtxt; it was not changed"
        ) from None


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


def edit_parameters(text: str, changes: Mapping[str, str | None], place: str) -> str:
    """The text with some parameters set, or removed where the value is None; comments and layout
    are kept.

    What cannot be edited in place (a parameter to remove, an unusual spelling) falls back to
    printing it anew.
    """
    wanted = parse_config(text, place)
    for key, value in changes.items():
        if value is None:
            wanted.parameters.pop(key, None)
        else:
            wanted.parameters[key].string_value = value
    present = parameters_of(parse_config(text, place))
    edited = text
    for key, value in changes.items():
        if value is None or present.get(key) == value:
            continue
        quoted = f'"{text_format.text_encoding.CEscape(value, as_utf8=True)}"'
        found = _value_of(key).search(edited) if key in present else None
        if found is not None:
            edited = edited[: found.start()] + found.group(1) + quoted + edited[found.end() :]
        else:
            edited = (
                f'{edited.rstrip()}\nparameters {{\n  key: "{key}"\n'
                f"  value {{ string_value: {quoted} }}\n}}\n"
            )
    try:
        return edited if parse_config(edited, place) == wanted else print_config(wanted)
    except InvalidInput:
        return print_config(wanted)


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


def _value_of(key: str) -> re.Pattern[str]:
    opening = rf'(\bkey\s*:\s*"{re.escape(key)}"\s*[,;]?\s*value\s*:?\s*\{{\s*string_value\s*:\s*)'
    return re.compile(opening + r'"(?:[^"\\]|\\.)*"')


def differing_parameters(wanted: Any, live: Any) -> dict[str, tuple[str | None, str | None]]:
    """Parameters whose values differ: name to (wanted, live)."""
    ours, theirs = parameters_of(wanted), parameters_of(live)
    return {
        key: (ours.get(key), theirs.get(key))
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    }
