"""The options by which commands find a Triton."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.contracts.connection import DEFAULT_NAME
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.connection import TritonOptions


def add_triton_options(
    parser: argparse.ArgumentParser, default: str = "an embedded one is started"
) -> None:
    """`default` says what is done without --triton."""
    group = parser.add_argument_group("Triton")
    group.add_argument("--triton", metavar="HOST:PORT", help=f"its gRPC port (default: {default})")
    group.add_argument(
        "--triton-metrics",
        metavar="URL",
        help="its metrics page (default: port 8002 of the same host)",
    )
    group.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="its model repository, if it is on this machine",
    )
    group.add_argument(
        "--tokenizer",
        type=Path,
        metavar="PATH",
        help="tokenizer.json of its model, or its directory",
    )
    group.add_argument(
        "--triton-header",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="sent with every call; repeatable",
    )
    group.add_argument("--tls", action="store_true", help="speak TLS to it")
    group.add_argument("--ca", type=Path, metavar="FILE", help="root certificates for --tls")


def triton_options(args: argparse.Namespace) -> "TritonOptions":
    """What the options say. Raises `CharterError`."""
    from charter_engine.contracts.connection import TritonOptions, is_address

    headers = []
    for header in args.triton_header:
        name, separator, value = header.partition("=")
        if not separator or not name:
            raise UsageError(
                f"--triton-header {header}: not of the form NAME=VALUE",
            )
        headers.append((name, value))
    if args.triton is not None and not is_address(args.triton):
        raise UsageError(
            f"--triton {args.triton}: not of the form HOST:PORT",
            remedy="its gRPC port, 8001",
        )
    if args.ca is not None and not args.ca.is_file():
        raise UsageError(
            f"--ca {args.ca}: there is no such file",
        )
    return TritonOptions(
        url=args.triton,
        metrics_url=args.triton_metrics,
        repository=args.repository,
        tokenizer=args.tokenizer,
        headers=tuple(headers),
        tls=args.tls,
        root_certificates=args.ca,
        name=getattr(args, "name", DEFAULT_NAME),
    )
