"""Options of the commands that speak to a deployment, and what they narrate."""

import argparse
import sys
from typing import TYPE_CHECKING

from charter_engine.commands.triton_options import add_triton_options
from charter_engine.contracts.connection import DEFAULT_NAME

if TYPE_CHECKING:
    from charter_engine.api.progress import Progress


def add_deployment_arguments(parser: argparse.ArgumentParser) -> None:
    """Which Triton to speak to: one by address, or the embedded one that is up."""
    add_triton_options(parser, default="the embedded Triton that is up")
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="name of the embedded Triton (default: %(default)s)"
    )


def narrate(progress: "Progress") -> None:
    """A step that was done, on standard error."""
    print(f"  {progress.stage}", file=sys.stderr)
