"""Presets."""

import pytest

from charter_engine.analysis.opportunities import find_opportunities
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.plan.preset import (
    InvalidPreset,
    all_presets,
    built_in_presets,
    matching_preset,
    read_preset,
)
from tests.unit.plan.agents import DELTA_CALLS, DOCUMENT_CALLS


def compiled(calls: tuple[Call, ...]) -> CompiledFile:
    return CompiledFile(path="a.py", calls=calls, opportunities=find_opportunities(calls))


def test_the_four_presets_come_with_charter() -> None:
    assert set(built_in_presets()) == {"latency", "throughput", "memory-tight", "many-tenants"}


@pytest.mark.parametrize(
    ("calls", "name"), [(DOCUMENT_CALLS, "latency"), (DELTA_CALLS, "throughput")]
)
def test_the_shape_of_an_agent_chooses_its_preset(calls: tuple[Call, ...], name: str) -> None:
    assert matching_preset(built_in_presets(), compiled(calls)) == name


def test_an_agent_of_no_known_shape_has_none() -> None:
    assert matching_preset(built_in_presets(), compiled(DOCUMENT_CALLS[:1])) is None


def test_a_user_s_preset_wins_over_one_of_the_same_name() -> None:
    own = all_presets([("latency", 'description = "mine"\n')])
    assert own["latency"].description == "mine"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "description = 3",
        'description = "x"\nblock_sizes = [48]',
        'description = "x"\ncolour = 1',
        "[",
    ],
)
def test_a_wrong_preset_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidPreset, match="preset mine"):
        read_preset("mine", text)
