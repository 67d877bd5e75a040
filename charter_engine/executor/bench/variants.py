"""What a benchmark compares: a baseline, the agent as written, the plan, and the plan with one
lever put back."""

from dataclasses import dataclass

from msgspec.structs import replace

from charter_engine.contracts.plan import Lever, NodePlan, Plan
from charter_engine.plan.levers import LEVERS, without

BASELINE, SOURCE, PLAN = "baseline", "source", "plan"


@dataclass(frozen=True)
class Variant:
    """One way to run the agent. `reuse` switches the KV cache's reuse; `levers` are the plan's that
    it leaves out."""

    name: str
    what: str
    plan: Plan
    reuse: bool = True
    without: Lever | None = None


def variants_of(plan: Plan) -> tuple[Variant, ...]:
    """All variants to run. A lever whose absence changes nothing that one request after another
    could show is left out; two variants that come to the same are run once, under the first
    name."""
    as_written = Plan(agent=plan.agent)
    found = [
        Variant(BASELINE, "as written, reuse off", as_written, reuse=False),
        Variant(SOURCE, "as written, default settings", as_written),
        Variant(PLAN, "the plan", plan),
    ]
    for lever in LEVERS:
        reduced = without(plan, lever)
        if lever != "groups" and not any(
            same_effect(reduced, other.plan) for other in found if other.reuse
        ):
            name = lever.replace("_", " ")
            found.append(
                Variant(f"no {name}", f"the plan without its {name}", reduced, without=lever)
            )
    return tuple(found)


def stands_for(plan: Plan, lever: Lever, variants: tuple[Variant, ...]) -> Variant | None:
    """The variant that shows the plan without a lever; None where the plan does not pull it."""
    reduced = without(plan, lever)
    if same_effect(reduced, plan):
        return None
    return next((one for one in variants if one.reuse and same_effect(reduced, one.plan)), None)


def same_effect(one: Plan, other: Plan) -> bool:
    """Whether two plans ask for the same of requests sent one after another; reasons and groups
    aside."""
    return _effect(one) == _effect(other)


def _effect(plan: Plan) -> tuple[object, ...]:
    server = replace(plan.server, enable_kv_cache_reuse=None)
    nodes = {name: replace(node, why={}, cache_group=None) for name, node in plan.nodes.items()}
    return server, {name: node for name, node in nodes.items() if node != NodePlan()}
