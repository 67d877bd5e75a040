"""`charter-engine triton up|status|profile|down|build`: the embedded Triton, from scripts, and what
one can do."""

import argparse
import asyncio
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import (
    DEFAULT_NAME,
    add_deployment_arguments,
    narrate,
    opened,
)
from charter_engine.commands.outcome import (
    DONE,
    TRITON,
    print_json,
    print_table,
)
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.deploy import Profile
    from charter_engine.embedded.server import ServerState

DEFAULT_BLOCK = 32


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser("triton", help="start, stop and look at the embedded Triton")
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    up = actions.add_parser("up", help="start it in the background and wait until it is ready")
    up.add_argument(
        "--repository",
        type=Path,
        metavar="DIR",
        help="serve this model repository, written if it is empty",
    )
    up.add_argument("--tokens-per-block", type=int, default=DEFAULT_BLOCK, metavar="N")
    up.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="of the model tensorrt_llm",
    )
    up.add_argument(
        "--profile", metavar="RELEASE", help="imitate an older release, such as 25.01, or llmapi"
    )
    up.add_argument(
        "--stock", action="store_true", help="add TensorRT-LLM's own ensemble and tensorrt_llm_bls"
    )
    up.add_argument(
        "--engine",
        type=Path,
        metavar="DIR",
        help="serve this engine directory instead of a fresh one",
    )
    up.add_argument("--decoupled", action="store_true", help="let both models stream")
    up.add_argument("--http-port", type=int, metavar="PORT")
    up.add_argument("--grpc-port", type=int, metavar="PORT")
    up.add_argument("--metrics-port", type=int, metavar="PORT")
    status = actions.add_parser(
        "status", help="say whether it is up, and where; exit code 3 if it is not"
    )
    down = actions.add_parser("down", help="stop it")
    for action, run in ((up, _up), (status, _status), (down, _down)):
        action.add_argument(
            "--name", default=DEFAULT_NAME, help="tells several apart (default: %(default)s)"
        )
        action.add_argument("--json", action="store_true", help="print its state as JSON")
        action.set_defaults(run=run)
    profile = actions.add_parser(
        "profile",
        help="what a deployment can do, found by asking it; `plan --profile` takes its JSON",
    )
    add_deployment_arguments(profile)
    profile.add_argument("--json", action="store_true", help="print the profile as JSON")
    profile.set_defaults(run=_profile)
    build = actions.add_parser("build", help="write an engine directory, as trtllm-build does")
    build.add_argument("directory", type=Path, metavar="DIR")
    build.add_argument("--tokens-per-block", type=int, default=DEFAULT_BLOCK, metavar="N")
    build.add_argument(
        "--tokenizer", type=Path, metavar="FILE", help="a tokenizer.json (default: the bundled one)"
    )
    build.add_argument(
        "--checkpoint",
        type=Path,
        metavar="DIR",
        help="a Llama-family model as Hugging Face keeps it",
    )
    build.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="Llama weights as safetensors (default: random)",
    )
    build.add_argument("--config", type=Path, metavar="FILE", help="a config.json to start from")
    build.add_argument("--json", action="store_true", help="print the engine's configuration")
    build.set_defaults(run=_build)


def _up(args: argparse.Namespace) -> int:
    from charter_engine.embedded.server import EmbeddedTriton, find, new_repository

    state = find(args.name)
    if state is not None:
        raise CharterError(
            f"the embedded Triton {args.name!r} is up already at {state.grpc_url}",
            remedy=f"charter-engine triton down --name {args.name}",
        )
    repository = args.repository or new_repository()
    try:
        _prepare(args, repository)
        server = EmbeddedTriton(repository, name=args.name, detached=True, ports=_ports(args))
        state = asyncio.run(server.start())
    except BaseException:
        if args.repository is None:
            shutil.rmtree(repository.parent, ignore_errors=True)
        raise
    asyncio.run(_repair(state, repository))
    _show(state, args.json)
    return DONE


