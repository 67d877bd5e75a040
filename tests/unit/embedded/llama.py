"""A straightforward Llama in float64, written from the architecture's definition.

Nothing is cached, nothing folded.
"""

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.spec import TransformerShape

Tensors = dict[str, NDArray[np.float32]]


def random_tensors(shape: TransformerShape, seed: int) -> Tensors:
    """Tensors under Hugging Face's names, as a checkpoint holds them (output features first)."""
    generator = np.random.default_rng(seed)
    query, key = (
        shape.num_attention_heads * shape.head_size,
        shape.num_key_value_heads * shape.head_size,
    )
    hidden, middle = shape.hidden_size, shape.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocab_size, hidden)}
    for index in range(shape.num_hidden_layers):
        place = f"model.layers.{index}."
        shapes |= {
            f"{place}self_attn.q_proj.weight": (query, hidden),
            f"{place}self_attn.k_proj.weight": (key, hidden),
            f"{place}self_attn.v_proj.weight": (key, hidden),
            f"{place}self_attn.o_proj.weight": (hidden, query),
            f"{place}mlp.gate_proj.weight": (middle, hidden),
            f"{place}mlp.up_proj.weight": (middle, hidden),
            f"{place}mlp.down_proj.weight": (hidden, middle),
        }
    tensors = {
        name: (generator.standard_normal(size) / size[-1] ** 0.5).astype(np.float32)
        for name, size in shapes.items()
    }
    norms = [f"model.layers.{i}.{name}" for i in range(shape.num_hidden_layers) for name in
             ("input_layernorm.weight", "post_attention_layernorm.weight")]  # fmt: skip
    for name in [*norms, "model.norm.weight"]:
        tensors[name] = generator.uniform(0.5, 1.5, hidden).astype(np.float32)
    if not shape.share_embedding_table:
        tensors["lm_head.weight"] = generator.standard_normal((shape.vocab_size, hidden)).astype(
            np.float32
        )
    return tensors


def logits(shape: TransformerShape, tensors: Tensors, tokens: list[int]) -> NDArray[np.float64]:
    """The scores behind every token, (tokens, vocabulary)."""
    w = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    x = w["model.embed_tokens.weight"][tokens]
    heads, kv_heads, size = shape.num_attention_heads, shape.num_key_value_heads, shape.head_size
    for index in range(shape.num_hidden_layers):
        place = f"model.layers.{index}."
        h = _norm(x, w[f"{place}input_layernorm.weight"], shape.norm_epsilon)
        q = _turn(shape, (h @ w[f"{place}self_attn.q_proj.weight"].T).reshape(-1, heads, size))
        k = _turn(shape, (h @ w[f"{place}self_attn.k_proj.weight"].T).reshape(-1, kv_heads, size))
        v = (h @ w[f"{place}self_attn.v_proj.weight"].T).reshape(-1, kv_heads, size)
        attended = np.zeros_like(q)
        for position in range(len(tokens)):
            for head in range(heads):
                shared = head // (heads // kv_heads)
                scores = k[: position + 1, shared] @ q[position, head] / size**0.5
                weights = np.exp(scores - scores.max())
                attended[position, head] = weights @ v[: position + 1, shared] / weights.sum()
        x = x + attended.reshape(len(tokens), -1) @ w[f"{place}self_attn.o_proj.weight"].T
        h = _norm(x, w[f"{place}post_attention_layernorm.weight"], shape.norm_epsilon)
        gate, up = h @ w[f"{place}mlp.gate_proj.weight"].T, h @ w[f"{place}mlp.up_proj.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[f"{place}mlp.down_proj.weight"].T
    head_weight = w[
        "model.embed_tokens.weight" if shape.share_embedding_table else "lm_head.weight"
    ]
    scores_of_all: NDArray[np.float64] = (
        _norm(x, w["model.norm.weight"], shape.norm_epsilon) @ head_weight.T
    )
    return scores_of_all


def _norm(
    x: NDArray[np.float64], weight: NDArray[np.float64], epsilon: float
) -> NDArray[np.float64]:
    normed: NDArray[np.float64] = (
        x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * weight
    )
    return normed


def _turn(shape: TransformerShape, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotary positions by complex numbers.

    Element i and i + half are one number, turned by position × frequency.
    """
    half = shape.head_size // 2
    frequency = shape.rotary_base ** (-2.0 * np.arange(half) / shape.head_size)
    turn = np.exp(1j * np.outer(np.arange(len(x)), frequency))[:, None, :]
    turned = (x[..., :half] + 1j * x[..., half:]) * turn
    return np.concatenate([turned.real, turned.imag], axis=-1)
