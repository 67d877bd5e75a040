"""What the block manager gives each request of some traffic."""

from collections.abc import Sequence

import numpy as np

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.batch import Ints, column
from charter_engine.kvcache.workload.columns import RequestColumns, Workload, WorkloadBuilder
from charter_engine.traffic.seen import SeenPrompt


def predicted_reuse(workload: Workload, pool: PoolSettings) -> Ints:
    """The tokens that each request reuses, served in their order, each at its arrival."""
    reused: Ints = np.maximum(Predictor(workload).simulate(pool).reused_tokens, 0)
    return reused


def grains_workload(
    prompts: Sequence[SeenPrompt], contents: Sequence[Ints] | None = None
) -> Workload:
    """The prompts as a workload whose content is known by grains of 16 tokens: by their hashes, or
    by other `contents`."""
    known = contents if contents is not None else [seen.hashes for seen in prompts]
    start = prompts[0].at if prompts else 0.0
    builder = WorkloadBuilder()
    builder.extend(
        RequestColumns(
            arrival_ms=np.array([(seen.at - start) * 1000 for seen in prompts]),
            input_length=column([seen.prompt_tokens for seen in prompts]),
            output_length=column([seen.output_tokens for seen in prompts]),
            unit_tokens=np.full(len(prompts), GRAIN_TOKENS, np.int64),
            unit_count=column([len(grains) for grains in known]),
            units=np.concatenate((column(()), *known)),
        )
    )
    return builder.build()