def _prepare(args: argparse.Namespace, repository: Path) -> None:
    """Write the repository where there is none; where a push to it was cut short, put the old files
    back."""
    from charter_engine.embedded.engine.errors import EngineError
    from charter_engine.embedded.repository import ENGINE_MODEL, write_embedded_repository
    from charter_engine.paths import state_directory
    from charter_engine.triton.journal import Journal, journal_directory
    from charter_engine.triton.transaction import restore_files

    if (repository / ENGINE_MODEL).is_dir():
        restore_files(Journal(journal_directory(repository, "", state_directory())), repository)
        return
    if repository.exists() and not (repository.is_dir() and not any(repository.iterdir())):
        raise UsageError(
            f"{repository} is neither empty nor a repository with {ENGINE_MODEL}",
            remedy="name an empty or a new directory",
        )
    pairs = [item.partition("=") for item in args.parameter]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError(
            "--parameter is not KEY=VALUE",
        )
    try:
        write_embedded_repository(
            repository,
            tokens_per_block=args.tokens_per_block,
            parameters={key: value for key, _, value in pairs},
            profile=args.profile,
            decoupled=args.decoupled,
            engine_directory=args.engine.resolve() if args.engine else None,
            stock=args.stock,
        )
    except EngineError as error:
        raise UsageError(
            str(error),
        ) from None
    except OSError as error:
        raise CharterError(f"{error.filename}: {error.strerror}") from None


async def _repair(state: "ServerState", repository: Path) -> None:
    from charter_engine.embedded.deployment import target_for
    from charter_engine.triton.client import TritonClient
    from charter_engine.triton.deploy import Deployer

    async with TritonClient(state.connection) as client:
        await Deployer(target_for(client, repository=repository), on_step=narrate).repair()


def _ports(args: argparse.Namespace) -> dict[str, int] | None:
    given = {"http": args.http_port, "grpc": args.grpc_port, "metrics": args.metrics_port}
    if not any(given.values()):
        return None
    if not all(given.values()):
        raise UsageError(
            "give all three of --http-port, --grpc-port, --metrics-port, or none",
        )
    return {name: int(port) for name, port in given.items()}


def _status(args: argparse.Namespace) -> int:
    from charter_engine.embedded.server import find

    state = find(args.name)
    if state is None:
        if args.json:
            print_json({"name": args.name, "state": "stopped"})
        else:
            print(f"no embedded Triton named {args.name!r} is up", file=sys.stderr)
        return TRITON
    _show(state, args.json)
    return DONE if state.state == "ready" else TRITON


def _profile(args: argparse.Namespace) -> int:
    profile = asyncio.run(_probed(args))
    if args.json:
        print_json(profile)
        return DONE
    abilities = ("charter_bls", "retention", "kv_stats", "times", "load_unload", "repository_files")
    rows = [
        (name, "yes" if getattr(profile, name) else f"no: {profile.reasons.get(name, 'not there')}")
        for name in abilities
    ]
    print_table((f"TensorRT-LLM path: {profile.path}", f"Triton {profile.server_version}"), rows)
    return DONE


async def _probed(args: argparse.Namespace) -> "Profile":
    from charter_engine.triton.profile import probe

    async with opened(args) as deployer:
        target = deployer.target
        return await probe(
            deployer.client, repository=target.repository, metrics_url=target.metrics_url
        )


def _down(args: argparse.Namespace) -> int:
    from charter_engine.embedded.server import stop

    stopped = stop(args.name)
    if args.json:
        print_json({"name": args.name, "stopped": stopped})
    elif not stopped:
        print(f"no embedded Triton named {args.name!r} was up", file=sys.stderr)
    return DONE


def _build(args: argparse.Namespace) -> int:
    from charter_engine.embedded.build import build_engine, build_from_checkpoint
    from charter_engine.embedded.engine.errors import EngineError
    from charter_engine.embedded.engine.spec import EngineSpec, read_spec

    try:
        if args.checkpoint:
            build_from_checkpoint(args.directory, args.checkpoint, args.tokens_per_block)
        else:
            spec = read_spec(args.config.parent) if args.config else EngineSpec()
            spec = spec.with_tokens_per_block(args.tokens_per_block)
            build_engine(args.directory, spec, args.tokenizer, args.weights)
        spec = read_spec(args.directory)
    except EngineError as error:
        raise UsageError(
            str(error),
        ) from None
    except OSError as error:
        raise CharterError(
            f"{error.filename}: {error.strerror}",
        ) from None
    if args.json:
        print_json(spec)
    else:
        print(args.directory)
    return DONE


def _show(state: "ServerState", as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    rows = [
        ("state", state.state),
        ("gRPC", state.grpc_url),
        ("HTTP", f"127.0.0.1:{state.http}"),
        ("metrics", state.metrics_url),
        ("repository", state.repository),
        ("key", state.key_file),
        ("log", state.log),
        ("processes", f"tritonserver {state.server}, supervisor {state.supervisor}"),
        ("restarts", f"{state.restarts} {state.reason}".strip()),
    ]
    print_table(("embedded Triton", state.name), rows)
