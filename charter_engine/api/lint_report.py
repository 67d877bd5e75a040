"""Findings as text, JSON and SARIF 2.1.0."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import to_builtins

from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.contracts.lint import Finding, LintRule

_SARIF_LEVEL = {"error": "error", "warning": "warning", "note": "note"}


def as_text(findings: Iterable[Finding]) -> str:
    """One finding a paragraph: place, rule, what, cost and remedy."""
    return "\n".join(_paragraph(finding) for finding in findings)


def _paragraph(finding: Finding) -> str:
    cost = (
        ""
        if finding.tokens_per_call is None
        else f" [about {finding.tokens_per_call} tokens a call]"
    )
    doubt = (
        "" if finding.confidence == "certain" else f"\n    uncertain: {finding.confidence_reason}"
    )
    fix = " (--fix can do it)" if finding.fixable else ""
    return (
        f"{finding.path}:{finding.line}: {finding.severity} {finding.rule}: {finding.message}{cost}"
        f"{doubt}\n    {finding.remedy}{fix}"
    )


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """What `lint --json` prints."""
    return {"findings": [to_builtins(finding) for finding in findings]}


def as_sarif(findings: Sequence[Finding], version: str) -> dict[str, Any]:
    """A SARIF log that code hosts and editors read."""
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "charter-engine lint",
                        "version": version,
                        "rules": [_sarif_rule(rule) for rule in RULES.values()],
                    }
                },
                "results": [_sarif_result(finding) for finding in findings],
            }
        ],
    }


def _sarif_rule(rule: LintRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": _SARIF_LEVEL[rule.severity]},
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": f"{finding.message}. {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": finding.path},
                    "region": {
                        "startLine": finding.line,
                        "startColumn": finding.column,
                        "endLine": finding.end_line,
                    },
                }
            }
        ],
        "properties": {
            "confidence": finding.confidence,
            "confidenceReason": finding.confidence_reason,
            "tokensPerCall": finding.tokens_per_call,
            "node": finding.node,
        },
    }
