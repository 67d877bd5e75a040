"""`charter-engine compile PATH…`: an agent's LLM calls, their prompts, and what flows between
them."""

from __future__ import annotations

import argparse
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter_engine.commands.options import encode_of, positive
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    complain,
    print_json,
    print_table,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.analysis.compile import CompileOptions
    from charter_engine.contracts.graph import CompiledFile, CompileResult, Opportunity
    from charter_engine.prompts.tokens import Encode


def register(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "compile",
        help="find an agent's LLM calls and what flows between them",
        description="Find the LLM calls of Python files, folders and notebooks. The source is never executed.",
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a Python file, a notebook, or a folder compiled as a whole",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument(
        "--explain",
        type=int,
        metavar="LINE",
        help="tell why a line of the one PATH is or isn't a call",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        help="count tokens by this tokenizer.json, or the folder that holds one",
    )
    parser.add_argument(
        "--inputs",
        type=Path,
        metavar="FILE",
        help="predict what opportunities would bring on these inputs (default: the .inputs.jsonl beside each file)",
    )
    parser.add_argument(
        "--tokens-per-block",
        type=positive,
        default=32,
        metavar="N",
        help="block size of that prediction (default 32)",
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file whose [recognizers] add to the catalogue"
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="compile everything again and keep nothing"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compile and print; 1 if a file that was asked for failed."""
    options = options_of(args)
    for path in args.paths:
        if not Path(path).exists():
            raise UsageError(
                f"{path}: no such file or folder",
                remedy="check the path",
            )
    if args.explain is not None:
        return explained(args, options)
    given = inputs_of(args.inputs) if args.inputs else ()
    result = with_expected_reuse(compiled(args, options), given, args)
    if args.json:
        print_json(result)
    else:
        print_summary(result)
    for error in (error for file in result.files for error in file.errors):
        complain(f"{error.path}:{error.line}:{error.column}: {error.message}", error.remedy)
    errors = (error for file in result.files for error in file.errors)
    return FAILED if any(error.severity == "error" for error in errors) else DONE


def compiled(args: argparse.Namespace, options: CompileOptions) -> CompileResult:
    """The compilation, with unchanged files from the cache unless that is switched off."""
    progress = Progress() if sys.stderr.isatty() else None
    if args.no_cache:
        from charter_engine.analysis.compile import compile_paths

        return compile_paths(args.paths, options=options, progress=progress)
    from charter_engine.commands.cache import cache_path
    from charter_engine.store.compile_cache import CompileCache
    from charter_engine.store.incremental import compile_incrementally

    with CompileCache(cache_path()) as cache:
        result = compile_incrementally(args.paths, cache, options=options, progress=progress).result
    if cache.notice:
        complain(cache.notice)
    return result


def with_expected_reuse(
    result: CompileResult, given: Sequence[Mapping[str, Any]], args: argparse.Namespace
) -> CompileResult:
    """Every opportunity with its predicted hit rate, or with the reason why there is none."""
    from charter_engine.contracts.graph import CompileResult

    if not any(file.opportunities for file in result.files):
        return result
    encode = encode_of(args.tokenizer)
    return CompileResult(
        tuple(_with_rates(file, given, encode, args.tokens_per_block) for file in result.files)
    )


def _with_rates(
    file: CompiledFile, given: Sequence[Mapping[str, Any]], encode: Encode, tokens_per_block: int
) -> CompiledFile:
    from charter_engine.analysis.expected_reuse import with_expected_reuse, without_expected_reuse
    from charter_engine.executor.inputs import InputError, default_inputs_path, read_inputs

    if not file.opportunities:
        return file
    beside = None if given else default_inputs_path(Path(file.path))
    try:
        inputs = read_inputs(beside) if beside else given
    except InputError as error:
        return without_expected_reuse(file, str(error))
    return with_expected_reuse(file, inputs, encode, tokens_per_block=tokens_per_block)


def inputs_of(path: Path) -> Sequence[Mapping[str, Any]]:
    """The inputs in a file. Raises `CharterError`."""
    from charter_engine.executor.inputs import InputError, read_inputs

    try:
        return read_inputs(path)
    except InputError as error:
        raise UsageError(
            f"{error.place}: {error.message}",
            remedy=error.remedy,
        ) from None


def explained(args: argparse.Namespace, options: CompileOptions) -> int:
    """Print why a line is or isn't a call."""
    from charter_engine.analysis.compile import read_file
    from charter_engine.analysis.explain import explain
    from charter_engine.parser.reading import Unreadable, read_source

    if len(args.paths) != 1 or not Path(args.paths[0]).is_file():
        raise UsageError(
            "--explain LINE takes exactly one file",
            remedy="name the file that has the line",
        )
    try:
        if not args.explain >= 1:
            raise UsageError(
                f"--explain {args.explain}: lines count from 1",
            )
        source = read_file(args.paths[0])
        last = len(read_source(args.paths[0], source).text.splitlines())
        if args.explain > last:
            raise UsageError(
                f"--explain {args.explain}: {args.paths[0]} ends at line {last}",
            )
        told = explain(args.paths[0], source, args.explain, options=options)
    except Unreadable as refusal:
        found = refusal.diagnostic
        raise CharterError(
            f"{found.path}:{found.line}:{found.column}: {found.message}", remedy=found.remedy
        ) from None
    except OSError as error:
        raise CharterError(
            f"{args.paths[0]}: {error.strerror}", remedy="check its permissions"
        ) from None
    if args.json:
        print_json({"path": args.paths[0], "line": args.explain, "reasons": told})
    else:
        print("\n".join(told))
    return DONE


def options_of(args: argparse.Namespace) -> CompileOptions:
    """The catalogue and the token counter that the options name. Raises `CharterError`."""
    from charter_engine.analysis.compile import CompileOptions
    from charter_engine.parser.catalogue import (
        CatalogueError,
        default_catalogue,
        extended_catalogue,
    )
    from charter_engine.parser.tokens import RealTokenCounter, TokenCounter

    catalogue, tokens = default_catalogue(), TokenCounter()
    if args.config:
        try:
            catalogue = extended_catalogue(recognizers_of(args.config))
        except CatalogueError as error:
            raise UsageError(
                f"{args.config}: {error}",
                remedy="correct the table",
            ) from None
    if args.tokenizer:
        try:
            tokens = RealTokenCounter(args.tokenizer)
        except ValueError as error:
            raise UsageError(
                str(error),
                remedy="name a tokenizer.json, or a folder that holds one",
            ) from None
    return CompileOptions(catalogue, tokens)


def recognizers_of(path: str) -> dict[str, Any]:
    """The `[recognizers]` table of a TOML file. Raises `CharterError`."""
    import tomllib

    try:
        tables = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy="check the path",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: not TOML: {error}",
            remedy="correct the file",
        ) from None
    found = tables.get("recognizers", {})
    if not isinstance(found, dict):
        raise UsageError(
            f"{path}: [recognizers] must be a table",
            remedy="correct the file",
        )
    return found


