"""The engine: loads an engine directory, sizes the pool, and runs the scheduler in a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from charter_engine.embedded.engine.arrays import array_module, free_memory_bytes, on_gpu
from charter_engine.embedded.engine.errors import EngineConfigError, InvalidRequest
from charter_engine.embedded.engine.pages import KvPool
from charter_engine.embedded.engine.requests import GenerationRequest, Progress, Sink
from charter_engine.embedded.engine.scheduler import IterationStats, Limits, Scheduler
from charter_engine.embedded.engine.settings import EngineSettings, Warn
from charter_engine.embedded.engine.spec import TOKENIZER_FILE, EngineSpec
from charter_engine.embedded.engine.tokenizer import load_tokenizer, score_bias
from charter_engine.embedded.engine.transformer import Transformer
from charter_engine.embedded.engine.weights import load_weights
from charter_engine.kvcache import BlockManager, PoolSettings

MIN_GPU_BLOCKS = 2


class MemoryUse(Struct, frozen=True, kw_only=True):
    """Bytes: `gpu` weights and GPU pool, `pinned` host pool, `cpu` what else the engine keeps."""

    gpu: int
    pinned: int
    cpu: int


class Engine:
    """A loaded engine. `submit` and `cancel` may be called from any thread; sinks are called from the engine's own."""

    def __init__(
        self, spec: EngineSpec, directory: Path, settings: EngineSettings, warn: Warn = lambda _: None
    ) -> None:
        """Loads everything; raises `EngineConfigError`. Call `start` to begin serving."""
        self.spec, self.settings = spec, settings
        xp = array_module(spec.reference_engine.device)
        if spec.pretrained_config.dtype == "float16" and not on_gpu(xp):
            raise EngineConfigError("dtype float16 needs a GPU with CuPy: build the engine with float32 for the CPU")
        window = settings.max_attention_window_size
        if window is not None and window < spec.build_config.max_seq_len:
            raise EngineConfigError(
                f"max_attention_window_size {window} is below max_seq_len {spec.build_config.max_seq_len}: "
                "the reference engine has no sliding window"
            )
        weights = load_weights(xp, spec, directory)
        item_size = xp.dtype(spec.pretrained_config.dtype).itemsize
        gpu_blocks = pool_blocks(spec, settings, free_memory_bytes(xp), item_size, on_gpu(xp), warn)
        block_bytes = spec.pretrained_config.kv_bytes_per_token(item_size) * spec.tokens_per_block
        host_blocks = settings.kv_cache_host_memory_bytes // block_bytes if settings.kv_cache_onboard_blocks else 0
        pool = KvPool(xp, spec.pretrained_config, spec.tokens_per_block, gpu_blocks, host_blocks)
        reference = spec.reference_engine
        self.manager = BlockManager(
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
        )
        tokenizer = directory / TOKENIZER_FILE
        bias = None
        if reference.weights is None and tokenizer.exists():
            bias = score_bias(load_tokenizer(tokenizer), spec.pretrained_config.vocab_size)
        limits = Limits(
            max_batch_size=spec.build_config.max_batch_size,
            max_num_tokens=spec.build_config.max_num_tokens,
            chunk_tokens=reference.chunk_tokens if settings.enable_chunked_context else None,
            policy=settings.batch_scheduler_policy,
        )
        transformer = Transformer(xp, spec.pretrained_config, weights, pool)
        self.pool = pool
        self.memory = MemoryUse(
            gpu=weights.nbytes + pool.gpu_bytes, pinned=pool.host_bytes, cpu=0 if on_gpu(xp) else weights.nbytes
        )
        self._scheduler = Scheduler(self.manager, pool, transformer, limits, bias, time.time_ns)
        self._warn = warn
        self._wake = threading.Condition()
        self._arrivals: deque[tuple[GenerationRequest, Sink, int]] = deque()
        self._withdrawals: deque[str] = deque()
        self._known: set[str] = set()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    @property
    def stats(self) -> IterationStats:
        """What the last iteration left."""
        return self._scheduler.stats

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End all requests with an error and stop the thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, request: GenerationRequest, sink: Sink) -> None:
        """Queue a request. Raises `InvalidRequest` for one that can never run; nothing is queued then."""
        arrival = time.time_ns()
        request = self._checked(request)
        with self._wake:
            if self._closing:
                raise InvalidRequest("the engine is shutting down")
            if request.request_id in self._known:
                raise InvalidRequest(f"request id {request.request_id} is already running: use another one")
            if self.settings.max_queue_size and len(self._known) >= self.settings.max_queue_size:
                raise InvalidRequest(f"Maximum queue size reached (max_queue_size {self.settings.max_queue_size})")
            self._known.add(request.request_id)
            self._arrivals.append((request, self._forgetting(request.request_id, sink), arrival))
            self._wake.notify()

    def cancel(self, request_id: str) -> None:
        """Withdraw a request; without effect when it is not running."""
        with self._wake:
            self._withdrawals.append(request_id)
            self._wake.notify()

    def _forgetting(self, request_id: str, sink: Sink) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            if progress.finished:
                with self._wake:
                    self._known.discard(request_id)
            sink(progress)

        return report

    def _checked(self, request: GenerationRequest) -> GenerationRequest:
        """The request, its output shortened to the longest sequence the engine was built for, as TensorRT-LLM does."""
        build, shape = self.spec.build_config, self.spec.pretrained_config
        length = len(request.prompt)
        if length == 0:
            raise InvalidRequest("the prompt is empty: input_ids needs at least one token")
        if request.max_tokens < 1:
            raise InvalidRequest(f"request_output_len must be at least 1, not {request.max_tokens}")
        if not 0 <= min(request.prompt) <= max(request.prompt) < shape.vocab_size:
            raise InvalidRequest(f"input_ids must lie in 0..{shape.vocab_size - 1} (the engine's vocabulary)")
        if length >= build.max_seq_len:
            raise InvalidRequest(
                f"Prompt length ({length}) leaves no room for output: max_seq_len is {build.max_seq_len}"
            )
        if length > build.max_num_tokens and not self.settings.enable_chunked_context:
            raise InvalidRequest(
                f"Prompt length ({length}) exceeds max_num_tokens ({build.max_num_tokens}): "
                "shorten it or set enable_chunked_context"
            )
        if length + request.max_tokens > build.max_seq_len:
            self._warn(
                f"request_output_len reduced to {build.max_seq_len - length}: max_seq_len is {build.max_seq_len}"
            )
            request = _shortened(request, build.max_seq_len - length)
        blocks = self._scheduler.blocks_for(length + request.max_tokens)
        if blocks > self.pool.gpu_blocks:
            raise InvalidRequest(
                f"the request needs {blocks} KV cache blocks and the pool has {self.pool.gpu_blocks}: "
                "shorten it or raise max_tokens_in_paged_kv_cache"
            )
        return request

    def _run(self) -> None:
        scheduler = self._scheduler
        while True:
            with self._wake:
                while scheduler.idle and not (self._arrivals or self._withdrawals or self._closing):
                    self._wake.wait()
                arrivals, withdrawals = list(self._arrivals), list(self._withdrawals)
                self._arrivals.clear()
                self._withdrawals.clear()
                closing = self._closing
            for request, sink, arrival in arrivals:
                scheduler.submit(request, sink, arrival)
            for request_id in withdrawals:
                scheduler.cancel(request_id)
            if closing:
                scheduler.fail_all("the engine is shutting down")
                return
            try:
                scheduler.step(time.monotonic() * 1e3)
            except Exception as error:  # one broken iteration must not silence the engine for good
                self._warn(f"iteration failed: {error!r}")
                scheduler.fail_all(f"the engine failed in an iteration: {error!r}")


