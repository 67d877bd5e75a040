"""`charter-engine history`: the revisions of a deployment."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import (
    DONE,
    UNKNOWN,
    complain,
    print_json,
    print_table,
    terminal_columns,
)
from charter_engine.commands.triton_options import add_write_option, require_writable, servers_apart
from charter_engine.errors import EXIT_CODE, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.deploy import Revision, ServedFigures
    from charter_engine.contracts.deploying import RevisionDetails

WORDS = "show N | diff N N | repair"
FIGURES = ("requests", "failed", "computed", "TTFT ms", "whole ms")


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "history",
        help="list the revisions of a deployment",
        description="Without words: the revisions, the latest first. `show N` tells all of one, "
        "`diff N N` how the files of two differ, `repair` mends a journal that is damaged and "
        "finishes or takes back a push that was cut short; it never changes revision 0.",
    )
    parser.add_argument("words", nargs="*", metavar=WORDS)
    parser.add_argument(
        "--json",
        action="store_true",
        help="print every Revision with its plan (show: RevisionDetails, diff: RevisionComparison; "
        "of several servers a ServerHistory each)",
    )
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="DIR",
        help="read a journal that was put away, as uninstall names it",
    )
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the revisions, one, two, or what was mended. Works while Triton is down, but for
    `repair`."""
    servers, kept = servers_apart(args), args.journal
    if len(servers) > 1:
        return _list_several(servers, args)
    (triton,) = servers
    match args.words:
        case []:
            _list(triton, kept, args.json)
        case ["show", number]:
            _show(_number(number), triton, kept, args.json)
        case ["diff", old, new]:
            _diff(_number(old), _number(new), triton, kept, args.json)
        case ["repair"]:
            if kept is not None:
                raise UsageError("a journal that was put away is read, and never changed")
            require_writable(args, (triton.url,))
            _repair(triton, args.json)
        case _:
            raise UsageError(f"history {' '.join(args.words)}: unknown", remedy=f"it takes {WORDS}")
    return DONE


def _asked(args: argparse.Namespace) -> str:
    return f"history {args.words[0]}" if args.words else "--journal"


def _number(text: str) -> int:
    if not text.isdecimal():
        raise UsageError(f"{text} is no revision", remedy="charter-engine history lists them")
    return int(text)


def _list_several(servers: "Sequence[TritonOptions]", args: argparse.Namespace) -> int:
    """The revisions of each server; 0 where all could be read."""
    from charter_engine.api import rolling

    if args.words or args.journal is not None:
        named = ", ".join(server.called for server in servers)
        raise UsageError(
            f"{_asked(args)} is of one server, and {len(servers)} are named",
            remedy=f"give one of them with --triton: {named}",
        )
    found = asyncio.run(rolling.histories(servers, narrate))
    if args.json:
        print_json(found)
    for one in found:
        if one.kind is not None:
            complain(f"{one.server}: {one.message}")
        elif not args.json:
            print(f"{one.server}:")
            _print_revisions(one.revisions[::-1])
    failures = [one.kind for one in found if one.kind is not None]
    return EXIT_CODE[failures[0]] if failures else DONE


def _list(triton: "TritonOptions", kept: Path | None, as_json: bool) -> None:
    from charter_engine.api import revisions

    found = asyncio.run(revisions.history(triton, narrate, kept=kept))[::-1]
    if as_json:
        print_json(found)
    else:
        _print_revisions(found)


def _print_revisions(found: "Sequence[Revision]") -> None:
    if not found:
        print("nothing was pushed to this deployment yet")
        return
    print_table(
        ("revision", "state", "when", "by", "agent", "cost", "note"),
        [_row(item) for item in found],
        prose_within=terminal_columns(),
    )


def _show(number: int, triton: "TritonOptions", kept: Path | None, as_json: bool) -> None:
    from charter_engine.api import revisions

    found = asyncio.run(revisions.show(number, triton, narrate, kept=kept))
    if as_json:
        print_json(found)
        return
    for name, value in _lines(found):
        print(f"{name:<12}{value}")
    item = found.revision
    print_table(
        ("figures", *FIGURES),
        [("before", *_figures(item.before)), ("after", *_figures(item.after))],
    )
    for path, content in found.files.items():
        print(f"--- {path}")
        print("no such file" if content is None else content.rstrip("\n"))


def _lines(found: "RevisionDetails") -> list[tuple[str, str]]:
    item = found.revision
    parent = UNKNOWN if item.parent is None else str(item.parent)
    checksum = f" (sha256 {item.parent_checksum[:12]})" if item.parent_checksum else ""
    return [
        ("revision", f"{item.number}, {item.state}"),
        ("when", _when(item)),
        ("by", item.by or UNKNOWN),
        ("why", item.note or UNKNOWN),
        ("agent", item.agent or UNKNOWN),
        ("replaced", f"{parent}{checksum}"),
        ("cost", item.cost or UNKNOWN),
    ]


def _diff(old: int, new: int, triton: "TritonOptions", kept: Path | None, as_json: bool) -> None:
    from charter_engine.api import revisions

    found = asyncio.run(revisions.compare(old, new, triton, narrate, kept=kept))
    if as_json:
        print_json(found)
    elif not found.changes:
        print(f"the files of revisions {old} and {new} are the same")
    else:
        rows = [(item.place, item.key, item.old, item.new) for item in found.changes]
        print_table(("file", "field", f"revision {old}", f"revision {new}"), rows)


def _repair(triton: "TritonOptions", as_json: bool) -> None:
    from charter_engine.api import revisions

    done = until_done(revisions.repair(triton, narrate))
    if as_json:
        print_json(done)
        return
    for line in done or ("nothing was damaged",):
        print(line)


def _row(item: "Revision") -> tuple[str, ...]:
    return (
        str(item.number),
        item.state,
        _when(item),
        item.by or UNKNOWN,
        item.agent,
        item.cost or "",
        item.note,
    )


def _when(item: "Revision") -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(item.created_at))


def _figures(figures: "ServedFigures | None") -> tuple[str, ...]:
    if figures is None:
        return (UNKNOWN,) * len(FIGURES)
    means = (figures.computed_tokens, figures.ttft_ms, figures.total_ms)
    return (
        f"{figures.requests:,}",
        f"{figures.failures:,}",
        *(UNKNOWN if value is None else f"{value:,.1f}" for value in means),
    )
