"""`charter-engine lint PATH…`: prompts that waste their cache, and fixes for the certain cases."""

import argparse
import difflib
import os
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter_engine.commands.options import positive
from charter_engine.commands.outcome import DONE, FAILED, complain, print_json
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.analysis.compile import CompileOptions
    from charter_engine.analysis.lint.custom import LintConfig
    from charter_engine.analysis.lint.fixes import Fixed
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.graph import CompiledFile
    from charter_engine.contracts.lint import Finding


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "lint",
        help="find prompts that waste their cache, and fix them",
        epilog="exit codes: 0 nothing worse than a note, 1 findings or unreadable files, 2 wrong usage",
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="a Python file or a folder")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--diff", action="store_true", help="show what --fix would change")
    action.add_argument(
        "--fix", action="store_true", help="rewrite the certain findings in the source"
    )
    action.add_argument("--rules", action="store_true", help="list the rules")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the findings as JSON")
    output.add_argument("--sarif", action="store_true", help="print the findings as SARIF 2.1.0")
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="a TOML file whose [lint] table switches rules off or adds some",
    )
    parser.add_argument(
        "--off", action="append", default=[], metavar="RULE", help="switch a rule off"
    )
    parser.add_argument("--tokenizer", metavar="PATH", help="count tokens by this tokenizer.json")
    parser.add_argument(
        "--tokens-per-block",
        type=positive,
        default=32,
        metavar="N",
        help="block size of the deployment",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lint every file; the exit code is 1 where a warning or an error is left."""
    if args.rules:
        return _list_rules(args)
    if not args.paths:
        raise UsageError(
            "no PATH given",
            remedy="charter-engine lint agent.py, or --rules",
        )
    from charter_engine.commands.compile import options_of

    config, options = _config(args), options_of(args)
    findings: list[Finding] = []
    failed = False
    for compiled in _compiled(args.paths, options):
        for error in compiled.errors:
            complain(f"{error.path}:{error.line}:{error.column}: {error.message}", error.remedy)
            failed = True
        if not compiled.errors and compiled.calls:
            findings += _linted(compiled, config, options, args)
    _report(findings, args)
    return FAILED if failed or any(finding.severity != "note" for finding in findings) else DONE


def _list_rules(args: argparse.Namespace) -> int:
    from charter_engine.analysis.lint.catalogue import RULES

    if args.json:
        print_json({"rules": list(RULES.values())})
    else:
        for rule in RULES.values():
            print(
                f"{rule.id} ({rule.severity}{', fixable' if rule.fixable else ''})\n    {rule.title}\n    {rule.remedy}"
            )
    return DONE


def _config(args: argparse.Namespace) -> "LintConfig":
    from charter_engine.analysis.lint.custom import InvalidLintConfig, read_lint_config

    table: Any = {}
    if args.config:
        try:
            table = tomllib.loads(Path(args.config).read_text(encoding="utf-8")).get("lint", {})
        except OSError as error:
            raise UsageError(
                f"{args.config}: {error.strerror}",
                remedy="check the path",
            ) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                f"{args.config}: not TOML: {error}",
                remedy="correct the file",
            ) from None
    try:
        config = read_lint_config(table)
        return read_lint_config(
            {"tokens_per_block": args.tokens_per_block, **table, "off": [*config.off, *args.off]}
        )
    except InvalidLintConfig as error:
        raise UsageError(
            str(error),
            remedy="charter-engine lint --rules lists the rules",
        ) from None


def _compiled(paths: list[str], options: "CompileOptions") -> "tuple[CompiledFile, ...]":
    from charter_engine.analysis.compile import compile_paths

    for path in paths:
        if not Path(path).exists():
            raise UsageError(
                f"{path}: no such file or folder",
                remedy="check the path",
            )
    return compile_paths(paths, options=options).files


def _linted(
    compiled: "CompiledFile",
    config: "LintConfig",
    options: "CompileOptions",
    args: argparse.Namespace,
) -> "tuple[Finding, ...]":
    from charter_engine.analysis.compile import compile_source
    from charter_engine.analysis.lint.check import lint
    from charter_engine.parser.reading import read_source

    path = Path(compiled.path)
    source = read_source(compiled.path, path.read_bytes()).text
    if not (args.fix or args.diff) or path.suffix != ".py":
        return lint(compiled, source, config)
    from charter_engine.analysis.lint.fixes import fix

    fixed = fix(
        compiled, source, lambda text: compile_source(compiled.path, text, options=options), config
    )
    if args.diff:
        _print_diff(compiled.path, source, fixed)
    elif fixed.source != source:
        write_atomically(path, fixed.source)
        for finding in fixed.applied:
            print(f"{finding.path}:{finding.line}: fixed {finding.rule}", file=sys.stderr)
    return fixed.suggested


def _print_diff(path: str, source: str, fixed: "Fixed") -> None:
    before, after = source.splitlines(keepends=True), fixed.source.splitlines(keepends=True)
    sys.stdout.writelines(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file by a complete new one with the same permissions, or leave it as it was."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        remedy = "check the folder and its permissions"
        raise UsageError(
            f"{path}: could not be written: {error.strerror}",
            remedy=remedy,
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(path.stat().st_mode if path.exists() else 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise CharterError(
            f"{path}: could not be written: {error.strerror}", remedy="the file is unchanged"
        ) from None


def _report(findings: "list[Finding]", args: argparse.Namespace) -> None:
    from charter_engine import __version__
    from charter_engine.analysis.lint.report import as_json, as_sarif, as_text

    if args.json:
        print_json(as_json(findings))
    elif args.sarif:
        print_json(as_sarif(findings, __version__))
    elif findings:
        print(as_text(findings), file=sys.stderr if args.diff else sys.stdout)
    else:
        print("no findings", file=sys.stderr)
