"""An engine directory: what `charter-engine triton build` fixed.

`config.json` keeps TensorRT-LLM's own shape (`pretrained_config`,
`build_config.plugin_config.tokens_per_block`), so that whoever reads the block size from an engine
directory finds it in the same place here. What only the reference engine knows stands under
`reference_engine`.
"""

from pathlib import Path
from typing import Literal, Self

import msgspec
from msgspec import Struct

from charter_engine.contracts.settings import LARGEST_BLOCK
from charter_engine.embedded.engine.errors import EngineConfigError

CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer.json"


REFERENCE_VERSION = "charter-reference-1"


class RopeScaling(Struct, frozen=True, kw_only=True):
    """Llama 3's stretching of rotary frequencies.

    It is `rope_type` "llama3" of a Hugging Face configuration.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int
    rope_type: Literal["llama3"] = "llama3"


class TransformerShape(Struct, frozen=True, kw_only=True):
    """The transformer. Names are those of TensorRT-LLM's `pretrained_config`."""

    architecture: str = "LlamaForCausalLM"
    dtype: Literal["float32"] = "float32"
    vocab_size: int = 4096
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 8
    num_key_value_heads: int = 2
    head_size: int = 32
    intermediate_size: int = 512
    norm_epsilon: float = 1e-5
    rotary_base: float = 10000.0
    rotary_scaling: RopeScaling | None = None
    max_position_embeddings: int = 8192
    share_embedding_table: bool = False
    end_id: int = 0
    pad_id: int = 1

    @property
    def group_size(self) -> int:
        """Query heads that share one key/value head."""
        return self.num_attention_heads // self.num_key_value_heads

    def kv_bytes_per_token(self, item_size: int) -> int:
        """Bytes of keys and values one token takes in all layers."""
        return self.num_hidden_layers * 2 * self.num_key_value_heads * self.head_size * item_size


class PluginConfig(Struct, frozen=True, kw_only=True):
    tokens_per_block: int = 32
    use_paged_context_fmha: bool = True


class BuildConfig(Struct, frozen=True, kw_only=True):
    """Limits fixed at build time. `max_num_tokens` bounds the tokens one iteration computes."""

    max_batch_size: int = 32
    max_seq_len: int = 8192
    max_num_tokens: int = 8192
    max_beam_width: int = 1
    plugin_config: PluginConfig = PluginConfig()


class ReferenceConfig(Struct, frozen=True, kw_only=True):
    """What only the reference engine knows.

    `weights` is a safetensors file name in the engine directory, or None for random weights from
    `seed`. `max_kv_cache_bytes` caps a pool sized by a fraction of free memory: that is the
    machine's main memory, which belongs to others too. `chunk_tokens` is the size of a prefill
    chunk under `enable_chunked_context`. The reuse switches are those the engine path of
    TensorRT-LLM fixes in code and never offers through Triton.
    """

    weights: str | None = None
    seed: int = 7
    max_kv_cache_bytes: int = 64 * 1024 * 1024
    chunk_tokens: int = 256
    enable_partial_reuse: bool = True
    copy_on_partial_reuse: bool = True
    secondary_offload_min_priority: int = 30
    eviction: Literal["leaf", "flat"] = "leaf"


class EngineSpec(Struct, frozen=True, kw_only=True):
    """All of an engine directory's `config.json`."""

    version: str = REFERENCE_VERSION
    pretrained_config: TransformerShape = TransformerShape()
    build_config: BuildConfig = BuildConfig()
    reference_engine: ReferenceConfig = ReferenceConfig()

    @property
    def is_reference(self) -> bool:
        """Whether it was built for Charter's own engine."""
        return self.version == REFERENCE_VERSION

    @property
    def tokens_per_block(self) -> int:
        return self.build_config.plugin_config.tokens_per_block

    @property
    def own_end_id(self) -> int | None:
        """The token that ends a text of a model with weights of its own; random ones end none."""
        return self.pretrained_config.end_id if self.reference_engine.weights else None

    def with_tokens_per_block(self, tokens_per_block: int) -> Self:
        plugin = PluginConfig(tokens_per_block=tokens_per_block)
        return msgspec.structs.replace(
            self, build_config=msgspec.structs.replace(self.build_config, plugin_config=plugin)
        )


def check_spec(spec: EngineSpec) -> None:
    """Raises `EngineConfigError` naming the first field that cannot be built."""
    shape, build = spec.pretrained_config, spec.build_config
    size = spec.tokens_per_block
    rules = [
        (
            1 < size <= LARGEST_BLOCK and size & (size - 1) == 0,
            f"tokens_per_block must be a power of two from 2 to {LARGEST_BLOCK}, not {size}",
        ),
        (shape.num_hidden_layers > 0, "num_hidden_layers must be at least 1"),
        (
            shape.num_key_value_heads > 0
            and shape.num_attention_heads % shape.num_key_value_heads == 0,
            "num_attention_heads must be a multiple of num_key_value_heads",
        ),
        (
            shape.head_size > 0 and shape.head_size % 2 == 0,
            "head_size must be even (rotary positions turn pairs)",
        ),
        (
            min(shape.hidden_size, shape.intermediate_size) > 0,
            "hidden_size and intermediate_size must be positive",
        ),
        (
            0 <= shape.end_id < shape.vocab_size,
            f"end_id must be below vocab_size, not {shape.end_id}",
        ),
        (
            0 <= shape.pad_id < shape.vocab_size,
            f"pad_id must be below vocab_size, not {shape.pad_id}",
        ),
        (build.max_batch_size > 0, "max_batch_size must be at least 1"),
        (
            build.max_beam_width == 1,
            "max_beam_width must be 1: the reference engine has no beam search",
        ),
        (build.max_seq_len > 1, "max_seq_len must be at least 2"),
        (
            build.max_seq_len <= shape.max_position_embeddings,
            f"max_seq_len {build.max_seq_len} is beyond max_position_embeddings "
            f"{shape.max_position_embeddings}",
        ),
        (build.max_num_tokens > 0, "max_num_tokens must be at least 1"),
        (spec.reference_engine.chunk_tokens > 0, "chunk_tokens must be at least 1"),
        (spec.reference_engine.max_kv_cache_bytes > 0, "max_kv_cache_bytes must be positive"),
    ]
    for holds, message in rules:
        if not holds:
            raise EngineConfigError(message)


def read_spec(directory: Path) -> EngineSpec:
    """The engine directory's configuration. Errors name the file, the field and the remedy."""
    path = directory / CONFIG_FILE
    remedy = f"build the engine directory with `charter-engine triton build {directory}`"
    try:
        spec = msgspec.json.decode(path.read_bytes(), type=EngineSpec)
        check_spec(spec)
    except FileNotFoundError:
        raise EngineConfigError(f"{path} is missing: {remedy}") from None
    except OSError as error:
        raise EngineConfigError(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    except (msgspec.DecodeError, EngineConfigError) as error:
        raise EngineConfigError(f"{path}: {error}; {remedy}") from error
    return spec


def encode_spec(spec: EngineSpec) -> bytes:
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"
