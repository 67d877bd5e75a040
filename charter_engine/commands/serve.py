"""`charter-engine serve`: the engine that consoles attach to, or a recording played as one."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.options import (
    add_otlp_option,
    add_watched_server_options,
    duration,
    positive,
    server_address,
    server_of,
    size,
    span,
)
from charter_engine.commands.outcome import DONE, complain
from charter_engine.commands.triton_options import (
    add_triton_options,
    add_write_option,
    servers_to_watch,
)
from charter_engine.contracts.connection import is_address
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.fleet_servers import FoundServers, GivenServers
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.contents import KvEventSource
    from charter_engine.contracts.gateway import GatewayRequest
    from charter_engine.contracts.server import ProfileRequest
    from charter_engine.service.options import ServeOptions


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "serve",
        help="run the engine that consoles attach to",
        description="Runs until SIGTERM, Ctrl-C or a console's shutdown. "
        "Without --triton and --server it starts an embedded Triton. Of several Tritons it works "
        "on the first, and watches and changes the others with it.",
    )
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="listen here (default: in the runtime directory)",
    )
    parser.add_argument(
        "--agent", type=Path, metavar="PATH", help="open this agent: a file or a package"
    )
    parser.add_argument(
        "--inputs", type=Path, metavar="FILE", help="its inputs, one JSON object a line"
    )
    first_run = parser.add_mutually_exclusive_group()
    first_run.add_argument(
        "--run",
        dest="run_first",
        action="store_true",
        help="run the agent as soon as Triton is ready (default for the embedded one; on a given "
        "one nothing is run by itself)",
    )
    first_run.add_argument(
        "--no-run", action="store_true", help="do not run the agent on the embedded one either"
    )
    parser.add_argument(
        "--read-only", action="store_true", help="refuse everything that would change something"
    )
    add_write_option(parser)
    parser.add_argument("--record", type=Path, metavar="FILE", help="record from the start")
    parser.add_argument(
        "--max-size",
        type=size,
        metavar="SIZE",
        help="begin a new recording where one is larger than 100M, say, and keep the earlier ones "
        "beside it: demo.1.charter, demo.2.charter …",
    )
    parser.add_argument(
        "--max-age",
        type=duration,
        metavar="DURATION",
        help="keep no earlier recording for longer than 7d, say, and begin a new one five times in "
        "that time (--keep times)",
    )
    parser.add_argument(
        "--keep",
        type=positive,
        default=5,
        metavar="N",
        help="with --max-size or --max-age: so many earlier ones (default: %(default)s)",
    )
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="play a recording instead of a live engine"
    )
    parser.add_argument(
        "--metrics",
        metavar="HOST:PORT",
        help="answer Prometheus here, in plain HTTP: /metrics, /healthz, /readyz",
    )
    parser.add_argument(
        "--gateway",
        metavar="HOST:PORT",
        help="answer OpenAI's and Anthropic's HTTP here, in front of the deployment",
    )
    parser.add_argument(
        "--gateway-key",
        metavar="SOURCE",
        help="what programs must send there as their API key; env:VARIABLE or @FILE",
    )
    add_otlp_option(parser)
    parser.add_argument(
        "--canary",
        type=duration,
        metavar="DURATION",
        help="ask Triton this often whether reuse changes answers, e.g. 60s (default: never)",
    )
    parser.add_argument(
        "--no-text",
        action="store_true",
        help="write no text of prompts and answers anywhere: not in recordings, the database, the "
        "cache of compilations, the log or the memory of recent prompts",
    )
    parser.add_argument(
        "--stop-with-stdin",
        action="store_true",
        help="stop when standard input closes",
    )
    parser.add_argument(
        "--outlive",
        type=span,
        metavar="DURATION",
        help="with --stop-with-stdin: where that closes without having said stop, as when a "
        "console is killed, go on this long for another console to come, and longer while a run or "
        "other work is in progress",
    )
    parser.add_argument("--started-with", default="", help=argparse.SUPPRESS)
    _add_log_options(parser)
    add_watched_server_options(parser)
    add_kv_event_options(parser)
    add_triton_options(parser, several=True)
    parser.set_defaults(run=run)


def add_kv_event_options(parser: argparse.ArgumentParser) -> None:
    """Where the deployment's KV cache events are read, as `kv-log` reads them."""
    group = parser.add_argument_group("KV cache events")
    group.add_argument(
        "--kv-events",
        metavar="FILE|tcp://HOST:PORT|URL",
        help="show the cache as the server's own events tell of it: a growing log, where vLLM or "
        "SGLang publish them, or a trtllm-serve (default: those of the embedded one)",
    )
    group.add_argument(
        "--kv-events-listen",
        action="store_true",
        help="bind the address: a publisher that was given one with a host connects to it",
    )
    group.add_argument(
        "--kv-events-replay",
        metavar="ADDRESS",
        help="the publisher's replay_endpoint: begin with what it still has, and ask it for what "
        "was lost",
    )
    group.add_argument(
        "--kv-events-drain",
        action="store_true",
        help="take the events of a trtllm-serve, which forgets what was read: other readers miss "
        "them",
    )


