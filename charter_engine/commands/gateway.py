"""`charter-engine gateway`: OpenAI's and Anthropic's HTTP in front of a server."""

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, until_done
from charter_engine.commands.options import positive
from charter_engine.commands.triton_options import triton_options
from charter_engine.contracts.gateway import DEFAULT_LISTEN

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.gateway import GatewayRequest


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
        "--model",
        action="append",
        metavar="NAME",
        help="the name under which Triton's model is served; repeatable (default: charter_bls)",
    )
    parser.add_argument(
        "--any-model", action="store_true", help="answer whatever model a program asks for"
    )
    parser.add_argument(
        "--context",
        type=positive,
        metavar="TOKENS",
        help="the most tokens of a prompt and its answer (default: what the engine's files say)",
    )
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer until somebody ends it."""
    return until_done(_listen(_request(args), triton_options(args)))


def _request(args: argparse.Namespace) -> "GatewayRequest":
    from charter_engine.contracts.gateway import GatewayRequest

    return GatewayRequest(
        listen=args.listen,
        models=tuple(args.model or ("charter_bls",)),
        any_model=args.any_model,
        context=args.context,
    )


async def _listen(request: "GatewayRequest", triton: "TritonOptions") -> int:
    from charter_engine.api.gateway import listening

    async with listening(request, triton) as gateway:
        print(f"listening on http://{gateway.address}/v1", file=sys.stderr)
        await asyncio.Event().wait()
    return 0
