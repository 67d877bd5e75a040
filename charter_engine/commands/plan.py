"""`charter-engine plan AGENT`: layouts, block size and retention that make an agent reuse its cache."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charter_engine.commands.options import add_lever_options, encode_of, levers_of
from charter_engine.commands.outcome import DONE, FAILED, USAGE, CommandFailed, complain, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.config.derive import Deployment, Derivation
    from charter_engine.config.preset import Preset
    from charter_engine.contracts.graph import CompiledFile

DEFAULT_POOL_TOKENS = 400_000
"""Assumed where no deployment is given: about what an H100 holds for an 8B model in bf16."""


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "plan",
        help="propose layouts, retention and settings for an agent",
        description="Search layouts, block size, host tier and retention by prediction, and write the best as YAML.",
    )
    parser.add_argument("agent", nargs="?", metavar="AGENT", help="a Python file")
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=VALUE", help="an input; @FILE reads a file"
    )
    parser.add_argument("--inputs", metavar="FILE", help="JSON Lines of inputs (default: AGENT's .inputs.jsonl)")
    parser.add_argument("--output", "-o", metavar="FILE", help="write the plan there, keeping comments and hand edits")
    parser.add_argument("--preset", metavar="NAME", help="a preset, or none; chosen by the agent's shape otherwise")
    parser.add_argument("--objective", choices=("ttft", "throughput", "memory"), help="what to optimise")
    parser.add_argument("--tokens-per-block", type=int, default=32, metavar="N", help="of the deployment as it is")
    parser.add_argument(
        "--pool-tokens", type=int, default=DEFAULT_POOL_TOKENS, metavar="N", help="size of its GPU pool"
    )
    parser.add_argument("--model", default="llama-3.1-8b", metavar="NAME", help="model shape for times and memory")
    parser.add_argument("--device", default="h100", metavar="NAME", help="GPU for assumed times")
    parser.add_argument("--tokenizer", metavar="PATH", help="tokenizer.json (default: the embedded engine's)")
    parser.add_argument("--config", metavar="FILE", help="a TOML file whose [recognizers] add to the catalogue")
    parser.add_argument("--schema", action="store_true", help="print the JSON schema of a plan file")
    parser.add_argument("--json", action="store_true", help="print the plan and what was compared as JSON")
    add_lever_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Derive a plan; it goes to --output, or to standard output."""
    if args.schema:
        from charter_engine.config.plan_file import plan_schema

        print_json(plan_schema())
        return DONE
    if not args.agent:
        raise CommandFailed("no AGENT given", remedy="charter-engine plan agent.py", code=USAGE)
    _check_names(args)
    if args.output and not Path(args.output).parent.is_dir():
        raise CommandFailed(f"{args.output}: there is no such folder", remedy="make it first", code=USAGE)
    compiled = _compiled(args)
    if compiled is None:
        return FAILED
    derivation = _derived(compiled, args)
    if args.output:
        _write(derivation, Path(args.output))
    if args.json:
        print_json(derivation)
    elif not args.output:
        from charter_engine.config.replan import replan

        print(replan(derivation.plan), end="")
    else:
        _print_comparison(derivation)
    return DONE


def _compiled(args: argparse.Namespace) -> "CompiledFile | None":
    from charter_engine.analysis.compile import compile_source
    from charter_engine.commands.compile import options_of

    try:
        source = Path(args.agent).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{args.agent}: {error.strerror}", remedy="check the path", code=USAGE) from None
    compiled = compile_source(args.agent, source, options=options_of(args))
    for diagnostic in compiled.errors:
        place = f"{diagnostic.path}:{diagnostic.line}:{diagnostic.column}"
        complain(f"{place}: {diagnostic.message}", diagnostic.remedy)
    if compiled.errors:
        return None
    if not compiled.calls:
        raise CommandFailed(
            f"{args.agent}: no LLM calls found",
            remedy="charter-engine compile --explain LINE tells why a line is not one",
            code=USAGE,
        )
    return compiled


def _inputs(args: argparse.Namespace) -> Sequence[Mapping[str, Any]]:
    from charter_engine.executor.inputs import InputError, default_inputs_path, parse_inputs, read_inputs

    try:
        if args.input:
            return [parse_inputs(args.input, Path.cwd())]
        path = Path(args.inputs) if args.inputs else default_inputs_path(Path(args.agent))
        return read_inputs(path) if path is not None else ()
    except InputError as error:
        raise CommandFailed(str(error), code=USAGE) from None


