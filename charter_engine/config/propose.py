"""The one way to a plan: a compiled agent, inputs and a deployment in; a plan with its reasons out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from charter_engine.config.derive import Deployment, Derivation, Retain, Search, derive_plan
from charter_engine.config.preset import Preset
from charter_engine.config.retention.agents import retain as retain_by_structure
from charter_engine.config.search import Levers, Objective
from charter_engine.contracts.graph import CompiledFile
from charter_engine.dag.tokens import Encode
from charter_engine.kvcache.latency import LatencyModel, from_first_principles
from charter_engine.kvcache.predict import predict
from charter_engine.kvcache.timeline import Timing

EVERYTHING = Preset(description="everything is searched")


def propose(
    compiled: CompiledFile,
    inputs: Sequence[Mapping[str, Any]],
    encode: Encode,
    deployment: Deployment,
    *,
    latency: LatencyModel | None = None,
    preset: Preset = EVERYTHING,
    objective: Objective | None = None,
    levers: Levers | None = None,
    retain: Retain = retain_by_structure,
    workload: str = "",
) -> Derivation:
    """Search everything the preset and the levers allow on the agent's own requests, each after those it waits for.

    Without `latency`, times are from first principles and *assumed*. Raises `MissingInput`.
    """
    times = latency or from_first_principles()
    search = Search(
        compiled,
        inputs=inputs,
        encode=encode,
        predict=partial(predict, timing=Timing(), latency=times, bracket=False),
        retain=retain,
        deployment=deployment,
        pace=partial(time_alone, times),
    )
    return derive_plan(
        search,
        compiled.path,
        objective=objective or preset.objective,
        levers=levers,
        policies=preset.policies,
        block_sizes=preset.block_sizes,
        server=preset.server,
        workload=workload,
    )


def time_alone(latency: LatencyModel, prompt_tokens: int, output_tokens: int) -> float:
    """How long a request takes that neither waits nor reuses anything, in milliseconds."""
    first = latency.first_token_ms(prompt_tokens, 0, 0)
    return first + output_tokens * latency.step_ms(prompt_tokens + output_tokens)
