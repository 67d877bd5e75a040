"""From the options of `plan` to a plan: on an agent's inputs, on a recorded workload, or on
both."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from charter_engine.analysis.assumed_inputs import ASSUMED_RUNS, synthetic_inputs
from charter_engine.api.sweep import SweepPoint, sweep, told
from charter_engine.api.waits_files import read_waits
from charter_engine.api.workload_files import load
from charter_engine.commands.learn import write_waits
from charter_engine.commands.options import encode_of, levers_of
from charter_engine.commands.outcome import complain
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Plan, Policy, Reason
from charter_engine.contracts.prediction import PolicyComparison, Prediction
from charter_engine.contracts.waits import EdgeWait
from charter_engine.errors import UsageError
from charter_engine.kvcache.predict.latency import MODELS, from_first_principles
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.derive import CurrentServer, Derivation
from charter_engine.plan.limits import within
from charter_engine.plan.on_workload import Decision, Trial, WorkloadSearch
from charter_engine.plan.preset import Preset
from charter_engine.plan.propose import asked_of, plan_of_workload, propose
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.search import Evaluation, Levers
from charter_engine.plan.settings import InvalidSetting, parse_setting
from charter_engine.prompts.assembly import MissingInput

DEFAULT_POOL_TOKENS = 400_000
"""Assumed where no deployment is given: about what an H100 holds for an 8B model in bf16."""
DEFAULT_TOKENS_PER_BLOCK = 32
LARGEST_PROFILE_BYTES = 16 << 20
WITHOUT_NODES: tuple[Policy, ...] = ("default", "next-use")
"""Policies that a plan can ask for where it knows no calls: `next-use` by its waits."""


class WorkloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """A plan for requests whose agent is not known, with what was compared to find it."""

    plan: Plan
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    policies: PolicyComparison


@dataclass(frozen=True)
class Found:
    """A plan with what was compared to find it. `report` is what --json prints, `learnt` waits to
    be written beside the plan with the price of memory."""

    plan: Plan
    report: Derivation | WorkloadReport
    chosen: Evaluation
    compared: tuple[Evaluation, ...]
    policies: PolicyComparison
    waits: tuple[EdgeWait, ...] = ()
    learnt: tuple[ReuseTimeModel, float] | None = None


def derived(
    compiled: CompiledFile,
    args: argparse.Namespace,
    preset: Preset,
    inputs: Sequence[Mapping[str, Any]],
) -> Found:
    """A plan for an agent. Raises CharterError."""
    deployment, levers, left_out = _limits(args)
    waits = read_waits(Path(args.waits)) if args.waits else None
    decided = _decided(args, preset, deployment, levers, {call.id for call in compiled.calls})
    name = args.inputs or f"{len(inputs)} inputs of the agent"
    if not inputs:
        inputs = [synthetic_inputs(compiled.calls, run) for run in range(ASSUMED_RUNS)]
        name = f"{ASSUMED_RUNS} runs with assumed inputs"
        complain(
            "no inputs given; the plan rests on assumed ones",
            "give --inputs FILE to make it rest on yours",
        )
        if decided is not None:
            levers = msgspec.structs.replace(levers, layout=False)
            left_out["layout"] = Reason(
                f"as written: {decided.workload} tells what prompts share, not which segments they are made of; "
                "--inputs lets layouts be searched",
                "assumed",
            )
    try:
        derivation = propose(
            compiled,
            inputs,
            encode_of(args.tokenizer),
            deployment,
            latency=from_first_principles(args.model, args.device),
            preset=preset,
            objective=args.objective,
            levers=levers,
            policy=_policy(args),
            model=waits.model if waits else None,
            left_out=left_out,
            decided=decided,
            workload=f"{decided.workload}; {name}" if decided else name,
        )
    except MissingInput as missing:
        raise UsageError(
            str(missing),
            remedy=missing.remedy,
        ) from None
    return Found(
        plan=derivation.plan,
        report=derivation,
        chosen=derivation.chosen,
        compared=(derivation.as_it_is, derivation.chosen, *derivation.levers.values()),
        policies=derivation.policies,
        waits=derivation.waits,
        learnt=_learnt(decided),
    )


def derived_without_agent(args: argparse.Namespace, preset: Preset) -> Found:
    """A plan for requests whose agent is not known: server settings and waits. Raises
    CharterError."""
    deployment, levers, left_out = _limits(args)
    if _policy(args) not in (None, *WITHOUT_NODES):
        raise UsageError(
            f"--policy {args.policy} is asked for by an agent's calls",
            remedy="name the AGENT, too",
        )
    possible = tuple(policy for policy in preset.policies if policy in WITHOUT_NODES)
    preset = msgspec.structs.replace(preset, policies=possible)
    decided = _decided(args, preset, deployment, levers, set())
    assert decided is not None
    plan = plan_of_workload(
        decided, deployment, asked_of(preset, args.objective, levers, _policy(args), left_out)
    )
    return Found(
        plan=plan,
        report=WorkloadReport(
            plan=plan,
            chosen=decided.chosen,
            as_it_is=decided.as_it_is,
            evaluations=decided.evaluations,
            policies=decided.comparison,
        ),
        chosen=decided.chosen,
        compared=(decided.as_it_is, decided.chosen),
        policies=decided.comparison,
        learnt=_learnt(decided),
    )


def with_waits_named(found: Found, args: argparse.Namespace) -> Found:
    """The plan with the waits it is decided by: those given, or those learnt, written beside the
    plan."""
    if found.plan.policy != "next-use":
        return found
    folder = Path(args.output).parent if args.output else Path()
    if args.waits:
        name = os.path.relpath(args.waits, folder)
        why = Reason(f"given: {args.waits}", "measured")
    elif found.learnt is None:
        return found
    elif not args.output:
        complain(
            "the waits learnt are not kept",
            "write the plan with -o FILE, and they are kept beside it",
        )
        return found
    else:
        path = Path(args.output)
        name = f"{path.stem}.waits.json"
        model, price = found.learnt
        write_waits(folder / name, model, (args.workload,), price)
        words = f"learnt from {model.requests:,} requests of {model.sessions:,} sessions of {args.workload}"
        why = Reason(
            f"{words}; explains {model.explained:.0%} of when sessions not seen return", "measured"
        )
    plan = msgspec.structs.replace(found.plan, waits=name, why={**found.plan.why, "waits": why})
    return replace(found, plan=plan, report=msgspec.structs.replace(found.report, plan=plan))


def _learnt(decided: Decision | None) -> tuple[ReuseTimeModel, float] | None:
    if decided is None or decided.model is None or not decided.learnt_here:
        return None
    return decided.model, decided.price


def _policy(args: argparse.Namespace) -> Policy | None:
    return None if args.policy == "auto" else args.policy


def _limits(args: argparse.Namespace) -> tuple[CurrentServer, Levers, dict[str, Reason]]:
    """What there is, and what of the levers it leaves. Raises CharterError for a policy it cannot
    take."""
    profile = _profile(args.profile)
    levers = levers_of(args)
    left_out: dict[str, Reason] = {}
    if profile is not None:
        levers, left_out = within(levers, profile)
    if _policy(args) not in (None, "default") and not levers.retention:
        reason = (
            left_out["policy"].text
            if "policy" in left_out
            else "--no-retention leaves retention alone"
        )
        raise UsageError(
            f"--policy {args.policy}: {reason}",
            remedy="leave --policy out",
        )
    return _deployment(args, profile), levers, left_out


def _profile(name: str | None) -> Profile | None:
    """The profile in a file: by itself, or under the key `profile` of what a command printed."""
    if name is None:
        return None
    try:
        with Path(name).open("rb") as file:
            printed = msgspec.json.decode(file.read(LARGEST_PROFILE_BYTES), type=dict[str, Any])
        content = printed.get("profile", printed)
        if not isinstance(content, dict) or "path" not in content:
            raise msgspec.ValidationError("it names no `path`, engine or llmapi")
        return msgspec.convert(content, Profile)
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror}",
            remedy="name a readable file",
        ) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        remedy = "give what `charter-engine triton profile --json` prints"
        raise UsageError(
            f"{name}: no profile: {error}",
            remedy=remedy,
        ) from None


def _deployment(args: argparse.Namespace, profile: Profile | None) -> CurrentServer:
    """The deployment as it is: by the options, else by its profile, else assumed."""
    known = profile.parameters if profile is not None else {}
    size = (
        args.tokens_per_block
        or (profile.tokens_per_block if profile else None)
        or DEFAULT_TOKENS_PER_BLOCK
    )
    tokens = args.pool_tokens or known.get("max_tokens_in_paged_kv_cache") or DEFAULT_POOL_TOKENS
    try:
        parse_setting("tokens_per_block", str(size))
        pool = parse_setting("max_tokens_in_paged_kv_cache", str(tokens))
    except InvalidSetting as error:
        raise UsageError(
            str(error),
            remedy=error.remedy,
        ) from None
    return CurrentServer(
        tokens_per_block=size,
        pool_tokens=int(pool),
        bytes_per_token=MODELS[args.model].kv_bytes_per_token,
        reuse=known.get("enable_kv_cache_reuse", "true").strip().lower() not in ("false", "0"),
    )


def _decided(
    args: argparse.Namespace,
    preset: Preset,
    deployment: CurrentServer,
    levers: Levers,
    nodes: set[str],
) -> Decision | None:
    """What the recorded workload decides; None without one. Raises CharterError."""
    if not args.workload:
        return None
    workload = load(args.workload, strict=False)
    _tell_strangers(workload, args.workload, nodes)
    waits = read_waits(Path(args.waits)) if args.waits else None
    latency = from_first_principles(args.model, args.device)

    def run(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
        points = [
            SweepPoint(
                settings=one.settings, latency=latency, retention=one.retention, bracket=False
            )
            for one in trials
        ]
        return tuple(told(sweep(predictor, points), len(points)))

    try:
        search = WorkloadSearch(
            workload,
            args.workload,
            deployment,
            run=run,
            given=(waits.model, waits.price) if waits else None,
            moment=args.moment,
        )
        return search.decide(
            objective=args.objective or preset.objective,
            levers=levers,
            policies=preset.policies,
            policy=_policy(args),
            block_sizes=preset.block_sizes,
        )
    except ValueError as error:
        raise UsageError(
            str(error),
            remedy="give --waits, or another --policy",
        ) from None


def _tell_strangers(workload: Workload, name: str, nodes: set[str]) -> None:
    """Say where a workload and an agent do not know each other's calls: their waits stay
    assumed."""
    if not nodes:
        return
    strangers = [node for node in workload.nodes if node and node not in nodes]
    unseen = sorted(nodes.difference(workload.nodes))
    if strangers:
        complain(
            f"{name}: {len(strangers)} of its nodes are no calls of the agent: {', '.join(strangers[:8])}"
        )
    if unseen:
        complain(f"{name}: no request of {', '.join(unseen[:8])}; their waits stay assumed")
