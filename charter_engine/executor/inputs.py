"""What an agent is run over: one mapping of input names to values per item, from options or a JSON
Lines file."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from charter_engine.prompts.identity import agent_name

Inputs = Mapping[str, Any]
MAX_FILE_BYTES = 64 * 1024 * 1024
"""Assumed: inputs have a few MiB, and are held in memory."""


class InputError(ValueError):
    """An input that cannot be used: where it came from, what is wrong, and what to do."""

    def __init__(self, place: str, message: str, remedy: str = "") -> None:
        super().__init__(f"{place}: {message}" + (f" ({remedy})" if remedy else ""))
        self.place, self.message, self.remedy = place, message, remedy


def default_inputs_path(agent: Path) -> Path | None:
    """`NAME.inputs.jsonl` beside the agent (a file or a folder) of that name, if it is there."""
    whole = Path(os.path.normpath(agent.absolute()))
    path = whole.with_name(f"{agent_name(str(whole))}.inputs.jsonl")
    # Unlike pathlib's, this is False as well for a name that is too long to be there.
    return path if os.path.isfile(path) else None  # noqa: PTH113


def read_inputs(path: Path) -> tuple[Inputs, ...]:
    """Every line of a JSON Lines file, with values such as `"@notes.txt"` read relative to the
    file."""
    text = _text_of(path, str(path))
    items = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(place, f"not JSON: {error}", "write one JSON object a line") from None
        if not isinstance(value, dict):
            raise InputError(
                place, f"a {type(value).__name__}, not an object", "write one JSON object a line"
            )
        items.append({name: _resolved(entry, path.parent, place) for name, entry in value.items()})
    if not items:
        raise InputError(str(path), "there are no inputs in it", "write one JSON object a line")
    return tuple(items)


def parse_inputs(options: Sequence[str], directory: Path) -> Inputs:
    """`name=value` options; `name=@file` reads the file (`@@` for a leading @), `name:=json` takes
    JSON."""
    inputs: dict[str, Any] = {}
    for option in options:
        name, separator, value = option.partition("=")
        if not separator or not name.rstrip(":"):
            raise InputError(
                f"--input {option}",
                "not of the form name=value",
                "for example --input document=@notes.txt",
            )
        if name.endswith(":"):
            try:
                inputs[name[:-1]] = json.loads(value)
            except ValueError as error:
                raise InputError(f"--input {option}", f"not JSON: {error}") from None
        else:
            inputs[name] = _resolved(value, directory, f"--input {name}")
    return inputs


def _resolved(value: Any, directory: Path, place: str) -> Any:
    if isinstance(value, str) and value.startswith("@@"):
        return value[1:]
    if isinstance(value, str) and value.startswith("@"):
        return _text_of(directory / value[1:], place)
    if isinstance(value, list):
        return [_resolved(item, directory, place) for item in value]
    if isinstance(value, dict):
        return {key: _resolved(item, directory, place) for key, item in value.items()}
    return value


def _text_of(path: Path, place: str) -> str:
    named = "" if str(path) == place else f"{path} is "
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(place, f"{named}larger than {MAX_FILE_BYTES // 2**20} MiB")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(place, f"{named}not UTF-8 text", "save it as UTF-8") from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what = "" if str(path) == place else f" {path}"
        raise InputError(place, f"cannot read{what}: {reason}") from None
