"""Random requests against the reference engine under pressure.

Pools are tiny, both tiers are in use, several requests are in flight, some are cancelled.

Every request is first generated alone, with reuse off, in a pool of its own; then all of them
together with reuse on. Tokens must be the same, and scores the same to the last bit on this machine
(a larger difference than float tolerance fails either way). After each round every block must be
free and all counters must agree.
"""

import os

from charter_engine.embedded.engine.blas import blas_environment

os.environ.update(blas_environment())

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import psutil

from charter_engine.embedded.engine.loading import load_scheduler
from charter_engine.embedded.engine.requests import (
    GenerationRequest,
    RequestProgress,
    TokenSampling,
)
from charter_engine.embedded.engine.scheduler import Scheduler
from charter_engine.embedded.engine.settings import EngineSettings
from charter_engine.embedded.engine.spec import (
    BuildConfig,
    EngineSpec,
    PluginConfig,
    ReferenceConfig,
    TransformerShape,
)
from charter_engine.kvcache import Retention, TokenRange

ROUND = 250
LONGEST = 320
TOLERANCE = 1e-4
SHAPE = TransformerShape(
    vocab_size=64,
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_size=12,
    intermediate_size=64,
    max_position_embeddings=512,
)


@dataclass
class Totals:
    requests: int = 0
    cancelled: int = 0
    tokens: int = 0
    different_tokens: int = 0
    different_bits: int = 0
    largest_difference: float = 0.0
    reused_tokens: int = 0
    prompt_tokens: int = 0
    copies: int = 0
    offloads: int = 0
    onboards: int = 0
    evictions: int = 0
    paused: int = 0
    faults: list[str] = field(default_factory=list)


def engine_spec(chance: random.Random, tokens_per_block: int) -> EngineSpec:
    return EngineSpec(
        pretrained_config=SHAPE,
        build_config=BuildConfig(
            max_batch_size=chance.choice((2, 8, 16)),
            max_seq_len=512,
            max_num_tokens=chance.choice((512, 1024)),
            plugin_config=PluginConfig(tokens_per_block=tokens_per_block),
        ),
        reference_engine=ReferenceConfig(
            chunk_tokens=chance.choice((7, 32, 256)),
            enable_partial_reuse=chance.random() < 0.7,
            copy_on_partial_reuse=chance.random() < 0.7,
            eviction=chance.choice(("leaf", "flat")),
        ),
    )


