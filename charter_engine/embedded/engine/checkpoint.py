"""Reads the `config.json` of a Llama-family Hugging Face checkpoint into an `EngineSpec`."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import (
    BuildConfig,
    EngineSpec,
    PluginConfig,
    ReferenceConfig,
    RopeScaling,
    TransformerShape,
)

WEIGHTS_FILE = "model.safetensors"
FAMILY = ("LlamaForCausalLM", "MistralForCausalLM")
LONGEST = 8192
"""Longer contexts than this are not built by default.

`max_seq_len` can be raised in `config.json`.
"""


class HuggingFaceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a Llama-family `config.json` that say what is computed."""

    architectures: tuple[str, ...]
    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_scaling: dict[str, Any] | None = None
    tie_word_embeddings: bool = False
    hidden_act: str = "silu"
    attention_bias: bool = False
    mlp_bias: bool = False
    sliding_window: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None


def checkpoint_spec(directory: Path, tokens_per_block: int = 32) -> EngineSpec:
    """The engine a checkpoint directory makes. Its pool has room for one context at least.

    Raises `EngineConfigError` for what cannot be computed exactly.
    """
    path = directory / "config.json"
    try:
        config = msgspec.json.decode(path.read_bytes(), type=HuggingFaceConfig)
    except OSError as error:
        raise EngineConfigError(f"{path} cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise EngineConfigError(f"{path} is no Llama-family configuration: {error}") from error
    _check(path, config)
    longest = min(config.max_position_embeddings, LONGEST)
    shape, usual = _shape(path, config), ReferenceConfig()
    one_context = longest * shape.kv_bytes_per_token(np.dtype(shape.dtype).itemsize)
    return EngineSpec(
        pretrained_config=shape,
        build_config=BuildConfig(
            max_seq_len=longest,
            max_num_tokens=longest,
            plugin_config=PluginConfig(tokens_per_block=tokens_per_block),
        ),
        reference_engine=ReferenceConfig(
            weights=WEIGHTS_FILE,
            max_kv_cache_bytes=max(usual.max_kv_cache_bytes, one_context),
        ),
    )


def _check(path: Path, config: HuggingFaceConfig) -> None:
    rules = [
        (
            set(config.architectures) & set(FAMILY),
            f"the architecture is {config.architectures}, not one of {FAMILY}",
        ),
        (config.hidden_act == "silu", f"hidden_act is {config.hidden_act}, not silu"),
        (
            not config.attention_bias and not config.mlp_bias,
            "projections with a bias are not supported",
        ),
        (config.sliding_window is None, "sliding_window is not supported"),
    ]
    for holds, message in rules:
        if not holds:
            raise EngineConfigError(f"{path}: {message}")


def _shape(path: Path, config: HuggingFaceConfig) -> TransformerShape:
    end = config.eos_token_id[0] if isinstance(config.eos_token_id, list) else config.eos_token_id
    end_id = 0 if end is None else end
    return TransformerShape(
        architecture=config.architectures[0],
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads or config.num_attention_heads,
        head_size=config.head_dim or config.hidden_size // config.num_attention_heads,
        intermediate_size=config.intermediate_size,
        norm_epsilon=config.rms_norm_eps,
        rotary_base=config.rope_theta,
        rotary_scaling=_scaling(path, config.rope_scaling),
        max_position_embeddings=config.max_position_embeddings,
        share_embedding_table=config.tie_word_embeddings,
        end_id=end_id,
        pad_id=end_id if config.pad_token_id is None else config.pad_token_id,
    )


def _scaling(path: Path, given: dict[str, Any] | None) -> RopeScaling | None:
    if given is None:
        return None
    try:
        return msgspec.convert(given, RopeScaling)
    except msgspec.ValidationError as error:
        raise EngineConfigError(
            f"{path}: only rope_scaling of type llama3 is supported: {error}"
        ) from error
