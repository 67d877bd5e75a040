"""`charter-engine plan AGENT`: layouts, block size and retention that make an agent reuse its
cache."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from charter_engine.commands.options import add_lever_options, add_moment_option, check_names
from charter_engine.commands.outcome import DONE, print_json
from charter_engine.contracts.plan import Policy
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.graph import CompiledFile
    from charter_engine.plan.preset import Preset

POLICIES = get_args(Policy)


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "plan",
        help="propose layouts, retention and settings for an agent",
        description="Search layouts, block size, host tier and retention by prediction, and write the best as YAML. "
        "With --workload all but the layouts is searched on requests as they really came; AGENT may then be left out.",
    )
    parser.add_argument("agent", nargs="?", metavar="AGENT", help="a Python file or a package")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an input; @FILE reads a file",
    )
    parser.add_argument(
        "--inputs", metavar="FILE", help="JSON Lines of inputs (default: AGENT's .inputs.jsonl)"
    )
    parser.add_argument(
        "--workload",
        metavar="FILE",
        help="a recording, trace or sessions to plan on and learn waits from",
    )
    parser.add_argument("--waits", metavar="FILE", help="waits learnt by `charter-engine learn`")
    parser.add_argument(
        "--policy",
        choices=("auto", *POLICIES),
        default="auto",
        help="retention policy (default: auto, what is predicted to do best, and default where nothing surely helps)",
    )
    add_moment_option(parser)
    parser.add_argument(
        "--profile",
        metavar="FILE",
        help="what `triton profile --json` printed: the rest is left out",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        help="write the plan there, keeping comments and hand edits",
    )
    parser.add_argument(
        "--preset", metavar="NAME", help="a preset, or none; chosen by the agent's shape otherwise"
    )
    parser.add_argument(
        "--objective", choices=("ttft", "throughput", "memory"), help="what to optimise"
    )
    parser.add_argument(
        "--tokens-per-block",
        type=int,
        metavar="N",
        help="of the deployment as it is (default: the profile's, or 32)",
    )
    parser.add_argument(
        "--pool-tokens",
        type=int,
        metavar="N",
        help="size of its GPU pool (default: the profile's, or 400,000)",
    )
    parser.add_argument(
        "--model", default="llama-3.1-8b", metavar="NAME", help="model shape for times and memory"
    )
    parser.add_argument("--device", default="h100", metavar="NAME", help="GPU for assumed times")
    parser.add_argument(
        "--tokenizer", metavar="PATH", help="tokenizer.json (default: the embedded engine's)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file whose [recognizers] add to the catalogue"
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of a plan file"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the plan and what was compared as JSON"
    )
    add_lever_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Derive a plan; it goes to --output, or to standard output."""
    if args.schema:
        from charter_engine.plan.plan_file import plan_schema

        print_json(plan_schema())
        return DONE
    if not args.agent and not args.workload:
        raise UsageError(
            "no AGENT given",
            remedy="charter-engine plan agent.py",
        )
    from charter_engine.api.output_files import write_output
    from charter_engine.api.plan_search import derived, derived_without_agent, with_waits_named
    from charter_engine.commands.plan_report import print_policies, print_report
    from charter_engine.plan.replan import replan

    check_names(args.model, args.device)
    if args.output and not Path(args.output).parent.is_dir():
        raise UsageError(
            f"{args.output}: there is no such folder",
            remedy="make it first",
        )
    previous = _previous(Path(args.output)) if args.output else None
    if args.agent:
        compiled = _compiled(args)
        name, preset = _preset(compiled, args)
        if name:
            print(f"preset {name}: {preset.description}", file=sys.stderr)
        found = derived(compiled, args, preset, _inputs(args))
    else:
        found = derived_without_agent(args, _preset(None, args)[1])
    found = with_waits_named(found, args)
    if args.output:
        write_output(Path(args.output), replan(found.plan, previous))
    if args.json:
        print_json(found.report)
    elif not args.output:
        print(replan(found.plan), end="")
        print_policies(found.policies, sys.stderr)
    else:
        print_report(found)
    return DONE


def _compiled(args: argparse.Namespace) -> "CompiledFile":
    from charter_engine.api.agents import agent_without_errors
    from charter_engine.api.compile_options import compile_options

    agent = agent_without_errors(Path(args.agent), compile_options(args.config, args.tokenizer))
    if not agent.usable:
        raise UsageError(
            f"{args.agent}: no LLM calls found",
            remedy="charter-engine compile --explain LINE tells why a line is not one",
        )
    return agent.compiled


def _inputs(args: argparse.Namespace) -> Sequence[Mapping[str, Any]]:
    from charter_engine.executor.inputs import (
        InputError,
        default_inputs_path,
        parse_inputs,
        read_inputs,
    )

    try:
        if args.input:
            return [parse_inputs(args.input, Path.cwd())]
        path = Path(args.inputs) if args.inputs else default_inputs_path(Path(args.agent))
        return read_inputs(path) if path is not None else ()
    except InputError as error:
        raise UsageError(
            str(error),
        ) from None


def _preset(compiled: "CompiledFile | None", args: argparse.Namespace) -> "tuple[str, Preset]":
    """The preset asked for or matching, by name; without one, everything is searched."""
    import platformdirs

    from charter_engine.plan.preset import InvalidPreset, all_presets, matching_preset
    from charter_engine.plan.propose import EVERYTHING

    folder = platformdirs.user_config_path("charter") / "presets"
    own = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    try:
        presets = all_presets(own)
    except InvalidPreset as error:
        raise UsageError(
            str(error),
            remedy=f"correct or remove it in {folder}",
        ) from None
    name = args.preset or (matching_preset(presets, compiled) if compiled else None)
    if name is None or name == "none":
        return "", EVERYTHING
    if name not in presets:
        raise UsageError(
            f"there is no preset {name}",
            remedy=f"presets are {', '.join(presets)}",
        )
    return name, presets[name]


def _previous(path: Path) -> str | None:
    """The plan that stands there, to be written over. Raises CharterError where it is none."""
    from charter_engine.plan.plan_file import InvalidPlan, read_plan

    if not path.exists():
        return None
    remedy = "correct it, or write elsewhere; nothing was changed"
    try:
        previous = path.read_text(encoding="utf-8")
        read_plan(previous, str(path))
    except InvalidPlan as error:
        raise UsageError(
            str(error),
            remedy=remedy,
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{path}: not UTF-8 text",
            remedy=remedy,
        ) from None
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}",
            remedy=remedy,
        ) from None
    return previous
