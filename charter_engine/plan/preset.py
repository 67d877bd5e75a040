"""Presets: an objective, the settings that go with it, and how far the search may look.

Built-in ones are the TOML files of `presets/`; a user's own have the same form and win over
built-in ones of the same name. A preset with a `[match]` table is chosen by the shape of an agent;
where none matches, everything is searched.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files

import msgspec
from msgspec import Struct

from charter_engine.contracts.graph import CompiledFile, Pattern
from charter_engine.contracts.plan import Policy, ServerSettings
from charter_engine.contracts.planning import Objective
from charter_engine.plan.search import BLOCK_SIZES


class InvalidPreset(ValueError):
    """A preset that cannot be used: its name, and what is wrong with it."""


class PresetMatch(Struct, frozen=True, forbid_unknown_fields=True):
    """The agents a preset is for: those with such an opportunity, whose calls are repeated or
    not."""

    pattern: Pattern
    repeated: bool | None = None


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """What a TOML file of a preset holds."""

    description: str
    objective: Objective = "ttft"
    block_sizes: tuple[int, ...] = BLOCK_SIZES
    policies: tuple[Policy, ...] = ("default", "static", "steps", "next-use")
    match: PresetMatch | None = None
    server: ServerSettings = ServerSettings()


def read_preset(name: str, text: str) -> Preset:
    """Parse a preset. Raises `InvalidPreset`."""
    try:
        preset = msgspec.convert(tomllib.loads(text), Preset)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InvalidPreset(f"preset {name}: {error}") from None
    if not preset.block_sizes or any(size < 2 or size & (size - 1) for size in preset.block_sizes):
        raise InvalidPreset(f"preset {name}: block_sizes must be powers of two from 2")
    if not preset.policies:
        raise InvalidPreset(f"preset {name}: policies is empty; leave it out to compare all")
    return preset


def built_in_presets() -> dict[str, Preset]:
    """The presets that come with Charter, by name."""
    folder = files("charter_engine.plan").joinpath("presets")
    return {
        entry.name.removesuffix(".toml"): read_preset(entry.name, entry.read_text(encoding="utf-8"))
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def all_presets(own: Iterable[tuple[str, str]]) -> dict[str, Preset]:
    """Built-in presets and a user's own, given as name and text."""
    return built_in_presets() | {name: read_preset(name, text) for name, text in own}


def matching_preset(presets: Mapping[str, Preset], compiled: CompiledFile) -> str | None:
    """The first preset made for agents of this shape, or None."""
    patterns = {opportunity.pattern for opportunity in compiled.opportunities}
    repeated = any(call.in_loop or call.repeated_by for call in compiled.calls)
    for name, preset in presets.items():
        if preset.match is None or preset.match.pattern not in patterns:
            continue
        if preset.match.repeated is None or preset.match.repeated == repeated:
            return name
    return None
