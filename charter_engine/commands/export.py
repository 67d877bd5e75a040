"""`charter-engine export`: a recording, or a stretch of it, in another form."""

import argparse
import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from charter_engine.commands.outcome import DONE, FAILED, complain
from charter_engine.contracts.exporting import ExportForm, ExportResult, ExportTable
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.api.exports import Write
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.exporting import ExportRequest


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a recording as JSON Lines, CSV, Parquet, OpenMetrics or HTML",
        description="JSON Lines: one line for each gauge that changed, each event and each "
        "request, oldest first. CSV and Parquet: one table, a column a field. OpenMetrics: what a "
        "Prometheus would have, for promtool tsdb create-blocks-from openmetrics. HTML: one page "
        "with plots. Or with --cut, a stretch as a recording of its own. Times are epoch seconds, "
        "ISO 8601 or a time of day (UTC unless they say otherwise), 3m ago (counted back from the "
        "recording's end), 1:30 (from its beginning), and for --end also +30s (from --begin).",
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument(
        "--begin", metavar="TIME", help="from then on, beginning with the whole state"
    )
    parser.add_argument("--end", metavar="TIME", help="until then")
    parser.add_argument(
        "--format",
        dest="form",
        choices=get_args(ExportForm),
        help="default: what the name of --output says (.csv, .parquet, .om, .html), else jsonl",
    )
    parser.add_argument(
        "--table",
        choices=get_args(ExportTable),
        default="requests",
        help="of CSV and Parquet (default: %(default)s)",
    )
    parser.add_argument("--requests", action="store_true", help="request records only (jsonl)")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write here (default: standard output)"
    )
    parser.add_argument(
        "--cut", type=Path, metavar="FILE", help="write a recording of its own instead"
    )
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from charter_engine.contracts.exporting import SUFFIXES, ExportRequest

    begin, end = _stretch(args)
    suffix = args.output.suffix if args.output is not None else ""
    form: ExportForm = args.form or SUFFIXES.get(suffix, "jsonl")
    request = ExportRequest(
        recording=str(args.recording),
        begin=begin,
        end=end,
        requests_only=args.requests,
        form=form,
        table=args.table,
    )
    try:
        result = _exported(request, args)
    except FileExistsError:
        raise UsageError(f"{args.output} exists", remedy="choose another file") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CharterError(f"{args.output or 'standard output'}: {error.strerror}") from None
    if result.damaged:
        complain(f"{args.recording}: {result.damaged}")
        return FAILED
    return DONE


def _stretch(args: argparse.Namespace) -> tuple[float | None, float | None]:
    """The times that were typed, in epoch seconds; None where none was."""
    from charter_engine.api import recordings
    from charter_engine.contracts.moments import Mistyped, parse_moment

    if args.begin is None and args.end is None:
        return None, None
    try:
        for typed in filter(None, (args.begin, args.end)):
            parse_moment(typed, 0.0, 0.0, 0.0, UTC)
        first, last = recordings.span(str(args.recording))
        begin = parse_moment(args.begin or "start", first, last, first, UTC)
        end = parse_moment(args.end or "end", first, last, begin, UTC)
    except Mistyped as error:
        raise UsageError(str(error)) from None
    return begin if args.begin else None, end if args.end else None


def _exported(request: "ExportRequest", args: argparse.Namespace) -> "ExportResult":
    from charter_engine.api import exports, recordings
    from charter_engine.api.output_files import new_output

    if args.cut is not None:
        return recordings.cut(request, str(args.cut))
    export = _page if request.form == "html" else exports.export
    if args.output is None:
        return export(request, sys.stdout.buffer.write)
    with new_output(args.output) as output:
        return export(request, output.write)


def _page(request: "ExportRequest", write: "Write") -> "ExportResult":
    from charter_engine.api import recordings
    from charter_engine.commands.pages.recording import page_of

    story = recordings.story(request)
    write(page_of(story).encode())
    return ExportResult(damaged=story.info.damaged)
