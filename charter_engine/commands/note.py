"""`charter-engine note`: mark the present moment of a running engine, or list what is marked."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from charter_engine.commands.options import duration
from charter_engine.commands.outcome import DONE, print_json, print_table
from charter_engine.contracts.commands import AddNote, Command, ListMarks
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers

ANSWER_SECONDS: Final = 30.0
"""A note is one record; assumed: an engine that takes longer hangs."""
DAY_SECONDS: Final = 86_400.0


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "note",
        help="mark this moment of a running engine, or list what is marked",
        description="A note stands in the engine's log, its database and its recording, and beside "
        "pushes on every time axis.",
    )
    parser.add_argument("text", nargs="?", default="", metavar="TEXT", help="one line")
    parser.add_argument("--node", default="", metavar="CALL", help="the call that it concerns")
    parser.add_argument(
        "--list", action="store_true", help="print what is marked: notes, pushes, rollbacks, Triton"
    )
    parser.add_argument(
        "--since",
        type=duration,
        default=DAY_SECONDS,
        metavar="DURATION",
        help="with --list: how far back (default: 24h)",
    )
    parser.add_argument(
        "--attach",
        type=Path,
        metavar="SOCKET",
        help="the engine that listens there (default: in the runtime directory)",
    )
    parser.add_argument("--json", action="store_true", help="with --list: print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Add a note, or print what is marked."""
    if args.list == bool(args.text):
        raise UsageError("give the note's text, or --list")
    if not args.list:
        asyncio.run(_asked(args.attach, AddNote(text=args.text, node=args.node)))
        return DONE
    marks = asyncio.run(_asked(args.attach, ListMarks(seconds=args.since)))
    if args.json:
        print_json(marks)
    else:
        from charter_engine.commands.recording_report import moment

        rows = [(moment(one.at), one.kind, one.node, one.text) for one in marks]
        print_table(("when (UTC)", "kind", "call", ""), rows)
    return DONE


async def _asked(socket: Path | None, command: Command) -> Any:
    """The engine's answer. Raises `CharterError`."""
    from charter_engine.service.client import ConnectionLost, EngineClient, RequestFailed
    from charter_engine.service.options import default_socket

    client = EngineClient(socket or default_socket())
    try:
        await client.connect()
        return await client.request(command, ANSWER_SECONDS)
    except RequestFailed as error:
        failure = error.failure
        raise CharterError(failure.message, remedy=failure.remedy, kind=failure.kind) from error
    except (ConnectionLost, TimeoutError) as error:
        message = str(error) or "the engine does not answer"
        remedy = "charter-engine serve starts one; --attach names another's socket"
        raise CharterError(message, remedy=remedy) from error
    finally:
        await client.detach()
