"""`charter-engine recordings list|info|verify|compare|merge|make`: what recordings there are, what
they hold, how they differ, and new ones of them."""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    complain,
    harmless,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "recordings", help="list recordings, look at them, verify, compare, merge or make them"
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="the recordings in a folder, the newest first")
    listed.add_argument("folder", metavar="FOLDER", nargs="?", default=".")
    listed.set_defaults(run=_list)
    info = actions.add_parser("info", help="what a recording holds, and what it does not")
    info.add_argument("recording", metavar="FILE")
    info.set_defaults(run=_info)
    verify = actions.add_parser(
        "verify", help="read every record; ends with 1 where one can't be read"
    )
    verify.add_argument("recording", metavar="FILE")
    verify.set_defaults(run=_verify)
    compare = actions.add_parser(
        "compare",
        help="two recordings side by side, or one before and after its last push",
        description="What a request costs in either, with 95 % intervals of the difference, and "
        "node by node. With one recording: what it holds ahead of its last push, and behind it.",
    )
    compare.add_argument("before", metavar="A")
    compare.add_argument("after", metavar="B", nargs="?", default="")
    compare.add_argument(
        "--html", type=Path, metavar="FILE", help="also write a page with both on one axis"
    )
    compare.set_defaults(run=_compare)
    merge = actions.add_parser("merge", help="put recordings of different times into one")
    merge.add_argument("recordings", metavar="FILE", nargs="+")
    _add_output(merge)
    merge.set_defaults(run=_merge)
    make = actions.add_parser(
        "make",
        help="make a recording of the JSON Lines that export wrote",
        description="Of all of them, or of those that a filter left, in their order.",
    )
    make.add_argument("lines", metavar="LINES", help="a file, or - for standard input")
    _add_output(make)
    make.add_argument(
        "--no-text", action="store_true", help="leave out the words of prompts and answers"
    )
    make.set_defaults(run=_make)
    for action in (listed, info, verify, compare, merge):
        action.add_argument("--json", action="store_true", help="print JSON")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", "-o", required=True, metavar="FILE", help="a file that is not there"
    )


def _list(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings
    from charter_engine.commands.recording_report import LISTED_HEADER, listed_rows

    found = recordings.listed(args.folder)
    if args.json:
        print_json(found)
    elif found:
        print_table(LISTED_HEADER, listed_rows(found))
    else:
        complain(f"{args.folder}: no recordings", "charter-tui --record FILE writes one")
    return DONE


def _info(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings
    from charter_engine.commands.recording_report import info_lines

    found = recordings.info(args.recording)
    if args.json:
        print_json(found)
    else:
        print(harmless("\n".join(info_lines(found))))
    return DONE


def _verify(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings

    found = recordings.verify(args.recording)
    if args.json:
        print_json(found)
    elif not found.damaged:
        path = harmless(found.path)
        print(f"{path}: whole, {found.records:,} records in {found.entries:,} writes")
    if found.damaged:
        complain(f"{found.path}: {found.damaged}", "what is before and behind it can be read")
    return FAILED if found.damaged else DONE


def _compare(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings
    from charter_engine.commands.recording_report import (
        DIFFERENCE_HEADER,
        difference_rows,
        side_line,
    )
    from charter_engine.contracts.recordings import CompareRecordings

    found = recordings.compare(CompareRecordings(before=args.before, after=args.after))
    if args.html is not None:
        from charter_engine.api.output_files import write_output
        from charter_engine.commands.pages.comparison import page_of

        write_output(args.html, page_of(found))
    if args.json:
        print_json(found)
        return DONE
    print(harmless(side_line("A", found.before)))
    print(harmless(side_line("B", found.after)))
    print_table(DIFFERENCE_HEADER, difference_rows(found.differences))
    if found.verdict.words:
        print(f"B against A: {found.verdict.words}")
    for note in found.notes:
        print(f"! {note}")
    return DONE


def _merge(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings

    result = recordings.merge(args.recordings, args.output)
    if args.json:
        print_json(result)
    if result.damaged:
        complain(result.damaged, "what could be read is in the new one")
        return FAILED
    return DONE


def _make(args: argparse.Namespace) -> int:
    from charter_engine.api import recordings
    from charter_engine.errors import UsageError

    with ExitStack() as stack:
        lines, source = sys.stdin.buffer, "standard input"
        if args.lines != "-":
            try:
                lines, source = stack.enter_context(Path(args.lines).open("rb")), args.lines
            except OSError as error:
                raise UsageError(f"{args.lines}: {error.strerror}") from None
        recordings.made_of(lines, args.output, source=source, keeps_text=not args.no_text)
    return DONE
