"""`charter-engine plan AGENT`: layouts, block size and retention that make an agent reuse its
cache."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from charter_engine.commands.deployment import add_deployment_arguments
from charter_engine.commands.options import (
    add_dask_option,
    add_decide_at_option,
    add_lever_options,
    add_reading_options,
    duration,
    levers_of,
    read_as,
)
from charter_engine.commands.outcome import DONE, print_json
from charter_engine.commands.triton_options import triton_options
from charter_engine.contracts.plan import Policy
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.planning import PlanRequest

POLICIES = get_args(Policy)


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "plan",
        help="propose layouts, retention and settings for an agent",
        description="Search layouts, block size, host tier and retention by prediction, and write "
        "the best as YAML. With --workload all but the layouts is searched on requests as they "
        "really came; AGENT may then be left out.",
    )
    _add_agent_options(parser)
    _add_workload_options(parser)
    _add_plan_options(parser)
    _add_pool_options(parser)
    _add_general_options(parser)
    add_lever_options(parser)
    add_deployment_arguments(parser, tokenizer=False)
    parser.set_defaults(run=run)


def _add_agent_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "agent", nargs="?", metavar="AGENT", help="an agent's source: a file or a package"
    )
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


def _add_workload_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workload",
        metavar="FILE",
        help="a recording, trace or sessions to plan on and learn reuse times from",
    )
    parser.add_argument(
        "--from-traffic",
        type=duration,
        metavar="TIME",
        help="plan on what passed through the deployment in the last TIME, such as 1h",
    )
    parser.add_argument(
        "--reuse-times",
        "--waits",
        metavar="FILE",
        help="reuse times learnt by `charter-engine learn`",
    )
    parser.add_argument(
        "--policy",
        choices=("auto", *POLICIES),
        default="auto",
        help="retention policy (default: auto, what is predicted to do best, and default where "
        "nothing surely helps)",
    )
    add_decide_at_option(parser)
    add_reading_options(parser, tokenizer=False)
    add_dask_option(parser)
    parser.add_argument(
        "--profile",
        metavar="FILE",
        help="what `triton profile --json` printed: the rest is left out",
    )


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
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


def _add_pool_options(parser: argparse.ArgumentParser) -> None:
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
        "--host-tokens",
        type=int,
        metavar="N",
        help="size of its host tier (default: the profile's, or none)",
    )
    parser.add_argument(
        "--model", default="llama-3.1-8b", metavar="NAME", help="model shape for times and memory"
    )
    parser.add_argument("--device", default="h100", metavar="NAME", help="GPU for assumed times")
    parser.add_argument(
        "--tokenizer",
        type=Path,
        metavar="PATH",
        help="tokenizer.json (default: the embedded engine's)",
    )


def _add_general_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help="a TOML file whose [recognizers] add to the catalogue"
    )
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON schema of a plan file"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the plan and what was compared as JSON"
    )


def run(args: argparse.Namespace) -> int:
    """Derive a plan; it goes to --output, or to standard output."""
    from charter_engine.api import planning
    from charter_engine.api.recent_traffic import plan_on_traffic
    from charter_engine.commands.narration import SettingsCounter, print_notes
    from charter_engine.commands.plan_report import (
        print_policies,
        print_report,
        tell_reuse_times_written,
    )

    if args.schema:
        print_json(planning.plan_schema())
        return DONE
    request, report = _request(args), SettingsCounter()
    if args.dask and not (args.workload or args.from_traffic):
        raise UsageError(
            "--dask is for settings on a workload",
            remedy="give --workload FILE or --from-traffic TIME",
        )
    result = (
        planning.plan(request, report=report)
        if request.from_traffic_s is None
        else asyncio.run(plan_on_traffic(request, triton_options(args), report))
    )
    print_notes(result.notes)
    tell_reuse_times_written(result.reuse_times_written)
    if result.preset:
        print(f"preset {result.preset}: {result.preset_description}", file=sys.stderr)
    if args.json:
        print_json(result.derivation)
    elif args.output:
        print_report(result.derivation)
    else:
        print(result.text, end="")
        print_policies(result.derivation.policies, sys.stderr)
    return DONE


def _request(args: argparse.Namespace) -> "PlanRequest":
    from charter_engine.contracts.planning import PlanRequest

    if args.from_traffic and args.workload:
        raise UsageError("--workload and --from-traffic both name a workload", remedy="give one")
    return PlanRequest(
        agent=args.agent or "",
        inputs_typed=tuple(args.input),
        inputs_file=args.inputs or "",
        recognizers=args.config or "",
        tokenizer=str(args.tokenizer or ""),
        workload=args.workload or "",
        read_as=read_as(args),
        from_traffic_s=args.from_traffic,
        reuse_times=args.reuse_times or "",
        decide_at=args.decide_at,
        policy=None if args.policy == "auto" else args.policy,
        preset=args.preset or "",
        objective=args.objective,
        levers=levers_of(args),
        profile_file=args.profile or "",
        tokens_per_block=args.tokens_per_block,
        pool_tokens=args.pool_tokens,
        host_tokens=args.host_tokens,
        model=args.model,
        device=args.device,
        output=args.output or "",
        dask=args.dask or "",
    )
