"""From an engine directory and settings to a scheduler that can serve."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.faulty import FaultyScheduler
from charter_engine.embedded.engine.pages import PagedPool
from charter_engine.embedded.engine.scheduler import Limits, Scheduler
from charter_engine.embedded.engine.settings import EngineSettings, Warn
from charter_engine.embedded.engine.spec import TOKENIZER_FILE, EngineSpec
from charter_engine.embedded.engine.tokenizer import engine_tokenizer, whole_words
from charter_engine.embedded.engine.transformer import Transformer
from charter_engine.embedded.engine.weights import load_weights
from charter_engine.kvcache import BlockManager, PoolSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MIN_GPU_BLOCKS = 2
"""Derived: one for a prompt, and one to generate into."""


class MemoryUse(Struct, frozen=True, kw_only=True):
    """Bytes of main memory: `gpu` is weights and GPU pool, `pinned` the host pool."""

    gpu: int
    pinned: int


def load_scheduler(
    spec: EngineSpec,
    directory: Path,
    settings: EngineSettings,
    warn: Warn = lambda _: None,
    *,
    events: bool = False,
) -> Scheduler:
    """Load weights and set up the pool, which keeps its `events` where they are wanted.

    Raises `EngineConfigError` for what cannot be loaded or served.
    """
    shape, build, reference = spec.pretrained_config, spec.build_config, spec.reference_engine
    window = settings.max_attention_window_size
    if window is not None and window < build.max_seq_len:
        raise EngineConfigError(
            f"max_attention_window_size {window} is below max_seq_len {build.max_seq_len}: "
            "the reference engine has no sliding window"
        )
    weights = load_weights(spec, directory)
    item_size = np.dtype(shape.dtype).itemsize
    free_bytes = psutil.virtual_memory().available
    gpu_blocks = pool_blocks(spec, settings, warn, free_bytes=free_bytes, item_size=item_size)
    block_bytes = shape.kv_bytes_per_token(item_size) * spec.tokens_per_block
    host_blocks = (
        settings.kv_cache_host_memory_bytes // block_bytes
        if settings.kv_cache_onboard_blocks
        else 0
    )
    pool = PagedPool(shape, spec.tokens_per_block, gpu_blocks, host_blocks)
    manager = BlockManager(
        PoolSettings(
            gpu_blocks=gpu_blocks,
            tokens_per_block=spec.tokens_per_block,
            host_blocks=host_blocks,
            reuse=settings.enable_kv_cache_reuse,
            partial_reuse=reference.enable_partial_reuse,
            copy_on_partial_reuse=reference.copy_on_partial_reuse,
            offload_min_priority=reference.secondary_offload_min_priority,
            eviction=reference.eviction,
        ),
        copies=True,
        events=events,
    )
    limits = Limits(
        max_batch_size=build.max_batch_size,
        max_num_tokens=build.max_num_tokens,
        chunk_tokens=reference.chunk_tokens if settings.enable_chunked_context else None,
        policy=settings.batch_scheduler_policy,
    )
    tokenizer = directory / TOKENIZER_FILE
    bias = None
    if reference.weights is None and tokenizer.exists():
        bias = score_bias(engine_tokenizer(tokenizer), shape.vocab_size)
    make: Callable[..., Scheduler] = Scheduler
    if settings.fault is not None:
        warn(f"the cache is corrupted on purpose: {settings.fault.kind}")
        make = partial(FaultyScheduler, fault=settings.fault)
    return make(
        manager,
        pool,
        Transformer(shape, weights, pool),
        limits,
        score_bias=bias,
        clock=time.time_ns,
    )


def score_bias(tokenizer: "Tokenizer", vocab_size: int) -> NDArray[Any]:
    """What to add to a random model's scores so that it speaks in whole words.

    It also keeps the model from ending by itself.
    """
    words = [token for token in whole_words(tokenizer) if token < vocab_size]
    bias = np.full(vocab_size, -np.inf, np.float32)
    if words:
        bias[words] = 0.0
    else:
        bias[:] = 0.0
    return bias


def memory_use(scheduler: Scheduler) -> MemoryUse:
    weights, pool = scheduler.transformer.weights, scheduler.pool
    return MemoryUse(gpu=weights.nbytes + pool.gpu_bytes, pinned=pool.host_bytes)


def pool_blocks(
    spec: EngineSpec,
    settings: EngineSettings,
    warn: Warn,
    *,
    free_bytes: int,
    item_size: int,
) -> int:
    """GPU blocks of the pool, by TensorRT-LLM's rule.

    It is the smaller of the fraction of free memory and the token limit.

    `free_bytes` is the main memory that is available, which belongs to others too: the fraction's
    share of it is capped by the engine's `max_kv_cache_bytes`. Raises `EngineConfigError` for a
    pool too small to hold anything.
    """
    fraction = settings.kv_cache_free_gpu_mem_fraction
    budget = int(free_bytes * fraction)
    cap = spec.reference_engine.max_kv_cache_bytes
    if settings.max_tokens_in_paged_kv_cache is None and budget > cap:
        warn(
            f"kv_cache_free_gpu_mem_fraction {fraction} of the free main memory would be "
            f"{budget} bytes; capped to max_kv_cache_bytes {cap} of the engine's config.json"
        )
        budget = cap
    tokens = budget // spec.pretrained_config.kv_bytes_per_token(item_size)
    if settings.max_tokens_in_paged_kv_cache is not None:
        tokens = min(tokens, settings.max_tokens_in_paged_kv_cache)
    blocks = -(-tokens // spec.tokens_per_block)
    if blocks < MIN_GPU_BLOCKS:
        raise EngineConfigError(
            f"the KV cache pool would have {blocks} blocks of {spec.tokens_per_block} tokens: "
            "raise max_tokens_in_paged_kv_cache or kv_cache_free_gpu_mem_fraction"
        )
    return blocks
