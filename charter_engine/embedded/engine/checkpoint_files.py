"""Writes the weights of an engine as a Hugging Face checkpoint, which other servers read too."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.checkpoint import WEIGHTS_FILE
from charter_engine.embedded.engine.spec import CONFIG_FILE, TOKENIZER_FILE, TransformerShape
from charter_engine.embedded.engine.weights import LayerWeights, Weights
from charter_engine.files import write_atomically

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
Tensors = dict[str, NDArray[Any]]


def write_checkpoint(
    directory: Path, shape: TransformerShape, weights: Weights, tokenizer: Path
) -> Path:
    """Write `config.json`, `model.safetensors`, `tokenizer.json` and its configuration into
    `directory`, and return it. Raises `OSError` where it cannot be written."""
    from safetensors.numpy import save

    directory.mkdir(parents=True, exist_ok=True)
    write_atomically(directory / WEIGHTS_FILE, save(tensors_of(shape, weights)))
    write_atomically(directory / TOKENIZER_FILE, tokenizer.read_bytes())
    write_atomically(
        directory / TOKENIZER_CONFIG_FILE,
        msgspec.json.encode({"tokenizer_class": "PreTrainedTokenizerFast"}),
    )
    write_atomically(directory / CONFIG_FILE, msgspec.json.encode(configuration_of(shape)))
    return directory


def configuration_of(shape: TransformerShape) -> dict[str, Any]:
    """The shape as a Llama's `config.json` says it."""
    found: dict[str, Any] = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "torch_dtype": shape.dtype,
        "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "num_key_value_heads": shape.num_key_value_heads,
        "head_dim": shape.head_size,
        "intermediate_size": shape.intermediate_size,
        "rms_norm_eps": shape.norm_epsilon,
        "rope_theta": shape.rotary_base,
        "max_position_embeddings": shape.max_position_embeddings,
        "tie_word_embeddings": shape.share_embedding_table,
        "eos_token_id": shape.end_id,
        "pad_token_id": shape.pad_id,
    }
    if shape.rotary_scaling is not None:
        found["rope_scaling"] = msgspec.to_builtins(shape.rotary_scaling)
    return found


def tensors_of(shape: TransformerShape, weights: Weights) -> Tensors:
    """The weights under Hugging Face's names, output features first. Norms are ones: the engine
    has folded them into the matrices behind them."""
    ones = np.ones(shape.hidden_size, dtype=shape.dtype)
    tensors: Tensors = {
        "model.embed_tokens.weight": np.ascontiguousarray(weights.embedding),
        "model.norm.weight": ones,
    }
    if not shape.share_embedding_table:
        tensors["lm_head.weight"] = np.ascontiguousarray(weights.head.T)
    for index, layer in enumerate(weights.layers):
        place = f"model.layers.{index}."
        tensors |= {f"{place}{name}": value for name, value in _layer(shape, layer).items()}
        tensors[f"{place}input_layernorm.weight"] = ones
        tensors[f"{place}post_attention_layernorm.weight"] = ones
    return tensors


def _layer(shape: TransformerShape, layer: LayerWeights) -> Tensors:
    query = shape.num_attention_heads * shape.head_size
    key = shape.num_key_value_heads * shape.head_size
    parts = {
        "self_attn.q_proj.weight": layer.qkv[:, :query] * shape.head_size**0.5,
        "self_attn.k_proj.weight": layer.qkv[:, query : query + key],
        "self_attn.v_proj.weight": layer.qkv[:, query + key :],
        "self_attn.o_proj.weight": layer.o,
        "mlp.gate_proj.weight": layer.gate_up[:, : shape.intermediate_size],
        "mlp.up_proj.weight": layer.gate_up[:, shape.intermediate_size :],
        "mlp.down_proj.weight": layer.down,
    }
    return {
        name: np.ascontiguousarray(matrix.T.astype(shape.dtype)) for name, matrix in parts.items()
    }
