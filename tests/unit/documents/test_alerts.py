"""The page on alerts names those that there are."""

import re

from ruamel.yaml import YAML

from tests.unit.documents.pages import ROOT


def test_the_page_names_every_alert_of_the_rules_in_their_order() -> None:
    rules = YAML(typ="safe").load(ROOT / "monitoring" / "rules.yml")
    in_rules = [rule.get("alert") for group in rules["groups"] for rule in group["rules"]]
    page = (ROOT / "docs" / "howto" / "alerts.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(filter(None, in_rules))