def engine_settings(chance: random.Random, tokens_per_block: int) -> EngineSettings:
    smallest = -(-LONGEST // tokens_per_block)
    blocks = int(smallest * chance.choice((1.0, 1.3, 2.0, 4.0))) + 1
    bytes_per_block = SHAPE.kv_bytes_per_token(4) * tokens_per_block
    return EngineSettings(
        gpt_model_path="",
        max_tokens_in_paged_kv_cache=blocks * tokens_per_block,
        kv_cache_host_memory_bytes=bytes_per_block * chance.choice((0, 3, smallest, 4 * smallest)),
        batch_scheduler_policy=chance.choice(("guaranteed_no_evict", "max_utilization")),
        enable_chunked_context=chance.random() < 0.6,
    )


def random_request(
    chance: random.Random, number: int, known: Sequence[tuple[int, ...]]
) -> GenerationRequest:
    """A prompt that often begins like, or continues, one that was there before."""
    head: tuple[int, ...] = ()
    if known and chance.random() < 0.85:
        head = chance.choice(known)
        if chance.random() < 0.6:
            head = head[: chance.randint(0, len(head))]
    room = LONGEST - 24 - len(head)
    tail = tuple(
        chance.randrange(2, SHAPE.vocab_size)
        for _ in range(chance.randint(1, max(1, min(room, 60))))
    )
    prompt = (head + tail)[: LONGEST - 24]
    sampling = TokenSampling()
    if chance.random() < 0.3:
        sampling = TokenSampling(
            top_k=chance.choice((0, 5)), top_p=0.9, temperature=1.3, seed=number
        )
    return GenerationRequest(
        request_id=str(number),
        prompt=prompt,
        max_tokens=chance.randint(1, 24),
        sampling=sampling,
        retention=random_retention(chance, len(prompt)) if chance.random() < 0.5 else None,
        return_logits=True,
    )


def random_retention(chance: random.Random, length: int) -> Retention:
    cuts = sorted({chance.randint(0, length) for _ in range(3)})
    ranges = tuple(
        TokenRange(start, end, chance.choice((0, 10, 35, 80, 100)), chance.choice((None, 5, 500)))
        for start, end in pairwise(cuts)
        if chance.random() < 0.7
    )
    return Retention(
        ranges=ranges, decode_priority=chance.choice((0, 35, 90)), decode_duration_ms=None
    )


def alone(scheduler: Scheduler, request: GenerationRequest) -> RequestProgress:
    """The request computed with nothing else running."""
    answers: list[RequestProgress] = []
    scheduler.submit(request, answers.append, 0)
    while not scheduler.idle:
        scheduler.step(0)
    return answers[-1]


def run_round(seed: int, count: int, totals: Totals) -> None:
    chance = random.Random(seed)
    tokens_per_block = chance.choice((2, 4, 8, 16, 32, 64))
    spec = engine_spec(chance, tokens_per_block)
    settings = engine_settings(chance, tokens_per_block)
    directory = Path("/nonexistent")
    plain = msgspec.structs.replace(
        settings, enable_kv_cache_reuse=False, enable_chunked_context=False
    )
    reference = load_scheduler(spec, directory, plain)
    requests: list[GenerationRequest] = []
    expected: list[RequestProgress] = []
    known: list[tuple[int, ...]] = []
    for number in range(count):
        request = random_request(chance, number, known[-40:])
        requests.append(request)
        expected.append(alone(reference, request))
        known.append(request.prompt + expected[-1].tokens)
    scheduler = load_scheduler(spec, directory, settings)
    answers: dict[str, RequestProgress] = {}
    run_together(chance, scheduler, requests, answers, totals)
    compare(seed, requests, expected, answers, totals)
    check_afterwards(seed, scheduler, answers, totals)


def run_together(
    chance: random.Random,
    scheduler: Scheduler,
    requests: Sequence[GenerationRequest],
    answers: dict[str, RequestProgress],
    totals: Totals,
) -> None:
    waiting = list(reversed(requests))
    now, in_flight = 0.0, chance.choice((1, 4, 12, 30))
    while waiting or not scheduler.idle:
        while waiting and len(scheduler.waiting) + len(scheduler.running) < in_flight:
            request = waiting.pop()
            scheduler.submit(request, partial(answers.__setitem__, request.request_id), 0)
            if chance.random() < 0.3:
                break
        if scheduler.running and chance.random() < 0.005:
            scheduler.cancel(chance.choice(scheduler.running).request.request_id)
        now += chance.choice((0.0, 1.0, 7.0))
        scheduler.step(now)
        totals.paused += scheduler.stats.paused


def compare(
    seed: int,
    requests: Sequence[GenerationRequest],
    expected: Sequence[RequestProgress],
    answers: dict[str, RequestProgress],
    totals: Totals,
) -> None:
    for request, want in zip(requests, expected, strict=True):
        got = answers[request.request_id]
        totals.requests += 1
        totals.prompt_tokens += len(request.prompt)
        totals.reused_tokens += got.counters.reused_tokens
        totals.tokens += len(got.tokens)
        count = len(got.tokens)
        if got.finish_reason == "cancelled":
            totals.cancelled += 1
        elif got.finish_reason != want.finish_reason:
            totals.faults.append(
                f"round {seed}: request {request.request_id} ended with {got.finish_reason} "
                f"{got.error}"
            )
        if got.tokens != want.tokens[:count]:
            totals.different_tokens += 1
            totals.faults.append(f"round {seed}: request {request.request_id} has other tokens")
            continue
        for mine, theirs in zip(got.logits, want.logits[:count], strict=True):
            totals.different_bits += int((mine != theirs).any())
            totals.largest_difference = max(
                totals.largest_difference, float(np.abs(mine - theirs).max())
            )


def check_afterwards(
    seed: int, scheduler: Scheduler, answers: dict[str, RequestProgress], totals: Totals
) -> None:
    manager, counters = scheduler.manager, scheduler.manager.counters
    checks = {
        "GPU blocks are free": (manager.free_gpu_blocks, manager.settings.gpu_blocks),
        "host blocks are free": (manager.free_host_blocks, manager.settings.host_blocks),
        "the gauge of free blocks": (scheduler.stats.free_blocks, manager.settings.gpu_blocks),
        "reused blocks of all requests": (
            sum(a.counters.reused for a in answers.values()),
            counters.reused,
        ),
        "missed blocks of all requests": (
            sum(a.counters.missed for a in answers.values()),
            counters.missed,
        ),
        "the gauge of reused blocks": (scheduler.stats.reused_blocks, counters.reused),
    }
    for what, (got, want) in checks.items():
        if got != want:
            totals.faults.append(f"round {seed}: {what}: {got}, not {want}")
    totals.copies += counters.partial_copies
    totals.offloads += counters.offloads
    totals.onboards += counters.onboards
    totals.evictions += sum(counters.evictions_by_priority.values())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    totals, began = Totals(), time.process_time()
    process = psutil.Process()
    memory: list[int] = []
    rounds = -(-chosen.requests // ROUND)
    for index in range(rounds):
        run_round(chosen.seed + index, min(ROUND, chosen.requests - index * ROUND), totals)
        memory.append(process.memory_info().rss)
        if sys.stderr.isatty():
            print(f"\r{totals.requests} of {chosen.requests} requests", end="", file=sys.stderr)
    passed = not totals.faults and totals.largest_difference <= TOLERANCE
    for name, value in vars(totals).items():
        if name != "faults":
            print(f"{name.replace('_', ' ')}: {value}")
    print(f"prompt tokens reused: {totals.reused_tokens / max(1, totals.prompt_tokens):.1%}")
    print(
        f"resident memory after the first and the last round: {memory[0] >> 20} and "
        f"{memory[-1] >> 20} MiB"
    )
    print(f"CPU seconds: {time.process_time() - began:.0f}")
    for fault in totals.faults[:20]:
        print(fault, file=sys.stderr)
    print("passed" if passed else "FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
