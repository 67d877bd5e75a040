"""The transformer's weights: random from a seed, or a Llama-family safetensors file.

Each layer keeps the products it really computes: query, key and value in one matrix, gate and up in
one, the norm weights and the attention scale folded into the matrix behind them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import EngineSpec, TransformerShape


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """The matrices of one layer.

    `qkv` (hidden, (heads + 2 kv heads) × head size), `o` (heads × head size, hidden), `gate_up`
    (hidden, 2 × intermediate), `down` (intermediate, hidden).
    """

    qkv: NDArray[Any]
    o: NDArray[Any]
    gate_up: NDArray[Any]
    down: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Weights:
    """`embedding` (vocabulary, hidden), `head` (hidden, vocabulary)."""

    embedding: NDArray[Any]
    layers: tuple[LayerWeights, ...]
    head: NDArray[Any]

    @property
    def nbytes(self) -> int:
        arrays = [self.embedding, self.head]
        for layer in self.layers:
            arrays += [layer.qkv, layer.o, layer.gate_up, layer.down]
        return sum(int(array.nbytes) for array in arrays)


def load_weights(spec: EngineSpec, directory: Path) -> Weights:
    """The weights the engine directory names.

    Raises `EngineConfigError` for a file that does not fit the shape.
    """
    name = spec.reference_engine.weights
    if name is None:
        return random_weights(spec.pretrained_config, spec.reference_engine.seed)
    return safetensors_weights(spec.pretrained_config, directory / name)


def random_weights(shape: TransformerShape, seed: int) -> Weights:
    """Gaussian weights, the same for a seed on every machine.

    Queries and keys are drawn wider than variance-keeping initialisation would, so that attention
    picks out tokens instead of averaging over all of them: with an average, every prompt would get
    much the same text.
    """

    generator = np.random.default_rng(seed)

    def draw(rows: int, columns: int, gain: float = 1.0) -> NDArray[Any]:
        values = generator.standard_normal((rows, columns), dtype=np.float32)
        return values * np.float32(gain / rows**0.5)

    hidden, middle = shape.hidden_size, shape.intermediate_size
    query = shape.num_attention_heads * shape.head_size
    key = shape.num_key_value_heads * shape.head_size
    embedding = draw(shape.vocab_size, hidden, gain=shape.vocab_size**0.5)
    layers = []
    for _ in range(shape.num_hidden_layers):
        qk, value = draw(hidden, query + key, gain=1.6), draw(hidden, key)
        qk[:, :query] *= shape.head_size**-0.5
        layers.append(
            LayerWeights(
                qkv=np.ascontiguousarray(np.concatenate([qk, value], axis=1)),
                o=draw(query, hidden, gain=2.0),
                gate_up=draw(hidden, 2 * middle),
                down=draw(middle, hidden),
            )
        )
    return Weights(embedding, tuple(layers), draw(hidden, shape.vocab_size, gain=2.0))


def safetensors_weights(shape: TransformerShape, path: Path) -> Weights:
    """Llama weights under Hugging Face's names.

    bfloat16 and float16 tensors are widened to float32.
    """
    tensors = _read_tensors(path)
    hidden, middle = shape.hidden_size, shape.intermediate_size
    query = shape.num_attention_heads * shape.head_size
    key = shape.num_key_value_heads * shape.head_size

    def take(name: str, *expected: int) -> NDArray[Any]:
        if name not in tensors:
            raise EngineConfigError(
                f"{path} has no tensor {name}: not a Llama-family checkpoint, or only one shard"
            )
        tensor = tensors[name]
        if tensor.shape != expected:
            raise EngineConfigError(
                f"{path}: {name} is {tensor.shape}, but config.json makes it {expected}"
            )
        return tensor

    def stored(*parts: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(np.concatenate(parts, axis=0).T.astype(shape.dtype))

    layers = []
    for index in range(shape.num_hidden_layers):
        place = f"model.layers.{index}."
        before_attention = take(f"{place}input_layernorm.weight", hidden)
        before_mlp = take(f"{place}post_attention_layernorm.weight", hidden)
        layers.append(
            LayerWeights(
                qkv=stored(
                    take(f"{place}self_attn.q_proj.weight", query, hidden)
                    * before_attention
                    * shape.head_size**-0.5,
                    take(f"{place}self_attn.k_proj.weight", key, hidden) * before_attention,
                    take(f"{place}self_attn.v_proj.weight", key, hidden) * before_attention,
                ),
                o=stored(take(f"{place}self_attn.o_proj.weight", hidden, query)),
                gate_up=stored(
                    take(f"{place}mlp.gate_proj.weight", middle, hidden) * before_mlp,
                    take(f"{place}mlp.up_proj.weight", middle, hidden) * before_mlp,
                ),
                down=stored(take(f"{place}mlp.down_proj.weight", hidden, middle)),
            )
        )
    embedding = take("model.embed_tokens.weight", shape.vocab_size, hidden)
    head = (
        embedding
        if shape.share_embedding_table
        else take("lm_head.weight", shape.vocab_size, hidden)
    )
    last_norm = take("model.norm.weight", hidden)
    return Weights(embedding.astype(shape.dtype), tuple(layers), stored(head * last_norm))


def _read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Every tensor of a safetensors file as float32."""
    from safetensors import SafetensorError, deserialize

    try:
        entries: Any = deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    except FileNotFoundError:
        raise EngineConfigError(
            f"{path} is missing: the engine directory names it as its weights"
        ) from None
    except SafetensorError as error:
        raise EngineConfigError(
            f"{path} is no readable safetensors file ({error}): copy it again"
        ) from error
    tensors = {}
    for name, entry in entries:
        raw = entry["data"]
        if entry["dtype"] == "BF16":
            wide = np.frombuffer(raw, np.uint16).astype(np.uint32) << 16
            values = wide.view(np.float32)
        elif entry["dtype"] in ("F16", "F32"):
            values = np.frombuffer(raw, "<f2" if entry["dtype"] == "F16" else "<f4").astype(
                np.float32
            )
        else:
            raise EngineConfigError(
                f"{path}: {name} is {entry['dtype']}; only F32, F16 and BF16 can be loaded"
            )
        tensors[name] = values.reshape(entry["shape"])
    return tensors
