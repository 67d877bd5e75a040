"""Rewrites of an agent's source for findings that are certain, by codemods that keep formatting and
comments."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from charter_engine.analysis.lint.check import lint
from charter_engine.analysis.lint.custom import LintConfig
from charter_engine.analysis.lint.rewriting import rewritten
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.lint import Finding

Recompile = Callable[[str], CompiledFile]


class Fixed(Struct, frozen=True):
    """The new source, what was rewritten, and what could not be shown safe and is left to the
    author."""

    source: str
    applied: tuple[Finding, ...]
    suggested: tuple[Finding, ...]


def fix(
    compiled: CompiledFile, source: str, recompile: Recompile, config: LintConfig | None = None
) -> Fixed:
    """Apply the fixable findings one at a time.

    A rewrite is kept only if the result parses, compiles to the same graph, and no longer has the
    finding.
    """
    applied: list[Finding] = []
    suggested: list[Finding] = []
    for finding in lint(compiled, source, config):
        changed = rewritten(compiled, source, finding) if finding.fixable else None
        if changed is None or changed == source:
            suggested.append(finding)
            continue
        again = recompile(changed)
        is_gone = not _still_there(finding, lint(again, changed, config))
        if same_graph(compiled, again) and is_gone:
            applied.append(finding)
            compiled, source = again, changed
        else:
            suggested.append(finding)
    return Fixed(source, tuple(applied), tuple(suggested))


def same_graph(before: CompiledFile, after: CompiledFile) -> bool:
    """Whether two compilations have the same calls, edges and fillings of prompts, whatever their
    order."""
    return not after.is_broken and _shape(before.calls) == _shape(after.calls)


def _shape(calls: Sequence[Call]) -> list[tuple[object, ...]]:
    return [
        (
            call.id,
            call.family,
            call.function,
            call.in_loop,
            call.fanout,
            sorted((edge.call, edge.carried) for edge in call.depends_on),
            sorted((item.kind, item.call or "") for item in call.segments if item.kind != "static"),
        )
        for call in calls
    ]


def _still_there(finding: Finding, after: Sequence[Finding]) -> bool:
    same = [other for other in after if other.rule == finding.rule]
    return any(other.node == finding.node and other.message == finding.message for other in same)
