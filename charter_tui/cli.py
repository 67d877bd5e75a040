"""The command line of `charter-tui`.

It is read, the terminal is checked, and the program ends with the console's exit code.

Textual is imported only to open the console: `--help`, `--version` and `--headless` do without.
"""

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from charter_engine.command_line import prepare_streams, printed, with_values
from charter_engine.contracts.moments import Mistyped, parse_length
from charter_engine.exit_codes import INTERRUPTED, USAGE
from charter_tui.arguments import console_parser
from charter_tui.options import Options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `charter-tui`; returns the exit code."""
    prepare_streams()
    given = with_values(sys.argv[1:] if arguments is None else arguments)
    return printed(lambda: _run(given), _complain)


def _run(given: Sequence[str]) -> int:
    parser = console_parser()
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
            _complain(problem)
            return USAGE
        return _open_console(options)
    except KeyboardInterrupt:
        return INTERRUPTED


def _complain(problem: str) -> None:
    print(f"charter-tui: {problem}", file=sys.stderr)


def whole_parser() -> argparse.ArgumentParser:
    """The parser of the console and of its commands."""
    from charter_tui.config_command import whole_parser as with_commands

    return with_commands(console_parser())


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
    from charter_tui.configuration import REMOTE_FPS, is_remote

    if is_remote():
        os.environ.setdefault("TEXTUAL_FPS", REMOTE_FPS)
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    gc.disable()
    with without_openssl():
        from charter_tui.opening import UnknownTheme, open_console

    # What was imported stays: looked through again and again, it would stop the screen for long.
    gc.freeze()
    gc.enable()
    try:
        return open_console(options)
    except UnknownTheme as error:
        _complain(str(error))
        return USAGE


@contextlib.contextmanager
def without_openssl() -> Iterator[None]:
    """Has what is imported meanwhile do without OpenSSL, which asyncio loads where it can: 4 MiB,
    and a console talks to a Unix socket alone."""
    if "ssl" in sys.modules:
        yield
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["ssl"]


def _is_there(test: Callable[[], bool]) -> bool:
    """What the test says; what no file system takes as a name is that of no file."""
    try:
        return test()
    except OSError:
        return False


def _refuse_contradictions(parser: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if given.serve and given.headless:
        parser.error("--serve shows consoles in browsers; --headless shows none")
    if not 0 < given.port < 65_536:
        parser.error(f"--port {given.port}: give a number from 1 to 65535")
    if given.read_only and given.write:
        parser.error("--read-only changes nothing; --write is for what would be read-only without")
    if given.headless and not given.record:
        parser.error("--headless needs --record FILE")
    if given.keep is not None and given.max_size is None and given.max_age is None:
        parser.error("--keep goes with --max-size or --max-age")
    if given.duration is not None and not given.headless:
        parser.error("--duration goes with --headless")


def _options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> Options:
    duration, canary = (_seconds(parser, given, name) for name in ("duration", "canary"))
    _refuse_contradictions(parser, given)
    for name in ("ca", "client_cert", "client_key"):
        path = getattr(given, name)
        if path is not None and not _is_there(Path(path).is_file):
            parser.error(f"--{name.replace('_', '-')} {path}: there is no such file")
    deployment = given.triton or given.servers or given.server
    if given.replay and (given.record or given.agent or deployment):
        parser.error("--replay shows a recording; it takes no agent, --record or server")
    for name in ("canary", "no_text", "kv_events", "gateway", "max_size", "max_age", "keep"):
        if getattr(given, name) and (given.attach or given.replay):
            parser.error(f"--{name.replace('_', '-')} is for an engine of one's own")
    if given.replay and not _is_there(Path(given.replay).is_file):
        parser.error(f"--replay: there is no recording {given.replay}")
    if given.agent and not given.attach and not _is_there(Path(given.agent).exists):
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
        return parse_length(text)
    except Mistyped as error:
        parser.error(f"--{name}: {error}")


if __name__ == "__main__":
    sys.exit(main())
