"""Run the rules over a compiled file."""

import re
from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from charter_engine.analysis.lint.custom import LintConfig, custom_findings
from charter_engine.analysis.lint.history import history_rewritten, order_changes, system_rebuilt
from charter_engine.analysis.lint.order import chain_not_appended, short_prefix, variable_first
from charter_engine.analysis.lint.repetition import text_repeated, tools_differ, whitespace_differs
from charter_engine.analysis.lint.rewriting import rewritten
from charter_engine.analysis.lint.subject import Subject
from charter_engine.analysis.lint.values import unordered_values, volatile_values
from charter_engine.analysis.lint.windows import history_cut
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.lint import Finding

CHECKS: tuple[Callable[[Subject], Iterable[Finding]], ...] = (
    variable_first,
    volatile_values,
    unordered_values,
    order_changes,
    history_cut,
    history_rewritten,
    system_rebuilt,
    whitespace_differs,
    tools_differ,
    short_prefix,
    text_repeated,
    chain_not_appended,
)
_IGNORE = re.compile(r"#\s*charter:\s*ignore(?:\[([^\]]*)\])?")


def lint(
    compiled: CompiledFile, source: str, config: LintConfig | None = None
) -> tuple[Finding, ...]:
    """Findings in source order. `# charter: ignore[rule, …]` on the line, or alone on the line
    above, silences it."""
    config = config or LintConfig()
    subject = Subject(compiled, source, config.tokens_per_block, config.least_tokens)
    findings = (
        finding
        for found in (
            *(check(subject) for check in CHECKS),
            *(custom_findings(subject, r) for r in config.rules),
        )
        for finding in found
        if finding.rule not in config.off and not _ignored(subject, finding)
    )
    told = {_as_promised(subject, finding) for finding in findings}
    return tuple(sorted(told, key=_place))


def _place(finding: Finding) -> tuple[int, str, str, str]:
    """The order of findings: the same in every process, also of those on one line."""
    return finding.line, finding.rule, finding.node, finding.message


def _as_promised(subject: Subject, finding: Finding) -> Finding:
    """A finding that says it can be fixed only where that changes the source."""
    if not finding.fixable or finding.rule != "variable-before-shared-text":
        return finding
    changed = rewritten(subject.compiled, subject.source, finding)
    return replace(finding, fixable=changed is not None and changed != subject.source)


def _ignored(subject: Subject, finding: Finding) -> bool:
    return any(
        rules is None or finding.rule in rules
        for line in (finding.line, finding.line - 1)
        for rules in _ignores_on(subject, line, own_line=line == finding.line)
    )


def _ignores_on(subject: Subject, line: int, *, own_line: bool) -> Iterator[frozenset[str] | None]:
    """The rules a comment on `line` silences; None for all of them."""
    if not 1 <= line <= len(subject.lines):
        return
    text = subject.lines[line - 1]
    match = _IGNORE.search(text)
    if match is None or not (own_line or text.lstrip().startswith("#")):
        return
    yield None if match[1] is None else frozenset(rule.strip() for rule in match[1].split(","))
