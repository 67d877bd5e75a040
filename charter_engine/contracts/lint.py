"""The prompt lint: its rules, what is asked of it, and what it finds."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.graph import Diagnostic
from charter_engine.contracts.notes import Note

Severity = Literal["error", "warning", "note"]
Confidence = Literal["certain", "uncertain"]


class Finding(Struct, frozen=True, kw_only=True):
    """One place where a prompt wastes its cache. `tokens_per_call` is what it costs; None where
    unknown."""

    rule: str
    severity: Severity
    confidence: Confidence
    path: str
    line: int
    column: int
    end_line: int
    message: str
    remedy: str
    confidence_reason: str = ""
    node: str = ""
    tokens_per_call: int | None = None
    fixable: bool = False


class LintRule(Struct, frozen=True):
    """`fixable`: certain findings of this rule can be rewritten in the source."""

    id: str
    severity: Severity
    title: str
    remedy: str
    fixable: bool = False


class LintRequest(Struct, frozen=True, kw_only=True):
    """Lint files and folders.

    `config` is a TOML file whose `[lint]` table switches rules off, adds some or sets limits and
    whose `[recognizers]` add to the catalogue; the rules of `off` are switched off as well.
    `tokenizer` is as in `CompileRequest`. `tokens_per_block` is the deployment's block size.
    Without `with_text` no words of a log's prompts are quoted.
    """

    paths: tuple[str, ...]
    config: str | None = None
    off: tuple[str, ...] = ()
    tokenizer: str | None = None
    tokens_per_block: int = TOKENS_PER_BLOCK
    use_cache: bool = True
    with_text: bool = True


class FileFix(Struct, frozen=True, kw_only=True):
    """What a fix rewrites in a file: the findings that are gone by it, and a unified diff."""

    path: str
    applied: tuple[Finding, ...]
    diff: str


class LintReport(Struct, frozen=True, kw_only=True):
    """What was found and not fixed, which files could not be read or compiled, and the fixes."""

    findings: tuple[Finding, ...]
    errors: tuple[Diagnostic, ...] = ()
    fixes: tuple[FileFix, ...] = ()
    notes: tuple[Note, ...] = ()
