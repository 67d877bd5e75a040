"""TensorRT-LLM's second manager with the policy `per_conversation`, each request starting and
ending at its arrival (tensorrt_llm, llmapi.BlockReuseConfig).

Pages are evicted by their last use, and what none of a conversation's last `max_num_turns` turns
holds is given up at once. Releases up to 1.4 do so with the pages of windows and with Mamba's
states; here there is one window over everything, and its pages are given up likewise. Requests
without a session are in no conversation, and keep their pages until these are evicted.
"""

from collections import deque

import numpy as np

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.edge_pool import EdgePool
from charter_engine.kvcache.predict.simulation import Outcome
from charter_engine.kvcache.workload.columns import Ints
from charter_engine.kvcache.workload.path_tree import PathTree


def simulate_per_conversation(
    paths: PathTree, input_length: Ints, conversation: Ints, settings: PoolSettings
) -> Outcome:
    """Serve the requests one after another; see `simulation.simulate`. `conversation` numbers the
    conversation of each request, 0 being none."""
    size = settings.tokens_per_block
    pool = EdgePool(paths, settings, settings.gpu_blocks)
    kept = _KeptTurns(paths, settings.max_num_turns)
    reused = np.zeros(len(input_length), dtype=np.int64)
    for request, length in enumerate(input_length.tolist()):
        if -(-length // size) > settings.gpu_blocks:
            reused[request] = -1
            continue
        path = paths.path(request)
        reused[request] = pool.serve(path, [request] * len(path), length)
        for edge in kept.superseded(int(conversation[request]), path):
            pool.drop(edge)
    return Outcome.of_one_tier(reused, input_length, settings, pool.evicted)


class _KeptTurns:
    """The last turns of every conversation, and how many of them hold each edge."""

    def __init__(self, paths: PathTree, turns: int) -> None:
        self._turns = turns
        self._last: dict[int, deque[list[int]]] = {}
        self._holders = [0] * len(paths.parent)

    def superseded(self, conversation: int, path: list[int]) -> list[int]:
        """Note a turn; gives the edges that no kept turn holds any more, the deepest first."""
        for edge in path:
            self._holders[edge] += 1
        if not conversation:
            return []
        last = self._last.setdefault(conversation, deque())
        last.append(path)
        if len(last) <= self._turns:
            return []
        oldest = last.popleft()
        for edge in oldest:
            self._holders[edge] -= 1
        return [edge for edge in reversed(oldest) if not self._holders[edge]]
