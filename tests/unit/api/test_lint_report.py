"""Findings as text, JSON and SARIF."""

from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.api.lint_report import as_json, as_sarif, as_text
from tests.unit.analysis.lint.linting import agent, findings

FOUND = findings(
    agent(
        "self.history.pop(0)\nreturn self.client.generate(SYSTEM + str(self.history), max_tokens=1)"
    )
)


def test_text_names_place_rule_doubt_and_remedy() -> None:
    text = as_text(FOUND)
    assert "agent.py:6: warning history-cut-at-front" in text
    assert "uncertain:" in text
    assert RULES["history-cut-at-front"].remedy in text


def test_json_holds_every_finding() -> None:
    assert [item["rule"] for item in as_json(FOUND)["findings"]] == [
        finding.rule for finding in FOUND
    ]


def test_every_sarif_result_refers_to_a_described_rule() -> None:
    (run,) = as_sarif(FOUND, "0.1.0")["runs"]
    described = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= described == set(RULES)


def test_sarif_places_start_on_the_findings_line() -> None:
    (run,) = as_sarif(FOUND, "0.1.0")["runs"]
    lines = [
        result["locations"][0]["physicalLocation"]["region"]["startLine"]
        for result in run["results"]
    ]
    assert lines == [finding.line for finding in FOUND]
