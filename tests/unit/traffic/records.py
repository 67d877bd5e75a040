"""Records as the tap gives them."""

from collections.abc import Sequence

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.contracts.traffic import TrafficRecord

_CHAIN = Chain()


def record(tokens: list[int], answer: Sequence[int] = (), /, **fields: object) -> TrafficRecord:
    """A request with this prompt and this answer (none: its tokens are not known)."""
    hashes, further = _CHAIN.with_answer(np.array(tokens, np.int32), np.array(answer, np.int32))
    given = {
        "at": 100.0,
        "prompt_tokens": len(tokens),
        "hashes": hashes.astype("<u8").tobytes(),
        **fields,
    }
    if answer:
        given |= {
            "output_tokens": len(answer),
            "answer_hashes": further.astype("<u8").tobytes(),
        }
    return TrafficRecord(**given)
