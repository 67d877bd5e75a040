"""`charter-engine gateway`: OpenAI's and Anthropic's HTTP in front of a server."""

import argparse
import asyncio
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate
from charter_engine.commands.options import add_otlp_option, positive, server_address
from charter_engine.commands.outcome import DONE
from charter_engine.commands.triton_options import several_triton_options
from charter_engine.contracts.gateway import DEFAULT_LISTEN, DEFAULT_MODELS
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord, GatewayRequest


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "gateway",
        help="answer OpenAI's and Anthropic's HTTP in front of a server",
        description="Unchanged programs reach charter_bls on Triton, or a server of OpenAI's "
        "shape, by this address. Runs until SIGTERM or Ctrl-C.",
    )
    parser.add_argument(
        "--listen",
        default=DEFAULT_LISTEN,
        metavar="HOST:PORT",
        help="where programs reach it (default: %(default)s); beyond this machine it needs --key",
    )
    parser.add_argument(
        "--key",
        metavar="SOURCE",
        help="what programs must send as their API key; env:VARIABLE or @FILE",
    )
    parser.add_argument(
        "--openai",
        action="append",
        default=[],
        metavar="URL",
        help="stand in front of this server of OpenAI's shape, and not of a Triton; repeatable, "
        "where several serve the same",
    )
    parser.add_argument(
        "--openai-key",
        metavar="SOURCE",
        help="sent to it in place of the programs' own keys; env:VARIABLE or @FILE",
    )
    parser.add_argument(
        "--plan",
        metavar="PLAN",
        help="lay prompts out by its layouts for traffic on their way to the server of OpenAI's "
        "shape; on Triton the plan that is live does so",
    )
    parser.add_argument(
        "--agent", metavar="SOURCE", help="the plan's agent (default: where the plan says)"
    )
    add_otlp_option(parser)
    _add_model_options(parser)
    _add_limit_options(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def _add_model_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the model on Triton")
    group.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help=f"a name under which it is served; repeatable (default: {DEFAULT_MODELS[0]})",
    )
    group.add_argument(
        "--any-model", action="store_true", help="answer whatever model a program asks for"
    )
    group.add_argument(
        "--context",
        type=positive,
        metavar="TOKENS",
        help="the most tokens of a prompt and its answer (default: what the engine's files say)",
    )


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    from charter_engine.contracts.gateway import GatewayLimits

    default = GatewayLimits()
    group = parser.add_argument_group("limits")
    group.add_argument(
        "--at-once",
        type=positive,
        default=default.at_once,
        metavar="N",
        help="requests answered side by side; one more is told to come again (default: "
        "%(default)s)",
    )
    group.add_argument(
        "--body-bytes",
        type=positive,
        default=default.body_bytes,
        metavar="N",
        help="the longest body of a request (default: %(default)s)",
    )
    group.add_argument(
        "--deadline",
        type=positive,
        default=int(default.deadline_seconds),
        metavar="SECONDS",
        help="the longest that an answer may take (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Answer until somebody ends it."""
    if args.openai and args.triton:
        raise UsageError("--openai and --triton: a gateway stands in front of servers of one kind")
    if args.plan is not None and not args.openai:
        raise UsageError(
            "--plan: on Triton the plan that is live lays prompts out",
            remedy="make it live: charter-engine push, or name a server with --openai",
        )
    otlp = args.otlp and server_address("--otlp", args.otlp)
    asyncio.run(_listen(_request(args), several_triton_options(args), otlp))
    return DONE


def _request(args: argparse.Namespace) -> "GatewayRequest":
    from charter_engine.api.credentials import key_of
    from charter_engine.contracts.gateway import GatewayLimits, GatewayRequest

    return GatewayRequest(
        listen=args.listen,
        openai=tuple(dict.fromkeys(server_address("--openai", url) for url in args.openai)),
        key=key_of("--key", args.key),
        openai_key=key_of("--openai-key", args.openai_key),
        models=tuple(args.model or DEFAULT_MODELS),
        any_model=args.any_model,
        context=args.context,
        plan=args.plan or "",
        agent=args.agent,
        limits=GatewayLimits(
            at_once=args.at_once,
            body_bytes=args.body_bytes,
            deadline_seconds=args.deadline,
        ),
    )


async def _listen(
    request: "GatewayRequest", tritons: "Sequence[TritonOptions]", otlp: str | None
) -> None:
    from charter_engine.api import drifting
    from charter_engine.api.gateway import listening, notice_of
    from charter_engine.api.tracing import tracing

    spans = tracing(otlp)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    outcomes: Counter[str] = Counter()

    def observe(exchange: "GatewayExchange") -> None:
        record = exchange.record
        if record.node or record.unmatched:
            outcomes["laid out" if record.laid_out else _as_it_came(record)] += 1
        if spans is not None:
            spans.exchange(exchange)

    watched = () if request.openai else tritons
    async with (
        listening(request, tritons, observe) as gateway,
        drifting.told_meanwhile(watched, narrate),
    ):
        print(f"listening on http://{gateway.address}/v1", file=sys.stderr, flush=True)
        if request.plan:
            print(f"note: {notice_of(request)}", file=sys.stderr, flush=True)
        await stop.wait()
    for outcome, count in outcomes.most_common() if request.plan else ():
        print(f"{count:,} requests: {outcome}", file=sys.stderr)
    if spans is not None:
        await spans.close()


def _as_it_came(record: "GatewayRecord") -> str:
    reason = record.layout_reason or record.unmatched or "their node has no layout"
    return f"as they came: {reason}"
