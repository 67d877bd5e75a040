"""`charter-engine explain`: why a request missed, at which token, and what that costs."""

import argparse
import asyncio
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments
from charter_engine.commands.options import duration, positive
from charter_engine.commands.outcome import DONE, print_json
from charter_engine.commands.triton_options import triton_options
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.explaining import MissQuery, MissResult

OF_LOG = ("tokens_per_block", "pool_tokens", "strict")
OF_DEPLOYMENT = ("id", "since", "triton", "triton_metrics", "repository", "triton_header", "tls")
"""Options that do nothing for the other kind."""


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
        help="its number at the tap (default: the last one), or a log to read instead of a "
        "deployment: JSON Lines of OpenAI or Anthropic bodies or of conversations, vLLM's log, or "
        "what `charter-engine traffic --output` wrote",
    )
    parser.add_argument(
        "--id",
        default="",
        metavar="ID",
        help="of that X-Request-Id at the gateway, or id at Triton",
    )
    parser.add_argument("--of", default="", metavar="NAME", help="a log's request, by its line")
    parser.add_argument("--last", type=positive, metavar="N", help="the last N requests")
    parser.add_argument("--session", default="", metavar="S", help="the requests of a session")
    parser.add_argument(
        "--since",
        type=duration,
        metavar="TIME",
        help="of what passed in the last TIME, such as 2h or 1h30m, as far as an engine kept it",
    )
    parser.add_argument(
        "--agent", default="", metavar="PATH", help="the agent's source: names the line to change"
    )
    words = parser.add_mutually_exclusive_group()
    words.add_argument("--no-text", action="store_true", help="show no words of the prompts")
    words.add_argument(
        "--with-text", action="store_true", help="write words of the prompts into --json, too"
    )
    parser.add_argument("--json", action="store_true", help="print a MissResult")
    log = parser.add_argument_group("of a log")
    log.add_argument(
        "--tokens-per-block",
        type=positive,
        metavar="N",
        help=f"block size of the server (default: {TOKENS_PER_BLOCK}, assumed)",
    )
    log.add_argument(
        "--pool-tokens",
        type=positive,
        metavar="N",
        help="size of its KV pool (default: nothing is ever evicted, assumed)",
    )
    log.add_argument("--strict", action="store_true", help="refuse a log with a bad line")
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain the requests that are asked for."""
    from charter_engine.api.log_files import is_log
    from charter_engine.commands.miss_report import print_causes, print_explanation
    from charter_engine.commands.narration import print_notes

    of_log = is_log(args.request)
    result = _of_log(args) if of_log else _of_deployment(args)
    print_notes(result.notes)
    if args.json:
        print_json(result)
        return DONE
    for explanation in result.explanations:
        print_explanation(explanation)
    if of_log:
        print_causes(result.report)
    return DONE


def _of_deployment(args: argparse.Namespace) -> "MissResult":
    from charter_engine.api.recent_traffic import explain

    if args.request and not args.request.lstrip("#").isdecimal():
        raise UsageError(
            f"{args.request}: neither a request's number nor a log of requests",
            remedy="`charter-engine explain --last 10` tells of the last ones, with their numbers",
        )
    if args.of:
        raise UsageError(
            "--of names a request of a log, and no log is given",
            remedy="charter-engine explain LOG --of LINE",
        )
    _refuse(args, OF_LOG, "tells of a log, and no log is given")
    return asyncio.run(explain(_query(args, args.request), triton_options(args), args.since))


def _of_log(args: argparse.Namespace) -> "MissResult":
    from charter_engine.api.log_files import explain_log
    from charter_engine.contracts.explaining import LogQuery

    _refuse(args, OF_DEPLOYMENT, "tells of a deployment, and a log is given")
    return explain_log(
        LogQuery(
            log=args.request,
            strict=args.strict,
            tokenizer=str(args.tokenizer or ""),
            tokens_per_block=args.tokens_per_block or TOKENS_PER_BLOCK,
            pool_tokens=args.pool_tokens,
            which=_query(args, args.of),
        )
    )


def _refuse(args: argparse.Namespace, names: "Sequence[str]", why: str) -> None:
    """Raises `UsageError` where one of these options is given: it would do nothing."""
    for name in names:
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} {why}", remedy="leave it out")


def _query(args: argparse.Namespace, request: str) -> "MissQuery":
    from charter_engine.contracts.explaining import MissQuery

    return MissQuery(
        request=request,
        request_id=args.id,
        session=args.session,
        last=args.last,
        agent=args.agent,
        with_text=args.with_text or not (args.json or args.no_text),
    )
