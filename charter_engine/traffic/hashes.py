"""The chained hashes in a record."""

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.traffic import TrafficRecord


def hashes_of(record: TrafficRecord) -> NDArray[np.int64]:
    """A hash for each grain of the prompt; none where the record is damaged or has none."""
    grains = -(-(record.prompt_tokens or 0) // GRAIN_TOKENS)
    if len(record.hashes) != 8 * grains:
        return np.empty(0, np.int64)
    return np.frombuffer(record.hashes, "<i8")


def answer_hashes_of(record: TrafficRecord) -> NDArray[np.int64]:
    """A hash for each grain of prompt and answer together, from the one on in which the answer
    begins; none where the record is damaged or has none."""
    prompt, answer = record.prompt_tokens or 0, record.output_tokens or 0
    grains = -(-(prompt + answer) // GRAIN_TOKENS) - prompt // GRAIN_TOKENS if answer else 0
    if len(record.answer_hashes) != 8 * grains:
        return np.empty(0, np.int64)
    return np.frombuffer(record.answer_hashes, "<i8")
