"""Records as the tap gives them."""

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.contracts.traffic import TrafficRecord

_CHAIN = Chain()


def record(tokens: list[int], **fields: object) -> TrafficRecord:
    """A request with this prompt."""
    hashes = _CHAIN.hashes(np.array(tokens, np.int32)).astype("<u8").tobytes()
    given = {"at": 100.0, "prompt_tokens": len(tokens), "hashes": hashes, **fields}
    return TrafficRecord(**given)