def _shortened(request: GenerationRequest, max_tokens: int) -> GenerationRequest:
    from dataclasses import replace  # noqa: PLC0415

    return replace(request, max_tokens=max_tokens)


def pool_blocks(
    spec: EngineSpec, settings: EngineSettings, free_bytes: int, item_size: int, gpu: bool, warn: Warn
) -> int:
    """GPU blocks of the pool: TensorRT-LLM's rule, the smaller of the fraction of free memory and the token limit.

    On a CPU the fraction's share is capped by the engine's `max_kv_cache_bytes`. Raises `EngineConfigError` for a pool
    too small to hold anything.
    """
    per_token = spec.pretrained_config.kv_bytes_per_token(item_size)
    budget = int(free_bytes * settings.kv_cache_free_gpu_mem_fraction)
    cap = spec.reference_engine.max_kv_cache_bytes
    if not gpu and settings.max_tokens_in_paged_kv_cache is None and budget > cap:
        warn(
            f"kv_cache_free_gpu_mem_fraction {settings.kv_cache_free_gpu_mem_fraction} of the free main memory would be "
            f"{budget} bytes; capped to max_kv_cache_bytes {cap} of the engine's config.json"
        )
        budget = cap
    tokens = budget // per_token
    if settings.max_tokens_in_paged_kv_cache is not None:
        tokens = min(tokens, settings.max_tokens_in_paged_kv_cache)
    blocks = -(-tokens // spec.tokens_per_block)
    if blocks < MIN_GPU_BLOCKS:
        raise EngineConfigError(
            f"the KV cache pool would have {blocks} blocks of {spec.tokens_per_block} tokens: "
            "raise max_tokens_in_paged_kv_cache or kv_cache_free_gpu_mem_fraction"
        )
    return blocks
