"""Options and look-ups shared by the commands that speak to a deployment."""

import argparse
import contextlib
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from charter_engine.commands.triton_options import add_triton_options, triton_options
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer

DEFAULT_NAME = "default"


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Triton to speak to: one by address, or the embedded one that is up."""
    add_triton_options(parser, default="the embedded Triton that is up")
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="name of the embedded Triton (default: %(default)s)"
    )


@contextlib.asynccontextmanager
async def opened(args: argparse.Namespace) -> AsyncIterator["Deployer"]:
    """The deployment that the arguments name. Raises `CharterError` if none is named and none is
    up."""
    from dataclasses import replace

    from charter_engine.embedded.deployment import target_for
    from charter_engine.embedded.server import find
    from charter_engine.servers.deployment import connection_of, with_what_is_known
    from charter_engine.triton.client import TritonClient
    from charter_engine.triton.deploy import Deployer

    options = triton_options(args)
    if options.url is None:
        state = find(args.name)
        if state is None:
            raise CharterError(
                f"no embedded Triton named {args.name!r} is up",
                remedy="charter-engine triton up, or give --triton HOST:PORT",
                kind="unreachable",
            )
        options = replace(options, url=state.grpc_url)
    options = with_what_is_known(options)
    async with TritonClient(connection_of(options)) as client:
        target = target_for(
            client,
            repository=options.repository,
            metrics_url=options.metrics_url,
            tokenizer=options.tokenizer,
        )
        yield Deployer(target, on_step=narrate)


def narrate(step: str) -> None:
    """A step of a push, on standard error."""
    print(f"  {step}", file=sys.stderr)