def _add_log_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log-level", default="warning", choices=("debug", "info", "warning", "error")
    )
    parser.add_argument(
        "--log-format",
        default="text",
        choices=("text", "json"),
        help="one JSON object a line, or text for people (default)",
    )
    parser.add_argument(
        "--log-file",
        type=Path,
        metavar="FILE",
        help="not on standard error: in this file, turned over at 8 MiB, four kept",
    )


def _set_up_logs(args: argparse.Namespace) -> None:
    from charter_engine.logs import set_up_logs

    try:
        set_up_logs(args.log_level, args.log_format, args.log_file, keeps_text=not args.no_text)
    except OSError as error:
        raise UsageError(f"--log-file {args.log_file}: {error.strerror}") from None


def run(args: argparse.Namespace) -> int:
    import asyncio

    from charter_engine.service.main import serve

    if args.replay is not None and (args.agent is not None or args.record is not None):
        raise UsageError(
            "a replay has its agent in it and is recorded already",
        )
    if args.read_only and args.write:
        raise UsageError("--read-only changes nothing; --write is for what would be read-only")
    if args.replay is not None and args.gateway is not None:
        raise UsageError("a replay answers nobody: there is nothing behind a gateway")
    if args.metrics is not None and not is_address(args.metrics):
        raise UsageError(
            f"--metrics {args.metrics}: not of the form HOST:PORT", remedy="127.0.0.1:9464, say"
        )
    _set_up_logs(args)
    asyncio.run(serve(_options(args)))
    return DONE


def _gateway(args: argparse.Namespace) -> "GatewayRequest | None":
    """Whatever model a program asks for, the deployment answers."""
    from charter_engine.api.credentials import key_of
    from charter_engine.api.gateway import require_allowed
    from charter_engine.contracts.gateway import GatewayRequest

    if args.gateway is None:
        return None
    request = GatewayRequest(
        listen=args.gateway, key=key_of("--gateway-key", args.gateway_key), any_model=True
    )
    require_allowed(request)
    return request


def _kv_events(args: argparse.Namespace, server: "ProfileRequest | None") -> "KvEventSource | None":
    from charter_engine.api.measuring import asked_as, require_source
    from charter_engine.contracts.contents import KvEventSource

    if args.kv_events is None:
        return None
    source = KvEventSource(
        address=args.kv_events,
        listen=args.kv_events_listen,
        drain=args.kv_events_drain,
        replay=args.kv_events_replay or "",
    )
    require_source(source)
    return asked_as(source, server)


def _only_looks(
    args: argparse.Namespace,
    triton: "TritonOptions",
    servers: "FoundServers | GivenServers | None",
) -> bool:
    """Whether the configuration has one of the servers for `read_only`, or can't be read."""
    from charter_engine.api import read_only

    several = servers.servers() if servers is not None else (triton,)
    named = tuple(filter(None, (args.server, *(server.url for server in several))))
    if args.write or not named:
        return False
    try:
        read_only.require_writable(named)
    except UsageError as error:
        complain(f"{error.message}: this engine only watches", error.remedy)
        return True
    return False


def _options(args: argparse.Namespace) -> "ServeOptions":
    import os

    from charter_engine.contracts.recordings import RecordingLimits
    from charter_engine.service.options import (
        EngineOptions,
        ServeOptions,
        default_database,
        default_socket,
    )

    server = server_of(args)
    triton, servers = servers_to_watch(args)
    return ServeOptions(
        socket=(args.socket or default_socket()).absolute(),
        engine=EngineOptions(
            triton=triton,
            agent=None if args.agent is None else Path(os.path.realpath(args.agent)),
            inputs=args.inputs,
            record=args.record,
            database=default_database(),
            read_only=args.read_only or _only_looks(args, triton, servers),
            run_at_start=args.run_first or not (triton.url or server or args.no_run),
            gateway=_gateway(args),
            canary_seconds=args.canary,
            keeps_text=not args.no_text,
            otlp=args.otlp and server_address("--otlp", args.otlp),
            recording=RecordingLimits(args.max_size, args.keep, args.max_age),
            server=server,
            servers=servers,
            kv_events=_kv_events(args, server),
            started_with=args.started_with,
        ),
        replay=args.replay,
        metrics=args.metrics,
        stop_with_stdin=args.stop_with_stdin,
        outlive=args.outlive,
    )
