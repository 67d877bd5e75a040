"""The options of `charter-tui`, by what they are about."""

import argparse
from typing import Final, NoReturn

from charter_engine import __version__

DEFAULT_PORT: Final = 8765
"""Assumed: free on most machines, and none of Triton's three."""


class ConsoleParser(argparse.ArgumentParser):
    """Tells what is wrong without letting a name drive the terminal."""

    def error(self, message: str) -> NoReturn:
        from charter_tui.present.spans import plain

        super().error(plain(message))


def console_parser() -> argparse.ArgumentParser:
    """What `charter-tui` takes where it opens the console."""
    parser = ConsoleParser(
        prog="charter-tui",
        usage="%(prog)s [option …] [AGENT | COMMAND …]",
        description="A console for the KV cache of an LLM agent served by Triton and TensorRT-LLM.",
        epilog="`charter-tui config` tells what it is configured to, `charter-tui completions` "
        "prints those of a shell, `charter-tui man` the manual page. Exit codes: 0 done, 1 failed, "
        "2 wrong usage or input, 3 Triton refused or unreachable, 130 interrupted.",
    )
    parser.add_argument(
        "agent", nargs="?", metavar="AGENT", help="the agent's Python source: a file or a package"
    )
    parser.add_argument("--inputs", metavar="FILE", help="what to run the agent over")
    _add_server_options(parser)
    _add_gateway_options(parser)
    _add_triton_options(parser)
    _add_engine_options(parser)
    _add_event_options(parser)
    _add_recording_options(parser)
    _add_serving_options(parser)
    parser.add_argument("--version", action="version", version=f"charter-tui {__version__}")
    return parser


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--triton",
        metavar="HOST:PORT",
        help="a Triton that runs already, instead of an embedded one",
    )
    parser.add_argument(
        "--servers",
        metavar="SOURCE",
        help="several Tritons: a deployment file, a file of Prometheus's file-based discovery, or "
        "dns:NAME:PORT",
    )
    parser.add_argument(
        "--server", metavar="URL", help="a vLLM, SGLang or trtllm-serve, and not a Triton"
    )
    parser.add_argument(
        "--server-key",
        metavar="SOURCE",
        help="its API key; env:VARIABLE, @FILE or keyring:SERVICE/USER",
    )
    parser.add_argument(
        "--server-configuration",
        metavar="FILE",
        help="the YAML that a trtllm-serve was started with, for what it hides",
    )
    parser.add_argument(
        "--drain",
        action="store_true",
        help="read statistics that trtllm-serve forgets once they are read: any other reader of "
        "them loses these",
    )


def _add_gateway_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gateway",
        metavar="HOST:PORT",
        help="answer OpenAI's and Anthropic's HTTP here, in front of the server",
    )
    parser.add_argument(
        "--gateway-key",
        metavar="SOURCE",
        help="what programs must send there as their API key; env:VARIABLE or @FILE",
    )


def _add_triton_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--triton-metrics",
        metavar="URL",
        help="its metrics page (default: port 8002 of the same host)",
    )
    parser.add_argument(
        "--repository", metavar="DIR", help="its model repository, if it is on this machine"
    )
    parser.add_argument(
        "--tokenizer", metavar="PATH", help="tokenizer.json of its model, or its directory"
    )
    parser.add_argument(
        "--triton-header",
        action="append",
        default=[],
        metavar="NAME=SOURCE",
        help="sent with every call; SOURCE is env:VARIABLE or @FILE",
    )
    parser.add_argument("--tls", action="store_true", help="speak TLS to it")
    parser.add_argument("--ca", metavar="FILE", help="root certificates for --tls")
    parser.add_argument(
        "--client-cert", metavar="FILE", help="certificate to show to it, for --tls"
    )
    parser.add_argument("--client-key", metavar="FILE", help="key of --client-cert")


def _add_engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attach", metavar="SOCKET", help="watch the engine that listens there; start none"
    )
    parser.add_argument("--theme", metavar="NAME", help="a theme by name")
    parser.add_argument(
        "--read-only", action="store_true", help="look, but change nothing and run nothing"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="change servers, too, that the configuration says are read_only",
    )
    parser.add_argument(
        "--run", action="store_true", help="run the agent at once on a given server, too"
    )
    parser.add_argument(
        "--canary",
        metavar="TIME",
        help="ask Triton this often whether reuse changes answers, such as 60s (default: never)",
    )
    parser.add_argument(
        "--no-text",
        action="store_true",
        help="have the engine write no text of prompts and answers anywhere",
    )


def _add_event_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kv-events",
        metavar="FILE|tcp://HOST:PORT|URL",
        help="show the cache as the server's own events tell of it: a growing log, where vLLM or "
        "SGLang publish them, or a trtllm-serve (default: those of the embedded one)",
    )
    parser.add_argument(
        "--kv-events-listen", action="store_true", help="bind that address: publishers connect"
    )
    parser.add_argument(
        "--kv-events-replay",
        metavar="ADDRESS",
        help="the publisher's replay_endpoint, for events of before and lost ones",
    )
    parser.add_argument(
        "--kv-events-drain",
        action="store_true",
        help="take the events of a trtllm-serve: other readers miss them",
    )


def _add_recording_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--record", metavar="FILE", help="write everything shown to a recording")
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        help="begin a new recording where one is larger than 100M, say, and keep earlier ones",
    )
    parser.add_argument(
        "--max-age", metavar="TIME", help="keep no earlier recording for longer than 7d, say"
    )
    parser.add_argument(
        "--keep",
        metavar="N",
        help="with --max-size or --max-age: so many earlier ones (default 5)",
    )
    parser.add_argument("--headless", action="store_true", help="with --record: without a terminal")
    parser.add_argument(
        "--duration",
        metavar="TIME",
        help="with --headless: stop after that long, such as 30s or 5m",
    )
    parser.add_argument("--replay", metavar="FILE", help="show a recording again")


def _add_serving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--serve", action="store_true", help="show the console in browsers of this machine"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        metavar="PORT",
        help=f"with --serve: the port on 127.0.0.1 (default {DEFAULT_PORT})",
    )
