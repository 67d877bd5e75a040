"""`charter-engine compile PATH…`: an agent's LLM calls, their prompts, and what flows between
them."""

import argparse
import sys
import textwrap
import time
from typing import TYPE_CHECKING

from charter_engine.commands.options import positive
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    complain,
    complain_of,
    harmless,
    print_json,
    print_table,
)
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.progress import Progress
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.graph import CompileResult, Opportunity

WORTH_A_BAR = 20
"""Files from which on progress is shown."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "compile",
        help="find an agent's LLM calls and what flows between them",
        description="Find the LLM calls of Python files, folders and notebooks. "
        "The source is never executed.",
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
        metavar="LINE",
        help="tell why a line of the one PATH is or isn't a call; of a folder, FILE:LINE",
    )
    parser.add_argument(
        "--tokenizer",
        metavar="PATH",
        help="count tokens by this tokenizer.json, or the folder that holds one",
    )
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        help="predict what opportunities would bring on these inputs "
        "(default: the .inputs.jsonl beside each file)",
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
    if args.explain is not None:
        return _explain(args)
    from charter_engine.api.compiling import compile_paths, nearest_calls
    from charter_engine.api.progress import silent
    from charter_engine.contracts.compiling import CompileRequest

    request = CompileRequest(
        paths=tuple(args.paths),
        config=args.config,
        tokenizer=args.tokenizer,
        inputs=args.inputs,
        tokens_per_block=args.tokens_per_block,
        use_cache=not args.no_cache,
    )
    found = compile_paths(request, ProgressBar() if sys.stderr.isatty() else silent)
    for note in found.notes:
        complain(note.message, note.remedy)
    if args.json:
        print_json(found.result)
    else:
        print_summary(found.result)
        if not any(file.calls for file in found.result.files):
            for words in nearest_calls(request):
                print(words)
    complain_of(error for file in found.result.files for error in file.errors)
    return FAILED if any(file.is_broken for file in found.result.files) else DONE


def _explain(args: argparse.Namespace) -> int:
    """Print why a line is or isn't a call."""
    from charter_engine.api.compiling import explain
    from charter_engine.contracts.compiling import ExplainRequest

    if len(args.paths) != 1:
        raise UsageError(
            "--explain LINE takes exactly one file", remedy="name the file that has the line"
        )
    file, _, line = args.explain.rpartition(":")
    if not line.lstrip("-").isdigit():
        raise UsageError(
            f"--explain {args.explain}: no line", remedy="--explain LINE, or --explain FILE:LINE"
        )
    explanation = explain(
        ExplainRequest(
            path=file or args.paths[0],
            line=int(line),
            package=args.paths[0] if file else "",
            config=args.config,
            tokenizer=args.tokenizer,
        )
    )
    if args.json:
        print_json(explanation)
    else:
        print("\n".join(explanation.reasons))
    return DONE


def print_summary(result: "CompileResult") -> None:
    """Calls and opportunities of each file that has some, for people."""
    for file in (file for file in result.files if file.calls):
        print(f"{harmless(file.path)}: {len(file.calls)} calls")
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
    empty = [file.path for file in result.files if not file.calls]
    if len(empty) == 1:
        print(f"{harmless(empty[0])}: no LLM calls found")
    elif len(empty) == len(result.files) and empty:
        print(f"no LLM calls found in {len(empty)} files")
    elif empty:
        print(f"{len(empty)} files without LLM calls")


def print_opportunity(item: "Opportunity") -> None:
    """What could be shared, the hit rate to expect of it, and where both come from."""
    print(f"  {item.pattern}: {', '.join(item.nodes)}")
    expected = f"no hit rate: {item.expected_basis}"
    if item.expected_hit_rate is not None:
        rate = f"{item.expected_hit_rate:.1%} ({item.expected_label})"
        computed = f"{item.expected_computed_tokens:,} of {item.expected_prompt_tokens:,}"
        expected = f"expected {computed} computed, hit rate {rate}: {item.expected_basis}"
    for words in (
        f"{item.shared_tokens} tokens ({item.tokens_label}): {item.derivation}",
        expected,
    ):
        print(
            textwrap.fill(
                words, 110, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            )
        )


class ProgressBar:
    """A bar with a time estimate on standard error, drawn at most ten times a second."""

    def __init__(self) -> None:
        self.started = self.drawn = time.monotonic()

    def __call__(self, progress: "Progress") -> None:
        done, total = progress.done, progress.total or 0
        now = time.monotonic()
        if total < WORTH_A_BAR or (now - self.drawn < 0.1 and done < total):
            return
        self.drawn = now
        left = (now - self.started) / max(done, 1) * (total - done)
        filled = 30 * done // total
        end = "\n" if done == total else ""
        print(
            f"\r[{'#' * filled}{'.' * (30 - filled)}] {done}/{total} files, {left:.0f} s left ",
            end=end,
            file=sys.stderr,
            flush=True,
        )
