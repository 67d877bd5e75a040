"""What an engine predicts by: times fitted to all that its runs measured."""

from collections.abc import Iterator
from typing import cast

import pytest

from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.live import RequestRecord
from charter_engine.service.predicting import Predicting
from charter_engine.service.workers import WorkerPool

REAL = LatencyModel(overhead=2.0, prefill_per_token=0.5, decode_step=10.0, decode_per_context=0.005)
OUTPUT_TOKENS = 21


def run(begun: float, prompts: range, *, warm: bool) -> Iterator[RequestRecord]:
    """One request after the other, as long as they really take; of a warm cache each computes its
    last token."""
    for prompt in prompts:
        reused = prompt - 1 if warm else 0
        first = REAL.first_token_ms(prompt, reused, 0)
        decoding = (OUTPUT_TOKENS - 1) * REAL.step_ms(prompt + OUTPUT_TOKENS / 2)
        yield RequestRecord(
            run="r",
            node="n",
            item=0,
            started_at=begun,
            prompt_tokens=prompt,
            output_tokens=OUTPUT_TOKENS,
            reused_tokens=reused,
            ttft_ms=first,
            latency_ms=first + decoding,
        )
        begun += (first + decoding) / 1000 + 0.001


@pytest.fixture
def predicting() -> Predicting:
    """It asks nothing of its deployment to fit times."""
    return Predicting(cast("LiveServer", None), WorkerPool())


async def test_a_run_that_computed_nothing_leaves_known_what_computing_takes(
    predicting: Predicting,
) -> None:
    await predicting.calibrate(tuple(run(0.0, range(100, 900, 100), warm=False)))
    await predicting.calibrate(tuple(run(100.0, range(100, 900, 100), warm=True)))
    assert predicting.latency is not None
    assert predicting.latency.prefill_per_token == pytest.approx(REAL.prefill_per_token, rel=0.02)


async def test_a_run_of_alike_prompts_leaves_known_what_longer_contexts_take(
    predicting: Predicting,
) -> None:
    await predicting.calibrate(tuple(run(0.0, range(100, 4100, 500), warm=False)))
    await predicting.calibrate(tuple(run(100.0, range(300, 308), warm=False)))
    assert predicting.latency is not None
    assert predicting.latency.decode_per_context == pytest.approx(REAL.decode_per_context, rel=0.02)


async def test_too_few_requests_leave_the_times_as_they_were(predicting: Predicting) -> None:
    assert not await predicting.calibrate(tuple(run(0.0, range(100, 300, 100), warm=False)))
    assert predicting.latency is None
