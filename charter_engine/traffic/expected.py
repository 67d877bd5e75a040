"""What the block manager gives each request of some traffic."""

from collections.abc import Sequence

import numpy as np

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.batch import column, served_column
from charter_engine.kvcache.workload.columns import RequestColumns, Workload, WorkloadBuilder
from charter_engine.kvcache.workload.ids import Ints
from charter_engine.traffic.grains import Grains
from charter_engine.traffic.seen import SeenPrompt


def predicted_reuse(workload: Workload, pool: PoolSettings) -> Ints:
    """The tokens that each request reuses, served in their order, each at its arrival."""
    reused: Ints = np.maximum(Predictor(workload).simulate(pool).reused_tokens, 0)
    return reused


def grains_workload(
    prompts: Sequence[SeenPrompt], grains: Sequence[Grains], start: float
) -> Workload:
    """The prompts as a workload from an epoch second on, whose content is known by `grains` of 16
    tokens."""
    builder = WorkloadBuilder()
    builder.extend(
        RequestColumns(
            arrival_ms=np.array([(seen.at - start) * 1000 for seen in prompts]),
            input_length=column([seen.prompt_tokens for seen in prompts]),
            output_length=column([seen.output_tokens for seen in prompts]),
            unit_tokens=np.full(len(prompts), GRAIN_TOKENS, np.int64),
            unit_count=column([len(item.hashes) for item in grains]),
            units=np.concatenate((column(()), *(item.hashes for item in grains))),
            output_units=column([item.beyond for item in grains]),
            scopes=[seen.scope for seen in prompts],
            nodes=[seen.node for seen in prompts],
            sessions=[seen.session for seen in prompts],
            served_ms=served_column([seen.served_ms for seen in prompts]),
        )
    )
    return builder.build()
