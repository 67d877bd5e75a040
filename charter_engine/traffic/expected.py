"""What the block manager gives each request of some traffic: in a pool of a size, and in one that
holds everything."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.batch import Ints
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder, to_runs
from charter_engine.traffic.seen import SeenPrompt


@dataclass(frozen=True)
class Expected:
    """Predicted reused tokens of each request. `endless` those of a pool that never evicts."""

    reused: Ints
    endless: Ints

    def evicted(self, place: int) -> int:
        """The tokens that were there and had to go before this request."""
        return max(0, int(self.endless[place] - self.reused[place]))


def expected(prompts: Sequence[SeenPrompt], pool: PoolSettings) -> Expected:
    """What a pool gives to these requests, served in their order, each at its arrival."""
    predictor = Predictor(grains_workload(prompts))
    blocks = sum(-(-seen.prompt_tokens // pool.tokens_per_block) for seen in prompts)
    endless = replace(pool, gpu_blocks=max(2, blocks + len(prompts)), host_blocks=0)
    return Expected(*(_reused(predictor, settings) for settings in (pool, endless)))


def grains_workload(
    prompts: Sequence[SeenPrompt], contents: Sequence[Ints] | None = None
) -> Workload:
    """The prompts as a workload whose content is known by grains of 16 tokens: by their hashes, or
    by other `contents`."""
    builder = WorkloadBuilder()
    known = contents if contents is not None else [seen.hashes for seen in prompts]
    start = prompts[0].at if prompts else 0.0
    for seen, grains in zip(prompts, known, strict=True):
        builder.add(
            (seen.at - start) * 1000,
            seen.prompt_tokens,
            seen.output_tokens,
            GRAIN_TOKENS,
            to_runs(grains),
            node=seen.node,
            session=seen.session,
            served_ms=seen.served_ms,
        )
    return builder.build()


def _reused(predictor: Predictor, pool: PoolSettings) -> Ints:
    reused: Ints = np.maximum(predictor.simulate(pool).reused_tokens, 0)
    return reused
