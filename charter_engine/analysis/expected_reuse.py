"""What an opportunity would bring: its calls run on the block manager with an ample pool, on the
agent's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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


class Reuse(NamedTuple):
    """How many of so many prompt tokens are reused."""

    reused_tokens: int
    prompt_tokens: int

    @property
    def rate(self) -> float:
        """The share that is reused, 0 to 1."""
        return self.reused_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


ReuseByLayout = Mapping[str, Reuse]


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
    reuse = {
        nodes: _reuse_by_layout(requests, nodes, tokens_per_block)
        for nodes in {frozenset(opportunity.nodes) for opportunity in compiled.opportunities}
        if nodes <= own
    }
    return replace(
        compiled,
        opportunities=tuple(
            _with_reuse(opportunity, reuse.get(frozenset(opportunity.nodes)), basis)
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


def _with_reuse(opportunity: Opportunity, found: ReuseByLayout | None, basis: str) -> Opportunity:
    """`found`: None where its calls stand in several files, of which this is one."""
    if not found:
        because = "stand in several files" if found is None else "are made by others of the agent"
        return replace(opportunity, expected_hit_rate=None, expected_basis=f"its calls {because}")
    best = max(found, key=lambda layout: found[layout].rate)
    reused, prompt = found[best]
    words = f"{100 * found[best].rate:.0f} % of the prompt tokens as written"
    if best != "source":
        words = (
            f"{100 * found[best].rate:.0f} % of the prompt tokens with layout {best!r}, "
            f"{100 * found['source'].rate:.0f} % as written"
        )
    return replace(
        opportunity,
        expected_hit_rate=found[best].rate,
        expected_computed_tokens=prompt - reused,
        expected_prompt_tokens=prompt,
        expected_basis=f"{words}; {basis}",
    )


def _reuse_by_layout(
    requests: Mapping[str, Sequence[WorkloadRequest]], nodes: frozenset[str], tokens_per_block: int
) -> ReuseByLayout:
    """What these nodes' requests reuse together by layout; nothing where a run makes none."""
    of_nodes = {
        layout: [item for item in made if item.node in nodes] for layout, made in requests.items()
    }
    return {layout: _reuse(made, tokens_per_block) for layout, made in of_nodes.items() if made}


def _reuse(requests: Sequence[WorkloadRequest], tokens_per_block: int) -> Reuse:
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
    return Reuse(reused, sum(item.input_length for item in requests))
