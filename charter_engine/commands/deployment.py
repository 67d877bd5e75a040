"""Options and look-ups shared by the commands that speak to a deployment."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import USAGE, CommandFailed

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer

DEFAULT_NAME = "default"


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Triton to speak to: one by address, or the embedded one that is up."""
    parser.add_argument("--triton", metavar="HOST:PORT", help="gRPC address (default: the embedded Triton that is up)")
    parser.add_argument("--name", default=DEFAULT_NAME, help="name of the embedded Triton (default: %(default)s)")
    parser.add_argument(
        "--repository", type=Path, metavar="DIR", help="its model repository, where it is on this machine"
    )
    parser.add_argument("--metrics", metavar="URL", help="its metrics page, such as http://host:8002/metrics")
    parser.add_argument(
        "--tokenizer", type=Path, metavar="DIR", help="the model's tokenizer.json, as the server sees it"
    )
    parser.add_argument(
        "--triton-header", action="append", default=[], metavar="NAME=VALUE", help="sent with every call"
    )
    parser.add_argument("--tls", action="store_true", help="connect by TLS")
    parser.add_argument("--ca", metavar="FILE", help="root certificates for --tls")


@contextlib.asynccontextmanager
async def opened(args: argparse.Namespace) -> AsyncIterator["Deployer"]:
    """The deployment that the arguments name. Raises `CommandFailed` if none is named and none is up."""
    from charter_engine.embedded.deployment import target_for
    from charter_engine.embedded.server import find
    from charter_engine.triton.client import Connection, TritonClient
    from charter_engine.triton.deploy import Deployer

    url, repository, metrics = args.triton, args.repository, args.metrics
    if url is None:
        state = find(args.name)
        if state is None:
            raise CommandFailed(
                f"no embedded Triton named {args.name!r} is up",
                remedy="charter-engine triton up, or give --triton HOST:PORT",
                code=USAGE,
            )
        url, repository, metrics = state.grpc_url, repository or Path(state.repository), metrics or state.metrics_url
    connection = Connection(
        url, headers=_headers(args.triton_header), ssl=args.tls, root_certificates=_existing(args.ca)
    )
    async with TritonClient(connection) as client:
        target = target_for(client, repository=repository, metrics_url=metrics, tokenizer=args.tokenizer)
        yield Deployer(target, on_step=narrate)


def narrate(step: str) -> None:
    print(f"  {step}", file=sys.stderr)


def _headers(given: list[str]) -> dict[str, str]:
    headers = dict(item.partition("=")[::2] for item in given)
    if any("=" not in item for item in given):
        raise CommandFailed("--triton-header is not NAME=VALUE", code=USAGE)
    return headers


def _existing(path: str | None) -> str | None:
    if path is not None and not Path(path).is_file():
        raise CommandFailed(f"--ca: there is no file {path}", code=USAGE)
    return path