def print_summary(result: CompileResult) -> None:
    """Calls and opportunities of each file, for people."""
    for file in result.files:
        print(f"{file.path}: {len(file.calls)} calls")
        rows = [
            (
                f"  {call.id}",
                str(call.line),
                call.family,
                call.loop.kind if call.loop is not None else "",
                ", ".join(sorted({edge.call for edge in call.depends_on})),
            )
            for call in file.calls
        ]
        if rows:
            print_table(("  call", "line", "family", "loop", "takes from"), rows)
        for opportunity in file.opportunities:
            print_opportunity(opportunity)


def print_opportunity(item: Opportunity) -> None:
    """What could be shared, the hit rate to expect of it, and where both come from."""
    print(f"  {item.pattern}: {', '.join(item.nodes)}")
    expected = f"no hit rate: {item.expected_basis}"
    if item.expected_hit_rate is not None:
        expected = f"expected hit rate {item.expected_hit_rate:.1%} ({item.expected_label}): {item.expected_basis}"
    for words in (
        f"{item.shared_tokens} tokens ({item.tokens_label}): {item.derivation}",
        expected,
    ):
        print(
            textwrap.fill(
                words, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            )
        )


class Progress:
    """A bar with a time estimate on standard error, drawn at most ten times a second."""

    def __init__(self) -> None:
        self.started = self.drawn = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if total < 20 or (now - self.drawn < 0.1 and done < total):
            return
        self.drawn = now
        left = (now - self.started) / max(done, 1) * (total - done)
        filled = 30 * done // max(total, 1)
        end = "\n" if done == total else ""
        print(
            f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} files, {left:.0f} s left ",
            end=end,
            file=sys.stderr,
            flush=True,
        )
