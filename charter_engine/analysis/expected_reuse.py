"""What an opportunity would bring: its calls run on the block manager with an ample pool, on the
agent's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import generate
from charter_engine.analysis.assumed_inputs import (
    ASSUMED_PASSES,
    completed,
    what_is_open,
)
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.contracts.graph import CompiledFile, Opportunity
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import BlockManager, PoolSettings
from charter_engine.prompts.assembly import MissingInput
from charter_engine.prompts.tokens import Encode

MOST_RUNS = 12
"""Later runs meet the same prefixes; the rate settles long before."""
Rates = Mapping[str, float]


def with_expected_reuse(
    compiled: CompiledFile,
    inputs: Sequence[Mapping[str, Any]],
    encode: Encode,
    *,
    tokens_per_block: int = 32,
) -> CompiledFile:
    """Each opportunity with the token hit rate its calls would reach together under the layout that
    suits it best.

    Where the inputs do not fill the prompts, opportunities have no rate and `expected_basis` tells
    why.
    """
    if not inputs:
        return without_expected_reuse(compiled, "no inputs were given to predict it on")
    given = [
        completed(compiled.calls, values, run) for run, values in enumerate(inputs[:MOST_RUNS])
    ]
    try:
        requests = {
            name: [
                placed.request
                for placed in generate(
                    compiled.calls, given, Plan(agent="", nodes=dict(layout)), encode
                )
            ]
            for name, layout in candidate_layouts(compiled.calls).items()
        }
    except MissingInput as missing:
        return without_expected_reuse(compiled, str(missing))
    runs = (
        f"the first {len(given)} of {len(inputs)}"
        if len(given) < len(inputs)
        else f"all {len(inputs)}"
    )
    turns, _ = what_is_open(compiled.calls, inputs[0])
    assumed = f", {ASSUMED_PASSES} turns of {turns} (assumed)" if turns else ""
    basis = f"runs over {runs} inputs{assumed}, {tokens_per_block} tokens a block, ample memory"
    own = {call.id for call in compiled.calls}
    rates = {
        nodes: _rates(requests, nodes, tokens_per_block)
        for nodes in {frozenset(opportunity.nodes) for opportunity in compiled.opportunities}
        if nodes <= own
    }
    return replace(
        compiled,
        opportunities=tuple(
            _with_rate(opportunity, rates.get(frozenset(opportunity.nodes)), basis)
            for opportunity in compiled.opportunities
        ),
    )


def without_expected_reuse(compiled: CompiledFile, because: str) -> CompiledFile:
    """Every opportunity without a rate, and why."""
    return replace(
        compiled,
        opportunities=tuple(
            replace(opportunity, expected_hit_rate=None, expected_basis=because)
            for opportunity in compiled.opportunities
        ),
    )


def _with_rate(opportunity: Opportunity, rates: Rates | None, basis: str) -> Opportunity:
    """`rates`: None where its calls stand in several files, of which this is one."""
    if not rates:
        because = "stand in several files" if rates is None else "are made by others of the agent"
        return replace(opportunity, expected_hit_rate=None, expected_basis=f"its calls {because}")
    best = max(rates, key=lambda layout: rates[layout])
    words = f"{100 * rates[best]:.0f} % of the prompt tokens as written"
    if best != "source":
        words = (
            f"{100 * rates[best]:.0f} % of the prompt tokens with layout {best!r}, "
            f"{100 * rates['source']:.0f} % as written"
        )
    return replace(opportunity, expected_hit_rate=rates[best], expected_basis=f"{words}; {basis}")


def _rates(
    requests: Mapping[str, Sequence[WorkloadRequest]], nodes: frozenset[str], tokens_per_block: int
) -> Rates:
    """The token hit rate of these nodes' requests by layout; nothing where a run makes none."""
    of_nodes = {
        layout: [item for item in made if item.node in nodes] for layout, made in requests.items()
    }
    return {layout: _hit_rate(made, tokens_per_block) for layout, made in of_nodes.items() if made}


def _hit_rate(requests: Sequence[WorkloadRequest], tokens_per_block: int) -> float:
    blocks = sum(
        (item.input_length + item.output_length) // tokens_per_block + 2 for item in requests
    )
    manager = BlockManager(
        PoolSettings(gpu_blocks=max(1, blocks), tokens_per_block=tokens_per_block)
    )
    reused = 0
    for number, request in enumerate(requests):
        reused += manager.add(number, request.token_ids).reused_tokens
        manager.store_context(number)
        manager.append(number, request.output_ids)
        manager.finish(number)
    total = sum(item.input_length for item in requests)
    return reused / total if total else 0.0
