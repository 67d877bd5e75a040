"""`charter-engine export`: a recording as JSON Lines."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE, FAILED, USAGE, CommandFailed, complain

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "export",
        help="write a recording as JSON Lines",
        description="One line for each gauge that changed, each event and each request, oldest first.",
    )
    parser.add_argument("recording", type=Path)
    parser.add_argument("--requests", action="store_true", help="request records only")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write here (default: standard output)")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import sys
    from contextlib import nullcontext

    import msgspec

    from charter_engine.contracts.live import RequestRecord
    from charter_engine.store.recording_format import NotARecording
    from charter_engine.store.recording_reader import RecordingReader

    try:
        reader = RecordingReader(args.recording)
    except (NotARecording, OSError) as error:
        raise CommandFailed(str(error), remedy="give the path of a recording", code=USAGE) from None
    encoder = msgspec.json.Encoder()
    try:
        with nullcontext(sys.stdout.buffer) if args.output is None else args.output.open("xb") as output:
            for message in reader.requests() if args.requests else reader.messages():
                kind = "request" if isinstance(message, RequestRecord) else type(message).__name__.lower()
                output.write(encoder.encode({"record": kind, **msgspec.to_builtins(message)}) + b"\n")
    except FileExistsError:
        raise CommandFailed(f"{args.output} exists", remedy="choose another file", code=USAGE) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"{args.output}: {error.strerror}") from None
    if reader.damaged:
        complain(f"{args.recording}: {reader.damaged}")
        return FAILED
    return DONE
