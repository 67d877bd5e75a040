"""The one way to a plan: sources of requests and what is asked for in; a plan with its reasons
out."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.plan import Policy, Reason
from charter_engine.contracts.planning import Derivation, Levers, Objective
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.plan.agent_inputs import AgentInputs, Tell, unheard
from charter_engine.plan.decide import Asked, decide
from charter_engine.plan.derive import plan_of_agent, plan_of_workload
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.preset import Preset
from charter_engine.plan.recorded_workload import RecordedWorkload
from charter_engine.plan.retention.agents import LEAST_LEARNT
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.prompts.identity import identity_of
from charter_engine.prompts.tokens import Encode

EVERYTHING = Preset(description="everything is searched")
WITHOUT_NODES: tuple[Policy, ...] = ("default", "next-use")
"""Policies that a plan can ask for where it knows no calls: `next-use` decides by the request."""
_TELLS_NOTHING = (
    "next-use left out, since the reuse times given tell nothing of this agent's calls; "
)


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
    recorded: RecordedWorkload | None = None,
    workload: str = "the agent's inputs",
    at_once: int | None = None,
    head_start_ms: float = 0.0,
    tell: Tell = unheard,
) -> Derivation:
    """Search what the preset and the levers allow on the agent's own requests, each after those it
    waits for. With a `recorded` workload only the layout is searched on them, and all else on that.

    `model` is what was learnt of when prompts come back; it replaces the assumed reuse times.
    Without `latency`, times are from first principles and *assumed*. For `at_once` and
    `head_start_ms` see `generate`, for the others `decide.Asked`.
    Raises `MissingInput`, and ValueError as `decide` does.
    """
    asked = asked_of(preset, objective, levers, policy, left_out)
    known = model or (recorded.model if recorded is not None else None)
    if model is not None and recorded is None and not _knows(model, compiled):
        searched = tuple(one for one in asked.policies if one != "next-use")
        asked = replace(asked, policies=searched, policy_note=_TELLS_NOTHING)
    source = AgentInputs(
        compiled,
        inputs,
        encode,
        deployment,
        latency or from_first_principles(),
        name=workload,
        model=known,
        at_once=at_once,
        head_start_ms=head_start_ms,
        grouped=asked.levers.groups,
        tell=tell,
    )
    settled = decide(recorded, asked) if recorded is not None else None
    fixed = settled.chosen.point if settled is not None else None
    found = plan_of_agent(source, compiled.path, asked, decide(source, asked, fixed=fixed), settled)
    identity = identity_of(compiled.path, compiled.calls)
    return replace(found, plan=replace(found.plan, identity=identity))


def propose_without_agent(recorded: RecordedWorkload, asked: Asked) -> Derivation:
    """The plan for requests whose agent is not known. Raises ValueError as `decide` does."""
    possible = tuple(policy for policy in asked.policies if policy in WITHOUT_NODES)
    asked = replace(asked, policies=possible)
    return plan_of_workload(recorded.deployment, asked, decide(recorded, asked))


def asked_of(
    preset: Preset,
    objective: Objective | None,
    levers: Levers | None,
    policy: Policy | None,
    left_out: Mapping[str, Reason] | None,
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
    )


def _knows(model: ReuseTimeModel, compiled: CompiledFile) -> bool:
    """Whether enough was seen of a call of the agent, or of any kind of reuse, to act on."""
    seen = [model.nodes[call.id].requests for call in compiled.calls if call.id in model.nodes]
    return max((*seen, *(gaps.total for gaps in model.kinds.values())), default=0) >= LEAST_LEARNT
