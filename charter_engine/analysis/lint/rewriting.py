"""The rewrite of a source that a finding asks for."""

from __future__ import annotations

from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.lint import Finding
from charter_engine.parser.source.reading import Unreadable


def rewritten(compiled: CompiledFile, source: str, finding: Finding) -> str | None:
    """The source after the codemod of a finding's rule; None where it can't be parsed or the
    finding belongs to no call."""
    call = next((call for call in compiled.calls if call.id == finding.node), None)
    if call is None:
        return None
    if finding.rule != "variable-before-shared-text":
        return with_sorted_values(source, finding)
    from charter_engine.analysis.lint.reorder import constant_text_first

    try:
        return constant_text_first(call, source)
    except Unreadable:
        return None


def with_sorted_values(source: str, finding: Finding) -> str | None:
    """The source with what a finding tells of in a fixed order; None where it can't be parsed."""
    import libcst
    from libcst.metadata import MetadataWrapper

    from charter_engine.analysis.lint.wrapping import SortedValues

    try:
        wrapper = MetadataWrapper(libcst.parse_module(source))
    except (libcst.ParserSyntaxError, RecursionError):
        return None
    return wrapper.visit(SortedValues(finding)).code
