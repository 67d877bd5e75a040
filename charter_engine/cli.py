"""`charter-engine`: one program, a module a command. Only the chosen command's module is imported.

Standard output is data, standard error is narration. Exit codes: 0 done, 1 failed, 2 wrong usage or
input, 3 Triton refused or unreachable, 130 interrupted.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from charter_engine import __version__
from charter_engine.command_line import prepare_streams, printed, with_values
from charter_engine.commands.outcome import INTERRUPTED, complain
from charter_engine.errors import CharterError

COMMANDS = {
    "serve": "run the engine that consoles attach to",
    "compile": "find an agent's LLM calls and what flows between them",
    "cache": "look at the compilations kept between runs, prune or clear them",
    "lint": "find prompts that waste their cache, and fix them",
    "learn": "learn from recorded sessions when prompts come back",
    "plan": "propose layouts, retention and settings for an agent",
    "predict": "tell what settings would do on a workload",
    "workload": "inspect, convert and pool workloads",
    "calibrate": "fit the latency model to measured requests",
    "run": "run an agent's calls over inputs, or its own program, and measure reuse",
    "runs": "list the runs on record, show one, or compare two",
    "requests": "find requests on record, of runs and of what passed",
    "store": "look at the database, check, copy or shrink it",
    "push": "make a plan live on Triton",
    "rollback": "go back to an earlier revision",
    "history": "list the revisions of a deployment",
    "drift": "tell what others changed since the last push",
    "apply": "make a deployment what a file says",
    "uninstall": "leave a deployment as it was found",
    "trial": "try a layout on a share of the sessions",
    "gateway": "answer OpenAI's and Anthropic's HTTP in front of a server",
    "traffic": "list the requests that passed through a deployment",
    "fleet": "tell how several servers stand and where they differ, or what they did",
    "canary": "find out whether a deployment's reuse changes its answers",
    "profile": "find out what a server is, and which levers act on it",
    "doctor": "tell what is wrong with a deployment and this machine, and what mends it",
    "explain": "tell why a request missed, at which token, and what it costs",
    "kv-log": "rebuild the cache from a log of KV events",
    "bench": "measure what a plan is worth",
    "note": "mark this moment of a running engine, or list what is marked",
    "recordings": "look at recordings, verify, compare or merge them",
    "export": "write a recording as JSON Lines, CSV, Parquet, OpenMetrics or HTML",
    "triton": "start, stop and look at the embedded Triton",
    "completions": "print the completions of a shell",
    "man": "print the manual page of a command",
    "version": "print the version",
}
"""Each is a module of `charter_engine.commands` (with `_` for `-`)."""

STARTS_A_PROGRAM = "run"

EPILOG = (
    "exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 Triton refused or unreachable, "
    "130 interrupted"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code."""
    prepare_streams()
    given = sys.argv[1:] if arguments is None else list(arguments)
    return printed(lambda: _run(given), complain)


def _run(given: Sequence[str]) -> int:
    try:
        words, program = split_program(with_values(given))
        args = build_parser(words).parse_args(words)
        args.program = program
        args.whole_parser = whole_parser
        code: int = args.run(args)
    except CharterError as failure:
        complain(failure.message, failure.remedy)
        return failure.exit_code
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    return code


def split_program(given: Sequence[str]) -> tuple[Sequence[str], Sequence[str] | None]:
    """The words of the command, and those behind `--` where it starts a program: they are the
    program's own, whatever they look like."""
    if given[:1] == [STARTS_A_PROGRAM] and "--" in given:
        place = given.index("--")
        return given[:place], given[place + 1 :]
    return given, None


def build_parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The parser of the command that `given` names; the other commands only by name."""
    parser = _outermost()
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in given if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if name == chosen:
            _module(name).register(subparsers)
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def whole_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _outermost()
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        _module(name).register(subparsers)
    return parser


def _outermost() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="charter-engine",
        description="The KV cache of LLM agents on Triton and TensorRT-LLM.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"charter-engine {__version__}")
    return parser


def _module(name: str) -> ModuleType:
    return import_module(f"charter_engine.commands.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())
