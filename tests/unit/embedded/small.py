"""A reference engine small enough to be run thousands of times."""

from pathlib import Path

import msgspec

from charter_engine.embedded.engine.loading import load_scheduler
from charter_engine.embedded.engine.pages import BlockTable, PagedPool
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
from charter_engine.embedded.engine.transformer import Transformer
from charter_engine.embedded.engine.weights import random_weights
from charter_engine.kvcache import Retention

SHAPE = TransformerShape(
    vocab_size=64,
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_size=12,
    intermediate_size=64,
    max_position_embeddings=1024,
)


def small_spec(tokens_per_block: int = 4, **reference: object) -> EngineSpec:
    return EngineSpec(
        pretrained_config=SHAPE,
        build_config=BuildConfig(
            max_batch_size=8,
            max_seq_len=1024,
            max_num_tokens=1024,
            plugin_config=PluginConfig(tokens_per_block=tokens_per_block),
        ),
        reference_engine=ReferenceConfig(**{"chunk_tokens": 16, **reference}),  # type: ignore[arg-type]
    )


def small_scheduler(
    blocks: int, tokens_per_block: int = 4, host_blocks: int = 0, **changes: object
) -> Scheduler:
    """`changes` are of `EngineSettings`."""
    settings = EngineSettings(
        gpt_model_path="",
        max_tokens_in_paged_kv_cache=blocks * tokens_per_block,
        kv_cache_host_memory_bytes=host_blocks * SHAPE.kv_bytes_per_token(4) * tokens_per_block,
    )
    return load_scheduler(
        small_spec(tokens_per_block),
        Path("/nonexistent"),
        msgspec.structs.replace(settings, **changes),
    )


def small_transformer(blocks: int = 64, tokens_per_block: int = 16) -> Transformer:
    pool = PagedPool(SHAPE, tokens_per_block, blocks)
    return Transformer(SHAPE, random_weights(SHAPE, 3), pool)


def table(transformer: Transformer, slots: list[int]) -> BlockTable:
    made = BlockTable(transformer.pool)
    made.grow(slots, 0)
    return made


def request(
    name: str,
    prompt: tuple[int, ...],
    max_tokens: int = 4,
    sampling: TokenSampling | None = None,
    retention: Retention | None = None,
    streaming: bool = False,
) -> GenerationRequest:
    return GenerationRequest(
        request_id=name,
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=sampling or TokenSampling(),
        retention=retention,
        streaming=streaming,
    )


def run(scheduler: Scheduler, *requests: GenerationRequest) -> dict[str, list[RequestProgress]]:
    """Submit all at once and step until nothing is left; what each was told, in order."""
    told: dict[str, list[RequestProgress]] = {each.request_id: [] for each in requests}
    for each in requests:
        scheduler.submit(each, told[each.request_id].append, 0)
    while not scheduler.idle:
        scheduler.step(0)
    return told


def generate(
    scheduler: Scheduler, prompt: tuple[int, ...], max_tokens: int = 4, **changes: object
) -> RequestProgress:
    """One request, alone."""
    single = msgspec_replace(request("only", prompt, max_tokens), **changes)
    return run(scheduler, single)["only"][-1]


def msgspec_replace(one: GenerationRequest, **changes: object) -> GenerationRequest:
    from dataclasses import replace

    return replace(one, **changes)  # type: ignore[arg-type]
