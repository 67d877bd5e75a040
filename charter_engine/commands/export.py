"""`charter-engine export`: a recording, or a stretch of it, in another form."""

import argparse
import sys
from datetime import UTC, datetime
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
        "with plots. Or with --cut, a stretch as a recording of its own. Times are epoch seconds "
        "or ISO 8601, UTC unless they say otherwise.",
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument(
        "--begin", type=moment, metavar="TIME", help="from then on, beginning with the whole state"
    )
    parser.add_argument("--end", type=moment, metavar="TIME", help="until then")
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
        "--output", type=Path, metavar="FILE", help="write here (default: standard output)"
    )
    parser.add_argument(
        "--cut", type=Path, metavar="FILE", help="write a recording of its own instead"
    )
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def moment(text: str) -> float:
    """Epoch seconds of a time as typed."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time, such as 2026-11-21T03:15:00 or 1795231006.5"
        ) from None
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def run(args: argparse.Namespace) -> int:
    from charter_engine.contracts.exporting import SUFFIXES, ExportRequest

    suffix = args.output.suffix if args.output is not None else ""
    form: ExportForm = args.form or SUFFIXES.get(suffix, "jsonl")
    request = ExportRequest(
        recording=str(args.recording),
        begin=args.begin,
        end=args.end,
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
