"""The documents list every family as the page shows it."""

from pathlib import Path

import pytest

from charter_engine.monitor.metrics.catalogue import CATALOGUE, MetricDescription

MANUAL = (Path(__file__).parents[4] / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", CATALOGUE, ids=lambda family: family.name)
def test_the_manual_has_every_family_with_its_labels(family: MetricDescription) -> None:
    name = family.whole_name + ("_total" if family.kind == "counter" else "")
    labels = " ".join(f"`{label}`" for label in family.labels) or "–"
    assert f"| `{name}` | {family.kind} | {labels} | {family.help} |" in MANUAL
