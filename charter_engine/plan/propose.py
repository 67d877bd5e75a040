"""The one way to a plan: a compiled agent, inputs and a deployment in; a plan with its reasons
out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from msgspec.structs import replace

from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Plan, Policy, Reason
from charter_engine.kvcache.predict.latency import LatencyModel, from_first_principles
from charter_engine.kvcache.predict.predictor import predict
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.plan.derive import (
    Asked,
    CurrentServer,
    Derivation,
    Search,
    derive_plan,
    server_settings,
    server_why,
)
from charter_engine.plan.on_workload import Decision
from charter_engine.plan.preset import Preset
from charter_engine.plan.retention.agents import LEAST_LEARNT, edge_waits, retain
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.search import Levers, Objective, alternatives
from charter_engine.prompts.assembly import runnable
from charter_engine.prompts.identity import identity_of
from charter_engine.prompts.tokens import Encode

EVERYTHING = Preset(description="everything is searched")


def propose(
    compiled: CompiledFile,
    inputs: Sequence[Mapping[str, Any]],
    encode: Encode,
    deployment: CurrentServer,
    *,
    latency: LatencyModel | None = None,
    preset: Preset = EVERYTHING,
    objective: Objective | None = None,
    levers: Levers | None = None,
    policy: Policy | None = None,
    model: ReuseTimeModel | None = None,
    left_out: Mapping[str, Reason] | None = None,
    decided: Decision | None = None,
    workload: str = "",
) -> Derivation:
    """Search everything the preset and the levers allow on the agent's own requests, each after
    those it waits for.

    `model` is what was learnt of waits; it replaces the assumed ones. Without `latency`, times are
    from first principles and *assumed*. For the others see `derive.Asked`. Raises `MissingInput`.
    """
    times = latency or from_first_principles()
    known = model or (decided.model if decided else None)
    search = Search(
        compiled,
        inputs=inputs,
        encode=encode,
        predict=partial(predict, timing=Timing(), latency=times, bracket=False),
        retain=partial(retain, model=known),
        deployment=deployment,
        pace=partial(time_alone, times),
    )
    asked = asked_of(preset, objective, levers, policy, left_out, decided)
    if model is not None and decided is None and not knows(model, compiled):
        words = "next-use left out, since the waits given tell nothing of this agent's calls; "
        asked = replace(
            asked,
            policies=tuple(one for one in asked.policies if one != "next-use"),
            policy_note=words,
        )
    derivation = derive_plan(search, compiled.path, asked, workload=workload)
    placed = search.placed(derivation.chosen.point.layout)
    return replace(
        derivation,
        plan=replace(derivation.plan, identity=identity_of(compiled.path, compiled.calls)),
        waits=edge_waits(runnable(compiled.calls), placed, known),
    )


def asked_of(
    preset: Preset,
    objective: Objective | None,
    levers: Levers | None,
    policy: Policy | None,
    left_out: Mapping[str, Reason] | None,
    decided: Decision | None = None,
) -> Asked:
    """How a plan is searched under a preset and what was asked for beside it."""
    return Asked(
        objective=objective or preset.objective,
        levers=levers or Levers(),
        policies=preset.policies,
        policy=policy,
        block_sizes=preset.block_sizes,
        server=preset.server,
        given_because=f"preset: {preset.description}",
        left_out=left_out or {},
        decided=decided,
    )


def plan_of_workload(decided: Decision, deployment: CurrentServer, asked: Asked) -> Plan:
    """A plan for requests whose agent is not known: server settings, and waits to decide retention
    by."""
    chosen = decided.chosen
    return Plan(
        agent="",
        policy=chosen.point.policy,
        server=server_settings(chosen.point, deployment, asked),
        why={**decided.why, **server_why(deployment, asked)},
        alternatives=alternatives(decided.evaluations, chosen, decided.as_it_is.point),
        workload=decided.workload,
    )


def knows(model: ReuseTimeModel, compiled: CompiledFile) -> bool:
    """Whether enough was seen of a call of the agent, or of any kind of wait, to act on."""
    seen = [model.nodes[call.id].requests for call in compiled.calls if call.id in model.nodes]
    return max((*seen, *(gaps.total for gaps in model.kinds.values())), default=0) >= LEAST_LEARNT


def time_alone(latency: LatencyModel, prompt_tokens: int, output_tokens: int) -> float:
    """How long a request takes that neither waits nor reuses anything, in milliseconds."""
    return time_among(latency, 1, prompt_tokens, output_tokens)


def time_among(
    latency: LatencyModel, at_once: int, prompt_tokens: int, output_tokens: int
) -> float:
    """How long it takes where `at_once` like it run: the prompt of each of the others is computed
    once meanwhile."""
    first = at_once * latency.first_token_ms(prompt_tokens, 0, 0)
    return first + output_tokens * latency.step_ms(at_once * (prompt_tokens + output_tokens))
