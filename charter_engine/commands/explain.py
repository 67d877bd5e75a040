"""`charter-engine explain`: why a request missed, at which token, and what that costs."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments
from charter_engine.commands.options import positive
from charter_engine.commands.outcome import DONE, print_json
from charter_engine.commands.triton_options import triton_options

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.explaining import MissQuery


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "explain",
        help="tell why a request missed, at which token, and what it costs",
        description="Tells the tokens of a request's prompt apart: reused, new, and computed again "
        "because the prompt left an earlier one, blocks were evicted or rounded, or the server "
        "did not share them; with the words where it left, the cause, its cost and what to do.",
    )
    parser.add_argument(
        "request",
        nargs="?",
        default="",
        metavar="REQUEST",
        help="its number at the tap (default: the last one)",
    )
    parser.add_argument("--last", type=positive, metavar="N", help="the last N requests")
    parser.add_argument("--session", default="", metavar="S", help="the requests of a session")
    parser.add_argument("--no-text", action="store_true", help="show no words of the prompts")
    parser.add_argument("--json", action="store_true", help="print a MissResult")
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain the requests that are asked for."""
    from charter_engine.api import explaining
    from charter_engine.commands.miss_report import print_explanation
    from charter_engine.commands.narration import print_notes

    result = asyncio.run(explaining.explain(_query(args), triton_options(args)))
    print_notes(result.notes)
    if args.json:
        print_json(result)
        return DONE
    for explanation in result.explanations:
        print_explanation(explanation)
    return DONE


def _query(args: argparse.Namespace) -> "MissQuery":
    from charter_engine.contracts.explaining import MissQuery

    return MissQuery(
        request=args.request,
        session=args.session,
        last=args.last,
        with_text=not args.no_text,
    )
