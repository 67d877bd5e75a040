"""Request logs linted: what their prompts waste, under the rules that the source would break."""

from typing import Final

from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.api.log_files import missed_in
from charter_engine.contracts.explaining import CauseKind, LogQuery, MissGroup
from charter_engine.contracts.lint import Finding, LintReport, LintRequest

RULE_OF: Final[dict[CauseKind, str]] = {
    "time stamp": "time-in-prefix",
    "date": "time-in-prefix",
    "identifier": "random-in-prefix",
    "gateway": "random-in-prefix",
    "counter": "system-prompt-rebuilt",
    "system prompt": "system-prompt-rebuilt",
    "whitespace": "system-prompt-rebuilt",
    "tool order": "tool-order-changes",
    "item order": "unordered-in-prompt",
    "key order": "json-without-sorted-keys",
    "history trimmed": "history-cut-at-front",
    "history rewritten": "history-cut-at-front",
    "thinking dropped": "history-cut-at-front",
    "variable": "variable-before-shared-text",
    "other text": "variable-before-shared-text",
}
"""What a cause that a log shows breaks. The others are no matter of how prompts are written."""


def lint_log(path: str, request: LintRequest) -> LintReport:
    """The findings in a log, those that cost most first. Blocks. Raises `UsageError`."""
    from charter_engine.traffic.causes.table import without_words
    from charter_engine.traffic.costs import report_of

    query = LogQuery(
        log=path,
        tokenizer=request.tokenizer or "",
        tokens_per_block=request.tokens_per_block,
    )
    found, _, notes = missed_in(query)
    lines = {miss.seen.request: miss.seen.line for miss in found}
    causes = {miss.seen.request: miss.cause for miss in found}
    if not request.with_text:
        causes = {name: without_words(told) for name, told in causes.items()}
    findings = tuple(
        _finding(path, group, lines[group.example], causes[group.example].evidence)
        for group in report_of(found).causes
        if group.cause in RULE_OF and RULE_OF[group.cause] not in request.off
    )
    return LintReport(findings=findings, notes=notes)


def _finding(path: str, group: MissGroup, line: int, evidence: str) -> Finding:
    rule = RULES[RULE_OF[group.cause]]
    told = f"{group.cause}: {evidence}" if evidence else group.cause
    count = "1 request" if group.requests == 1 else f"{group.requests:,} requests"
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        confidence="uncertain",
        confidence_reason="told by the prompts alone, not by what made them",
        path=path,
        line=line,
        column=1,
        end_line=line,
        message=f"{told}; {group.tokens:,} tokens of {count} computed again",
        remedy=group.remedy,
        node=group.node,
        tokens_per_call=group.tokens // group.requests,
    )
