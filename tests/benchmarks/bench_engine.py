"""The reference engine against its bounds.

What the same matrix products alone cost in NumPy, and what reuse saves.

CPU time throughout, so that a busy machine changes little; every ratio is of two figures of this
run.
"""

import os

from charter_engine.embedded.engine.blas import blas_environment

os.environ.update(blas_environment())

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from charter_engine.embedded.build import build_engine
from charter_engine.embedded.engine.loading import load_scheduler, memory_use
from charter_engine.embedded.engine.pages import TILE, BlockTable
from charter_engine.embedded.engine.requests import GenerationRequest, RequestProgress
from charter_engine.embedded.engine.scheduler import Scheduler
from charter_engine.embedded.engine.settings import EngineSettings
from charter_engine.embedded.engine.spec import EngineSpec
from charter_engine.embedded.engine.transformer import SLICE_ROWS, QuerySpan, attention_rows

DECODE_STEPS = 40
BATCH = 8


def cpu_seconds(*works: Callable[[], object], repeat: int = 4) -> list[float]:
    """The least CPU time of each.

    They run in turns, so that a noisy moment does not fall on one of them only.
    """
    best = [float("inf")] * len(works)
    for _ in range(repeat):
        for index, work in enumerate(works):
            began = time.process_time()
            work()
            best[index] = min(best[index], time.process_time() - began)
    return best


def table(scheduler: Scheduler, tokens: int) -> BlockTable:
    made = BlockTable(scheduler.pool)
    made.grow(list(range(-(-tokens // scheduler.pool.tokens_per_block))), 0)
    return made


def products(scheduler: Scheduler, rows: int, start: int, count: int, head_rows: int) -> None:
    """Only the matrix products of computing tokens [start, start + count), `rows` at a time."""
    shape, weights = scheduler.transformer.shape, scheduler.transformer.weights
    hidden = np.ones((rows, shape.hidden_size), np.float32)
    attended = np.ones((rows, shape.num_attention_heads * shape.head_size), np.float32)
    middle = np.ones((rows, shape.intermediate_size), np.float32)
    for begin in range(start, start + count, rows):
        for index, layer in enumerate(weights.layers):
            hidden @ layer.qkv
            attend_products(scheduler, index, begin, min(rows, start + count - begin))
            attended @ layer.o
            hidden @ layer.gate_up
            middle @ layer.down
    np.ones((head_rows, shape.hidden_size), np.float32) @ weights.head


def attend_products(scheduler: Scheduler, layer: int, start: int, rows: int) -> None:
    shape = scheduler.transformer.shape
    step = attention_rows(shape, start + rows)
    for begin in range(start, start + rows, step):
        part = min(step, start + rows - begin)
        context = -(-(begin + part) // TILE) * TILE
        both = scheduler.pool.layers[layer][:, :context]
        queries = np.ones((part * shape.group_size, shape.head_size), np.float32)
        for head in range(shape.num_key_value_heads):
            (queries @ both[0, :, head].T) @ both[1, :, head]


def prefill(scheduler: Scheduler, tokens: int) -> list[float]:
    """CPU seconds of a prefill, and of its products alone."""
    prompt = [index % 1000 + 2 for index in range(tokens)]
    return cpu_seconds(
        lambda: scheduler.transformer.logits([QuerySpan(table(scheduler, tokens), 0, prompt)]),
        lambda: products(scheduler, SLICE_ROWS, 0, tokens, 1),
    )


def decode(scheduler: Scheduler, context: int, batch: int) -> list[float]:
    """CPU seconds of a decode step of `batch` requests.

    Beside it those of the products of one row, and of a padded one.
    """
    tables = [table(scheduler, context + DECODE_STEPS) for _ in range(batch)]

    def steps() -> None:
        for step in range(DECODE_STEPS):
            scheduler.transformer.logits([QuerySpan(each, context + step, [5]) for each in tables])

    def alone(rows: int) -> None:
        for step in range(DECODE_STEPS):
            products(scheduler, rows, context + step, 1, rows)

    padded = scheduler.transformer.row_multiple
    return [
        spent / DECODE_STEPS
        for spent in cpu_seconds(steps, lambda: alone(1), lambda: alone(padded))
    ]


def first_token(scheduler: Scheduler, prompt: list[int], name: str) -> float:
    """CPU milliseconds from submission to the first token."""
    answers: list[RequestProgress] = []
    began = time.process_time()
    scheduler.submit(
        GenerationRequest(request_id=name, prompt=tuple(prompt), max_tokens=1), answers.append, 0
    )
    while not answers:
        scheduler.step(0)
    return (time.process_time() - began) * 1e3


def reuse(scheduler: Scheduler, tokens: int, shared: float) -> tuple[float, float]:
    """TTFT of a prompt of which a share was computed before, and of one that is new."""
    generator = np.random.default_rng([tokens, int(shared * 100)])
    cold, warm = [], []
    for index in range(5):
        prompt = generator.integers(2, 4096, tokens).tolist()
        cold.append(first_token(scheduler, prompt, f"cold {index}"))
        kept = int(tokens * shared)
        other = prompt[:kept] + generator.integers(2, 4096, tokens - kept).tolist()
        warm.append(first_token(scheduler, other, f"warm {index}"))
    return statistics.median(warm), statistics.median(cold)


def main() -> int:
    spec = EngineSpec()
    settings = EngineSettings(gpt_model_path="", enable_chunked_context=True)
    with tempfile.TemporaryDirectory() as directory:
        build_engine(Path(directory), spec)
        scheduler = load_scheduler(spec, Path(directory), settings)
    memory = memory_use(scheduler)
    shape = spec.pretrained_config
    print(
        f"model: {shape.num_hidden_layers} layers × {shape.hidden_size}, "
        f"vocabulary {shape.vocab_size}"
    )
    pool = scheduler.pool
    print(
        f"pool: {pool.gpu_blocks} blocks of {spec.tokens_per_block} tokens, "
        f"{pool.gpu_bytes >> 20} MiB"
    )
    print(f"weights and pool: {memory.gpu >> 20} MiB")
    print(f"rows of a product: multiples of {scheduler.transformer.row_multiple}")
    for tokens in (512, 2048, 4096):
        spent, bound = prefill(scheduler, tokens)
        print(
            f"prefill of {tokens}: {spent * 1e3:.0f} ms, {bound / spent:.0%} of the products alone "
            "(bar: 60 %)"
        )
    for context in (512, 2048):
        spent, lone, padded = decode(scheduler, context, 1)
        print(
            f"decode step at {context}: {spent * 1e3:.1f} ms, {spent / lone:.1f} × the products of "
            "one row (bar: 3), "
            f"{spent / padded:.1f} × those of {scheduler.transformer.row_multiple} rows"
        )
        many = decode(scheduler, context, BATCH)[0]
        print(
            f"decode step of {BATCH} at {context}: {many * 1e3:.1f} ms, {BATCH / many:.0f} tokens/s"
        )
    for tokens in (512, 2048):
        for shared in (0.0, 0.5, 0.95):
            warm, cold = reuse(scheduler, tokens, shared)
            print(
                f"TTFT of {tokens} tokens, {shared:.0%} shared: {warm:.0f} ms, "
                f"{warm / cold:.2f} of a new prompt"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
