"""The command line of `charter-tui`.

It is read, the terminal is checked, and the program ends with the console's exit code.

Textual is imported only to open the console: `--help`, `--version` and `--headless` do without.
"""

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from charter_engine import __version__
from charter_tui.options import Options
from charter_tui.typed import Mistyped, parse_seconds

USAGE_ERROR: Final = 2
INTERRUPTED: Final = 130
DEFAULT_PORT: Final = 8765
REMOTE_FPS: Final = "15"
"""Frames a second over SSH, where every frame is bytes on the wire."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `charter-tui`; returns the exit code."""
    parser = _parser()
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] in (["config"], ["completions"], ["man"]):
        from charter_tui.config_command import run_command

        return run_command(given, parser)
    options = _options(parser, parser.parse_args(given))
    try:
        if options.headless:
            from charter_tui.headless import record

            return record(options)
        if options.serve and not in_browser():
            from charter_tui.serving import serve

            return serve(given, options.port)
        if problem := terminal_problem():
            print(f"charter-tui: {problem}", file=sys.stderr)
            return USAGE_ERROR
        return _open_console(options)
    except KeyboardInterrupt:
        return INTERRUPTED


def whole_parser() -> argparse.ArgumentParser:
    """The parser of the console and of its commands."""
    from charter_tui.config_command import whole_parser as with_commands

    return with_commands(_parser())


def in_browser() -> bool:
    """Whether this is a console that a page shows: textual-serve names its driver then."""
    return "TEXTUAL_DRIVER" in os.environ


def terminal_problem() -> str:
    """Why the console can't open here; empty where it can.

    Textual itself does not check, and draws on stderr.
    """
    if in_browser():
        return ""
    streams = {
        "standard input": sys.stdin,
        "standard output": sys.stdout,
        "standard error": sys.stderr,
    }
    if elsewhere := [name for name, stream in streams.items() if not stream.isatty()]:
        verb = "is not a terminal" if len(elsewhere) == 1 else "are no terminals"
        return (
            f"{' and '.join(elsewhere)} {verb}. For recording without one "
            "use --record FILE --headless; for scripts use charter-engine."
        )
    if os.environ.get("TERM", "dumb") == "dumb":
        return (
            "this terminal can't position its cursor (TERM=dumb); "
            "set TERM, for example xterm-256color."
        )
    return ""


def _open_console(options: Options) -> int:
    if not in_browser():
        # The terminal itself knows its size, and knows when it is resized.
        for exported in ("COLUMNS", "LINES"):
            os.environ.pop(exported, None)
    if "SSH_CONNECTION" in os.environ:
        os.environ.setdefault("TEXTUAL_FPS", REMOTE_FPS)
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    gc.disable()
    from charter_tui.opening import UnknownTheme, open_console

    # What was imported stays: looked through again and again, it would stop the screen for long.
    gc.freeze()
    gc.enable()
    try:
        return open_console(options)
    except UnknownTheme as error:
        print(f"charter-tui: {error}", file=sys.stderr)
        return USAGE_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="charter-tui",
        description="A console for the KV cache of an LLM agent served by Triton and TensorRT-LLM.",
        epilog="`charter-tui config` tells what it is configured to, `charter-tui completions` "
        "prints those of a shell, `charter-tui man` the manual page. Exit codes: 0 done, 1 failed, "
        "2 wrong usage or input, 3 Triton refused or unreachable, 130 interrupted.",
    )
    parser.add_argument(
        "agent", nargs="?", metavar="AGENT", help="the agent's Python source: a file or a package"
    )
    parser.add_argument("--inputs", metavar="FILE", help="what to run the agent over")
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
    parser.add_argument(
        "--attach", metavar="SOCKET", help="watch the engine that listens there; start none"
    )
    parser.add_argument("--theme", metavar="NAME", help="a theme by name")
    parser.add_argument(
        "--read-only", action="store_true", help="look, but change nothing and run nothing"
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
    parser.add_argument("--record", metavar="FILE", help="write everything shown to a recording")
    parser.add_argument(
        "--max-size",
        metavar="SIZE",
        help="begin a new recording where one is larger than 100M, say, and keep earlier ones",
    )
    parser.add_argument(
        "--keep", metavar="N", help="with --max-size: so many earlier ones (default 5)"
    )
    parser.add_argument("--headless", action="store_true", help="with --record: without a terminal")
    parser.add_argument(
        "--duration",
        metavar="TIME",
        help="with --headless: stop after that long, such as 30s or 5m",
    )
    parser.add_argument("--replay", metavar="FILE", help="show a recording again")
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
    parser.add_argument("--version", action="version", version=f"charter-tui {__version__}")
    return parser


def _refuse_contradictions(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if given.serve and given.headless:
        parser.error("--serve shows consoles in browsers; --headless shows none")
    if not 0 < given.port < 65_536:
        parser.error(f"--port {given.port}: give a number from 1 to 65535")
    if given.headless and not given.record:
        parser.error("--headless needs --record FILE")
    if given.keep is not None and given.max_size is None:
        parser.error("--keep goes with --max-size")
    if given.duration is not None and not given.headless:
        parser.error("--duration goes with --headless")


def _options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Options:
    duration, canary = (_seconds(parser, given, name) for name in ("duration", "canary"))
    _refuse_contradictions(parser, given)
    for name in ("ca", "client_cert", "client_key"):
        path = getattr(given, name)
        if path is not None and not Path(path).is_file():
            parser.error(f"--{name.replace('_', '-')} {path}: there is no such file")
    deployment = given.triton or given.servers or given.server
    if given.replay and (given.record or given.agent or deployment):
        parser.error("--replay shows a recording; it takes no agent, --record or server")
    for name in ("canary", "no_text", "kv_events", "gateway", "max_size", "keep"):
        if getattr(given, name) and (given.attach or given.replay):
            parser.error(f"--{name.replace('_', '-')} is for an engine of one's own")
    if given.replay and not Path(given.replay).is_file():
        parser.error(f"--replay: there is no recording {given.replay}")
    if given.agent and not given.attach and not Path(given.agent).exists():
        parser.error(f"{given.agent}: there is no such file or folder")
    if given.triton and given.servers:
        parser.error("--servers and --triton: servers are named in one way")
    if given.server and (given.triton or given.servers):
        parser.error("--server and a Triton: prompts are sent to one server")
    if given.attach and (deployment or given.replay):
        parser.error(
            "--attach watches an engine as it is; a server and --replay are for one of one's own"
        )
    return Options(
        **{
            **vars(given),
            "duration": duration,
            "canary": canary,
            "triton_header": tuple(given.triton_header),
        }
    )


def _seconds(parser: argparse.ArgumentParser, given: argparse.Namespace, name: str) -> float | None:
    """The span of time that was given under that name; None where none was."""
    text = getattr(given, name)
    if text is None:
        return None
    try:
        seconds = parse_seconds(text)
    except Mistyped as error:
        parser.error(f"--{name}: {error}")
    if seconds <= 0:
        parser.error(f"--{name} must be longer than nothing")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
