"""`charter-engine export`: a recording, or a stretch of it, as JSON Lines or as a recording of its
own."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from charter_engine.commands.outcome import DONE, FAILED, complain
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.store.recording_reader import RecordingReader


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a recording as JSON Lines",
        description="One line for each gauge that changed, each event and each request, oldest first; or with --cut, "
        "a stretch as a recording of its own. Times are epoch seconds or ISO 8601, UTC unless they say otherwise.",
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument(
        "--begin", type=moment, metavar="TIME", help="from then on, beginning with the whole state"
    )
    parser.add_argument("--end", type=moment, metavar="TIME", help="until then")
    parser.add_argument("--requests", action="store_true", help="request records only")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write here (default: standard output)"
    )
    parser.add_argument(
        "--cut", type=Path, metavar="FILE", help="write a recording instead of JSON Lines"
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
    import sys
    from contextlib import nullcontext

    from charter_engine.store.recording_cut import cut
    from charter_engine.store.recording_format import NotARecording
    from charter_engine.store.recording_reader import RecordingReader
    from charter_engine.store.recording_writer import RecordingError

    try:
        reader = RecordingReader(args.recording)
    except OSError as error:
        raise UsageError(
            f"{args.recording}: {error.strerror}",
        ) from None
    except NotARecording as error:
        raise UsageError(
            str(error),
            remedy="give the path of a recording",
        ) from None
    try:
        if args.cut is not None:
            cut(reader, args.begin, args.end, args.cut)
        else:
            with (
                nullcontext(sys.stdout.buffer)
                if args.output is None
                else args.output.open("xb") as output
            ):
                write_lines(reader, args, output)
    except FileExistsError:
        raise UsageError(
            f"{args.output} exists",
            remedy="choose another file",
        ) from None
    except RecordingError as error:
        raise UsageError(
            str(error),
        ) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CharterError(f"{args.output or 'standard output'}: {error.strerror}") from None
    if reader.damaged:
        complain(f"{args.recording}: {reader.damaged}")
        return FAILED
    return DONE


def write_lines(reader: "RecordingReader", args: argparse.Namespace, output: BinaryIO) -> None:
    """One JSON object a line; its field `record` says what it is."""
    import msgspec

    from charter_engine.contracts.live import RequestRecord
    from charter_engine.store.recording_cut import stretch

    encoder = msgspec.json.Encoder()
    for messages in stretch(reader, args.begin, args.end):
        for message in messages:
            if args.requests and not isinstance(message, RequestRecord):
                continue
            kind = (
                "request" if isinstance(message, RequestRecord) else type(message).__name__.lower()
            )
            output.write(encoder.encode({"record": kind, **msgspec.to_builtins(message)}) + b"\n")
