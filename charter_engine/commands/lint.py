"""`charter-engine lint PATH…`: prompts that waste their cache, and fixes for the certain cases."""

import argparse
import sys
from typing import TYPE_CHECKING

from charter_engine.commands.options import positive
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    complain,
    complain_of,
    harmless,
    print_json,
)
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.lint import LintReport


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "lint",
        help="find prompts that waste their cache, and fix them",
        epilog="exit codes: 0 nothing worse than a note, 1 findings or unreadable files, "
        "2 wrong usage",
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a Python file or a folder, or a log of requests with their texts",
    )
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
    parser.add_argument(
        "--no-text", action="store_true", help="quote no words of the prompts of a log"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="compile everything again and keep nothing"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Lint every file; the exit code is 1 where a warning or an error is left."""
    from charter_engine.api import linting
    from charter_engine.contracts.lint import LintRequest

    if args.rules:
        return _list_rules(args)
    if not args.paths:
        raise UsageError("no PATH given", remedy="charter-engine lint agent.py, or --rules")
    work = linting.fix if args.fix else linting.diff if args.diff else linting.lint
    report = work(
        LintRequest(
            paths=tuple(args.paths),
            config=args.config,
            off=tuple(args.off),
            tokenizer=args.tokenizer,
            tokens_per_block=args.tokens_per_block,
            use_cache=not args.no_cache,
            with_text=not args.no_text,
        )
    )
    _print(report, args)
    is_broken = any(error.severity == "error" for error in report.errors)
    is_worse = any(finding.severity != "note" for finding in report.findings)
    return FAILED if is_broken or is_worse else DONE


def _list_rules(args: argparse.Namespace) -> int:
    from charter_engine.api.linting import rules

    if args.json:
        print_json({"rules": rules()})
        return DONE
    for rule in rules():
        print(f"{rule.id} ({rule.severity}{', fixable' if rule.fixable else ''})")
        print(f"    {rule.title}\n    {rule.remedy}")
    return DONE


def _print(report: "LintReport", args: argparse.Namespace) -> None:
    """Diffs and findings are data; what was wrong or was fixed is told beside them."""
    from charter_engine import __version__
    from charter_engine.api.lint_report import as_json, as_sarif, as_text

    for note in report.notes:
        complain(note.message, note.remedy)
    complain_of(report.errors)
    for fix in report.fixes:
        if args.diff:
            sys.stdout.write(fix.diff)
            continue
        for finding in fix.applied:
            print(f"{harmless(finding.path)}:{finding.line}: fixed {finding.rule}", file=sys.stderr)
    if args.json:
        print_json(as_json(report.findings))
    elif args.sarif:
        print_json(as_sarif(report.findings, __version__))
    elif report.findings:
        print(as_text(report.findings), file=sys.stderr if args.diff else sys.stdout)
    elif not any(error.severity == "error" for error in report.errors):
        print("no findings", file=sys.stderr)
