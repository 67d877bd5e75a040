"""The options by which commands find a Triton."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.contracts.connection import DEFAULT_NAME
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charter_engine.api.fleet_servers import FoundServers, GivenServers
    from charter_engine.contracts.connection import TritonOptions


def add_triton_options(
    parser: argparse.ArgumentParser,
    default: str = "an embedded one is started",
    *,
    tokenizer: bool = True,
    several: bool = False,
) -> None:
    """`default` says what is done without --triton. `tokenizer` False: the command has such an
    option of its own. `several`: --triton may be given more than once."""
    group = parser.add_argument_group("Triton")
    group.add_argument(
        "--triton",
        action="append" if several else "store",
        metavar="HOST:PORT",
        help=f"its gRPC port (default: {default})"
        + ("; repeatable, where several serve the same" if several else ""),
    )
    if several:
        group.add_argument(
            "--servers",
            metavar="SOURCE",
            help="the Tritons that a deployment file names (charter.yaml), or a file of "
            "Prometheus's file-based discovery, or dns:NAME:PORT, a server for each address",
        )
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
    if tokenizer:
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
        metavar="NAME=SOURCE",
        help="sent with every call; SOURCE is env:VARIABLE, @FILE or keyring:SERVICE/USER; "
        "repeatable",
    )
    group.add_argument("--tls", action="store_true", help="speak TLS to it")
    group.add_argument("--ca", type=Path, metavar="FILE", help="root certificates for --tls")
    group.add_argument(
        "--client-cert", type=Path, metavar="FILE", help="certificate to show to it, for --tls"
    )
    group.add_argument("--client-key", type=Path, metavar="FILE", help="key of --client-cert")


def several_triton_options(args: argparse.Namespace) -> "tuple[TritonOptions, ...]":
    """What the options say of each --triton, or of what --servers names; of the embedded one where
    none is given. Raises `CharterError`."""
    if args.servers is not None:
        return found_servers(args).servers()
    addresses = dict.fromkeys(args.triton or [None])
    return tuple(triton_options(_with_triton(args, address)) for address in addresses)


def servers_apart(args: argparse.Namespace) -> "tuple[TritonOptions, ...]":
    """As `several_triton_options`, of servers each of which has a metrics page and a repository of
    its own. Raises `CharterError`."""
    servers = several_triton_options(args)
    for option, given in (
        ("--triton-metrics", args.triton_metrics),
        ("--repository", args.repository),
    ):
        if len(servers) > 1 and given is not None:
            raise UsageError(
                f"{option} is of one server, and {len(servers)} are named",
                remedy="give it with each in a deployment file's `servers`, and name that with "
                "--servers",
            )
    return servers


def add_write_option(parser: argparse.ArgumentParser) -> None:
    """For commands that change a server, or send it requests of Charter's own."""
    parser.add_argument(
        "--write",
        action="store_true",
        help="also where the configuration (console.toml) has the server for read_only",
    )


def servers_to_change(args: argparse.Namespace) -> "tuple[TritonOptions, ...]":
    """As `servers_apart`, of servers that may be changed. Raises `CharterError`."""
    servers = servers_apart(args)
    require_writable(args, (server.url for server in servers))
    return servers


def require_writable(args: argparse.Namespace, addresses: "Iterable[str | None]") -> None:
    """Raises `UsageError` where one of the addresses is of a server that is only looked at, unless
    --write is given."""
    from charter_engine.api import read_only

    if not args.write:
        read_only.require_writable(filter(None, addresses))


def servers_to_watch(
    args: argparse.Namespace,
) -> "tuple[TritonOptions, FoundServers | GivenServers | None]":
    """The server to work on, and all of them where several are named. Raises `CharterError`."""
    from charter_engine.api.fleet_servers import GivenServers

    if args.servers is not None:
        found = found_servers(args)
        return found.servers()[0], found
    servers = servers_apart(args)
    return servers[0], GivenServers(servers) if len(servers) > 1 else None


def found_servers(args: argparse.Namespace) -> "FoundServers":
    """What --servers names. Raises `CharterError`."""
    from charter_engine.api.fleet_servers import FoundServers

    if args.triton:
        raise UsageError("--servers and --triton: servers are named in one way")
    return FoundServers(args.servers, triton_options(_with_triton(args, None)))


def _with_triton(args: argparse.Namespace, address: str | None) -> argparse.Namespace:
    return argparse.Namespace(**vars(args) | {"triton": address})


def triton_options(args: argparse.Namespace) -> "TritonOptions":
    """What the options say. Raises `CharterError`."""
    from charter_engine.api.credentials import (
        FORM,
        header_of,
        is_in_the_open,
        keep_password,
    )
    from charter_engine.commands.outcome import complain
    from charter_engine.contracts.connection import TritonOptions, is_address
    from charter_engine.scrub import scrub_output

    headers = tuple(header_of(text) for text in args.triton_header)
    if any(is_in_the_open(text) for text in args.triton_header):
        complain("a header's value on the command line can be read by every user", FORM)
    keep_password(args.triton_metrics)
    scrub_output()
    if args.triton is not None and not is_address(args.triton):
        raise UsageError(
            f"--triton {args.triton}: not of the form HOST:PORT",
            remedy="its gRPC port, 8001; what a URL is of, charter-engine profile URL tells",
        )
    for name in ("ca", "client_cert", "client_key"):
        path, option = getattr(args, name), f"--{name.replace('_', '-')}"
        if path is not None and not path.is_file():
            raise UsageError(f"{option} {path}: there is no such file")
    if (args.client_cert is None) != (args.client_key is None):
        raise UsageError("--client-cert and --client-key go together")
    if args.client_cert is not None and not args.tls:
        raise UsageError("--client-cert goes with --tls")
    return TritonOptions(
        url=args.triton,
        metrics_url=args.triton_metrics,
        repository=args.repository,
        tokenizer=args.tokenizer,
        headers=headers,
        tls=args.tls,
        root_certificates=args.ca,
        name=getattr(args, "name", DEFAULT_NAME),
        client_certificate=args.client_cert,
        client_key=args.client_key,
    )