def _derived(compiled: "CompiledFile", args: argparse.Namespace) -> "Derivation":
    from charter_engine.analysis.assumed_inputs import ASSUMED_RUNS, synthetic_inputs
    from charter_engine.config.propose import propose
    from charter_engine.dag.assembly import MissingInput
    from charter_engine.kvcache.latency import from_first_principles

    name, preset = _preset(compiled, args)
    inputs = _inputs(args)
    workload = args.inputs or f"{len(inputs)} inputs of the agent"
    if not inputs:
        inputs = [synthetic_inputs(compiled.calls, run) for run in range(ASSUMED_RUNS)]
        workload = f"{ASSUMED_RUNS} runs with assumed inputs"
        complain("no inputs given; the plan rests on assumed ones", "give --inputs FILE to make it rest on yours")
    if name:
        print(f"preset {name}: {preset.description}", file=sys.stderr)
    try:
        return propose(
            compiled,
            inputs,
            encode_of(args.tokenizer),
            _deployment(args),
            latency=from_first_principles(args.model, args.device),
            preset=preset,
            objective=args.objective,
            levers=levers_of(args),
            workload=workload,
        )
    except MissingInput as missing:
        raise CommandFailed(str(missing), remedy=missing.remedy, code=USAGE) from None


def _preset(compiled: "CompiledFile", args: argparse.Namespace) -> "tuple[str, Preset]":
    """The preset asked for or matching, by name; without one, everything is searched."""
    import platformdirs

    from charter_engine.config.preset import InvalidPreset, all_presets, matching_preset
    from charter_engine.config.propose import EVERYTHING

    folder = platformdirs.user_config_path("charter") / "presets"
    own = [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))]
    try:
        presets = all_presets(own)
    except InvalidPreset as error:
        raise CommandFailed(str(error), remedy=f"correct or remove it in {folder}", code=USAGE) from None
    name = args.preset or matching_preset(presets, compiled)
    if name is None or name == "none":
        return "", EVERYTHING
    if name not in presets:
        raise CommandFailed(f"there is no preset {name}", remedy=f"presets are {', '.join(presets)}", code=USAGE)
    return name, presets[name]


def _check_names(args: argparse.Namespace) -> None:
    from charter_engine.kvcache.latency import DEVICES, MODELS

    for known, given, option in ((MODELS, args.model, "--model"), (DEVICES, args.device, "--device")):
        if given not in known:
            raise CommandFailed(f"{option} {given} is unknown", remedy=f"one of {', '.join(known)}", code=USAGE)


def _deployment(args: argparse.Namespace) -> "Deployment":
    from charter_engine.config.derive import Deployment
    from charter_engine.config.settings import InvalidSetting, parse_setting
    from charter_engine.kvcache.latency import MODELS

    try:
        parse_setting("tokens_per_block", str(args.tokens_per_block))
        parse_setting("max_tokens_in_paged_kv_cache", str(args.pool_tokens))
    except InvalidSetting as error:
        raise CommandFailed(str(error), remedy=error.remedy, code=USAGE) from None
    return Deployment(
        tokens_per_block=args.tokens_per_block,
        pool_tokens=args.pool_tokens,
        bytes_per_token=MODELS[args.model].kv_bytes_per_token,
    )


def _write(derivation: "Derivation", path: Path) -> None:
    from charter_engine.commands.lint import write_atomically
    from charter_engine.config.plan_file import InvalidPlan, read_plan
    from charter_engine.config.replan import replan

    previous = None
    if path.exists():
        previous = path.read_text(encoding="utf-8")
        try:
            read_plan(previous, str(path))
        except InvalidPlan as error:
            raise CommandFailed(
                str(error), remedy="correct it, or write elsewhere; nothing was changed", code=USAGE
            ) from None
    write_atomically(path, replan(derivation.plan, previous))


def _print_comparison(derivation: "Derivation") -> None:
    rows = [
        (
            "* " * (item is derivation.chosen) + item.point.layout,
            str(item.point.tokens_per_block),
            str(item.point.host_blocks),
            item.point.policy,
            f"{item.token_hit_rate:.1%}",
            f"{item.bound:.1%}",
            f"{item.ttft_ms:.2f}",
            f"{item.memory_bytes / 2**20:.0f}",
        )
        for item in (derivation.as_it_is, derivation.chosen, *derivation.levers.values())
    ]
    header = ("layout", "block", "host", "policy", "hit rate", "bound", "TTFT ms", "memory MiB")
    print_table(header, list(dict.fromkeys(rows)))
    print(f"hit rates are predicted; times are {derivation.chosen.times_label}", file=sys.stderr)
