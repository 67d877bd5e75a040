"""The Grafana dashboard: made from its script, of Grafana's own shape, on families that exist."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from charter_engine.monitor.metrics.catalogue import CATALOGUE
from scripts.dashboard import PLACE, text

MONITORING = Path(__file__).parents[3] / "monitoring"
NAME = re.compile(r"\bcharter_engine_\w+")
SUFFIXES = re.compile(r"_(total|bucket|sum|count)$")
KNOWN = {family.whole_name for family in CATALOGUE}


def test_the_file_is_what_the_script_makes() -> None:
    assert PLACE.read_text(encoding="utf-8") == text()


def test_grafanas_own_types_keep_every_field() -> None:
    made = json.loads(text())
    kept = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(json.loads(text()))))
    assert lost(made, kept) == []


def lost(made: Any, kept: Any, place: str = "") -> list[str]:
    """Places whose value did not come through."""
    if isinstance(made, dict):
        return [
            where
            for key, value in made.items()
            for where in (
                lost(value, kept[key], f"{place}/{key}") if key in kept else [f"{place}/{key}"]
            )
        ]
    if isinstance(made, list):
        return [
            where
            for index, value in enumerate(made)
            for where in lost(value, kept[index], f"{place}/{index}")
        ]
    return [] if made == kept else [place]


@pytest.mark.parametrize("name", ["grafana/charter.json", "rules.yml"])
def test_every_family_that_is_asked_for_exists(name: str) -> None:
    asked = set(NAME.findall((MONITORING / name).read_text(encoding="utf-8")))
    assert asked
    assert {
        item for item in asked if item not in KNOWN and SUFFIXES.sub("", item) not in KNOWN
    } == set()
