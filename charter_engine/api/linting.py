"""Prompts that waste their cache: found, and rewritten where that is certain to be right."""

import difflib
import io
import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from charter_engine.analysis.compile import CompileOptions, compile_source
from charter_engine.analysis.lint.catalogue import RULES
from charter_engine.analysis.lint.check import lint as lint_source
from charter_engine.analysis.lint.custom import InvalidLintConfig, LintConfig, read_lint_config
from charter_engine.api.agents import OpenedAgent
from charter_engine.api.compile_options import compile_options, table_of
from charter_engine.api.compiling import compiled, require_sources
from charter_engine.api.output_files import write_output
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.lint import FileFix, Finding, LintReport, LintRequest, LintRule
from charter_engine.errors import UsageError
from charter_engine.parser.source.reading import Unreadable, source_text
from charter_engine.store.source_files import read_file, unread
from charter_engine.store.workers import rarely_collecting

Linted = tuple[tuple[Finding, ...], FileFix | None]
"""The findings that are left in a file, and its fix if there is one."""


def rules() -> tuple[LintRule, ...]:
    """The rules that are built in."""
    return tuple(RULES.values())


def lint(request: LintRequest, report: Report = silent) -> LintReport:
    """The findings in files and folders of source, and in request logs. Raises `UsageError` for
    what can't be used of a request."""
    config = _config(request)
    logs = _logs(request.paths)
    sources = tuple(path for path in request.paths if path not in logs)
    reports = _of_logs(logs, request) if logs else []
    if sources or not logs:
        asked = replace(request, paths=sources)
        reports.append(
            _each_file(
                asked,
                report,
                lambda file, _: (lint_source(file, _text_of(file.path), config), None),
            )
        )
    return LintReport(
        findings=tuple(found for part in reports for found in part.findings),
        errors=tuple(error for part in reports for error in part.errors),
        notes=tuple(note for part in reports for note in part.notes),
    )


def diff(request: LintRequest, report: Report = silent) -> LintReport:
    """The fixes that `fix` would make, and the findings that it would leave. Raises `UsageError`
    for what can't be used of a request."""
    config = _config(request)
    return _each_file(
        request, report, lambda file, options: _fixed(file, config, options, write=False)
    )


def fix(request: LintRequest, report: Report = silent) -> LintReport:
    """Rewrite the certain findings in the source, file by file.

    Raises `UsageError` for what can't be used of a request, `CharterError` for a file that can't
    be written.
    """
    config = _config(request)
    return _each_file(
        request, report, lambda file, options: _fixed(file, config, options, write=True)
    )


def lint_agent(agent: OpenedAgent) -> tuple[Finding, ...]:
    """The findings in all files of an agent, as they are on disk now."""
    return lint(LintRequest(paths=(str(agent.path),))).findings


def _logs(paths: Sequence[str]) -> list[str]:
    """The request logs among some paths."""
    files = [path for path in paths if not path.endswith(".py") and Path(path).is_file()]
    if not files:
        return []
    # Reading logs takes libraries that sources do without.
    from charter_engine.api.log_files import is_log

    return [path for path in files if is_log(path)]


def _of_logs(logs: Sequence[str], request: LintRequest) -> list[LintReport]:
    from charter_engine.api.log_linting import lint_log

    return [lint_log(path, request) for path in logs]


def _each_file(
    request: LintRequest,
    report: Report,
    work: Callable[[CompiledFile, CompileOptions], Linted],
) -> LintReport:
    options = compile_options(request.config, request.tokenizer)
    require_sources(request.paths)
    found = compiled(request.paths, options, use_cache=request.use_cache, report=report)
    errors = [error for file in found.result.files for error in file.errors]
    files = [file for file in found.result.files if file.calls and not file.is_broken]
    findings: list[Finding] = []
    fixes: list[FileFix] = []
    with rarely_collecting():
        for done, file in enumerate(files, start=1):
            try:
                left, fixed = work(file, options)
            except OSError as error:
                errors += unread(file.path, error).errors
                continue
            except Unreadable as refusal:
                errors.append(refusal.diagnostic)
                continue
            findings += left
            if fixed is not None:
                fixes.append(fixed)
            report(Progress("linting", done, len(files)))
    return LintReport(
        findings=tuple(findings), errors=tuple(errors), fixes=tuple(fixes), notes=found.notes
    )


def _fixed(
    file: CompiledFile, config: LintConfig, options: CompileOptions, *, write: bool
) -> Linted:
    from charter_engine.analysis.lint.fixes import fix as fix_source

    content = read_file(file.path)
    source = source_text(file.path, content)
    if Path(file.path).suffix != ".py" or _encoded(source, content) != content:
        return lint_source(file, source, config), None
    fixed = fix_source(
        file, source, lambda text: compile_source(file.path, text, options=options), config
    )
    if fixed.source == source:
        return fixed.suggested, None
    if write:
        write_output(Path(file.path), _encoded(fixed.source, content))
    lines = difflib.unified_diff(
        source.splitlines(keepends=True),
        fixed.source.splitlines(keepends=True),
        f"a/{file.path}",
        f"b/{file.path}",
    )
    return fixed.suggested, FileFix(path=file.path, applied=fixed.applied, diff="".join(lines))


def _encoded(text: str, like: bytes) -> bytes:
    """A text in the encoding and with the line ends of a file; empty for an encoding that Python
    does not take."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(like).readline)
    except SyntaxError:
        return b""
    return text.replace("\n", "\r\n" if b"\r\n" in like else "\n").encode(encoding)


def _text_of(path: str) -> str:
    return source_text(path, read_file(path))


def _config(request: LintRequest) -> LintConfig:
    table = table_of(request.config, "lint") if request.config else {}
    try:
        config = read_lint_config(table)
        return read_lint_config(
            {
                "tokens_per_block": request.tokens_per_block,
                **table,
                "off": [*config.off, *request.off],
            }
        )
    except InvalidLintConfig as error:
        remedy = "charter-engine lint --rules lists the rules"
        raise UsageError(str(error), remedy=remedy) from None
