"""From what was decided to a plan: settings, layouts and retention written down with their
reasons."""

from collections.abc import Mapping

from msgspec import UNSET
from msgspec.structs import replace

from charter_engine.contracts.plan import NodePlan, Plan, Reason, ServerSettings
from charter_engine.contracts.planning import ComparedOnWorkload, Derivation, PlanPoint
from charter_engine.plan import why
from charter_engine.plan.agent_inputs import AgentInputs
from charter_engine.plan.decide import Asked, Decision
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.search import alternatives


def plan_of_agent(
    source: AgentInputs,
    agent: str,
    asked: Asked,
    decision: Decision,
    settled: Decision | None = None,
) -> Derivation:
    """The plan of an agent. `decision` was made on the agent's inputs; `settled` on a recorded
    workload, which then stands for all but the layout."""
    chosen, rest = decision.chosen, settled or decision
    nodes = {
        node: replace(plan, why=why.of_node(plan, chosen))
        for node, plan in _nodes(source, chosen.point, asked).items()
    }
    plan = Plan(
        agent=agent,
        policy=chosen.point.policy,
        release=rest.chosen.point.release,
        server=server_settings(chosen.point, source.deployment, asked),
        nodes=nodes,
        why=_reasons({**rest.why, "layout": decision.why["layout"]}, source.deployment, asked),
        alternatives=alternatives(rest.candidates, rest.chosen, rest.as_it_is.point),
        workload=source.name if settled is None else f"{settled.source}; {source.name}",
    )
    return Derivation(
        plan=plan,
        chosen=chosen,
        as_it_is=decision.as_it_is,
        evaluations=decision.evaluations,
        bounds={layout: source.bound(layout).rate for layout in source.layouts},
        levers=decision.levers,
        policies=rest.comparison,
        recorded=UNSET if settled is None else _compared(settled),
        reuse_times=source.reuse_times(chosen.point.layout),
    )


def _compared(decision: Decision) -> ComparedOnWorkload:
    return ComparedOnWorkload(
        workload=decision.source,
        chosen=decision.chosen,
        as_it_is=decision.as_it_is,
        levers=decision.levers,
    )


def plan_of_workload(deployment: CurrentServer, asked: Asked, decision: Decision) -> Derivation:
    """A plan for requests whose agent is not known: server settings, and a policy to decide
    retention by."""
    chosen = decision.chosen
    reasons = {key: reason for key, reason in decision.why.items() if key != "layout"}
    plan = Plan(
        agent="",
        policy=chosen.point.policy,
        release=chosen.point.release,
        server=server_settings(chosen.point, deployment, asked),
        why=_reasons(reasons, deployment, asked),
        alternatives=alternatives(decision.candidates, chosen, decision.as_it_is.point),
        workload=decision.source,
    )
    return Derivation(
        plan=plan,
        chosen=chosen,
        as_it_is=decision.as_it_is,
        evaluations=decision.evaluations,
        policies=decision.comparison,
    )


def server_settings(point: PlanPoint, deployment: CurrentServer, asked: Asked) -> ServerSettings:
    """What a point asks of the server beside what is given; nothing where the server takes no
    settings."""
    if "server" in asked.left_out:
        return ServerSettings()
    server = asked.server if deployment.reuse else replace(asked.server, enable_kv_cache_reuse=True)
    if point.tokens_per_block != deployment.tokens_per_block:
        server = replace(server, tokens_per_block=point.tokens_per_block)
    if point.host_blocks != deployment.host_blocks_of(point.tokens_per_block):
        size = point.host_blocks * point.tokens_per_block * deployment.bytes_per_token
        server = replace(server, kv_cache_host_memory_bytes=size)
    return server


def _nodes(source: AgentInputs, point: PlanPoint, asked: Asked) -> dict[str, NodePlan]:
    nodes = source.nodes(point.layout, point.policy)
    if not asked.levers.groups:
        return nodes
    groups = source.groups(point.layout)
    return {node: replace(plan, cache_group=groups.get(node)) for node, plan in nodes.items()}


def _reasons(
    decided: Mapping[str, Reason], deployment: CurrentServer, asked: Asked
) -> dict[str, Reason]:
    """What was decided, then why settings that were not searched are as they are; what was left out
    wins, except that what is decided of releases tells both."""
    reasons = {**decided, **why.of_given(asked.server, asked.given_because)}
    if not deployment.reuse:
        reasons["enable_kv_cache_reuse"] = Reason("nothing is reused without it", "assumed")
    left_out = {key: reason for key, reason in asked.left_out.items() if key != "release"}
    return reasons | left_out
