"""A Llama-family model in a GGUF file, written as a Hugging Face checkpoint.

Weights are dequantised and kept as float16. llama.cpp stores the rows of query and key projections
so that the halves of a rotary pair stand side by side; they go back to where Hugging Face has them
(llama.cpp, convert_hf_to_gguf.py).
"""

from importlib import import_module
from importlib.util import find_spec
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.checkpoint import WEIGHTS_FILE
from charter_engine.embedded.engine.checkpoint_files import TOKENIZER_CONFIG_FILE
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import CONFIG_FILE, TOKENIZER_FILE
from charter_engine.embedded.gguf_header import require_whole
from charter_engine.files import write_atomically

FAMILY = "llama"
CONTROL = 3
"""The type of a token that stands for no text (llama.cpp, llama_token_type)."""
OWN_DIGITS = {"smollm"}
"""Pre-tokenizers that split numbers into digits before GPT-2's own rule."""
PRE_TOKENIZERS = {"gpt-2", "default", *OWN_DIGITS}
NAMES = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def gguf_file(named: str) -> Path:
    """The file of that name, or the one that an installed package of that name holds. Raises
    `EngineConfigError`."""
    path = Path(named)
    if path.is_file():
        return path
    module = named.replace("-", "_")
    spec = find_spec(module) if module.isidentifier() else None
    found = [
        file
        for place in (spec.submodule_search_locations or () if spec else ())
        for file in sorted(Path(place).rglob("*.gguf"))
    ]
    if not found:
        raise EngineConfigError(f"{named} is neither a GGUF file nor a package that holds one")
    return found[0]


def write_gguf_checkpoint(directory: Path, source: Path) -> Path:
    """Write `config.json`, `model.safetensors`, `tokenizer.json` and its configuration of a GGUF
    file into `directory`, and return it. Raises `EngineConfigError` for what cannot be
    converted."""
    model = _Gguf(source)
    tensors = model.tensors()
    directory.mkdir(parents=True, exist_ok=True)
    from safetensors.numpy import save

    write_atomically(directory / WEIGHTS_FILE, save(tensors))
    write_atomically(directory / TOKENIZER_FILE, model.tokenizer().encode())
    write_atomically(
        directory / TOKENIZER_CONFIG_FILE, msgspec.json.encode(model.tokenizer_configuration())
    )
    write_atomically(
        directory / CONFIG_FILE,
        msgspec.json.encode(model.configuration(tied="lm_head.weight" not in tensors)),
    )
    return directory


class _Gguf:
    """A file that is open. Raises `EngineConfigError` for one that is no Llama."""

    def __init__(self, path: Path) -> None:
        try:
            self._gguf = import_module("gguf")
        except ImportError:
            raise EngineConfigError(
                "GGUF files are read by the package gguf: pip install 'charter-kv[gguf]'"
            ) from None
        self._path = path
        try:
            with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
                require_whole(content)
            self._reader = self._gguf.GGUFReader(path)
        except (ValueError, IndexError, KeyError, OSError, EngineConfigError) as error:
            raise EngineConfigError(f"{path} is no GGUF file: {error}") from None
        architecture = self._field("general.architecture", "")
        if architecture != FAMILY:
            raise EngineConfigError(
                f"{path}: its architecture is {architecture!r}, and only {FAMILY} is served"
            )

    def configuration(self, *, tied: bool) -> dict[str, Any]:
        """Its shape as a Llama's `config.json` says it."""
        heads = self._needed("llama.attention.head_count")
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "hidden_act": "silu",
            "torch_dtype": "float16",
            "vocab_size": len(self._needed("tokenizer.ggml.tokens")),
            "hidden_size": self._needed("llama.embedding_length"),
            "num_hidden_layers": self._needed("llama.block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._field("llama.attention.head_count_kv", heads),
            "intermediate_size": self._needed("llama.feed_forward_length"),
            "rms_norm_eps": self._field("llama.attention.layer_norm_rms_epsilon", 1e-5),
            "rope_theta": self._field("llama.rope.freq_base", 10000.0),
            "max_position_embeddings": self._needed("llama.context_length"),
            "tie_word_embeddings": tied,
            "eos_token_id": self._field("tokenizer.ggml.eos_token_id", 0),
            "pad_token_id": self._field("tokenizer.ggml.padding_token_id", None),
        }

    def tensors(self) -> dict[str, NDArray[np.float16]]:
        """The weights under Hugging Face's names, output features first."""
        found = {}
        for tensor in self._reader.tensors:
            try:
                values = self._gguf.dequantize(tensor.data, tensor.tensor_type)
            except NotImplementedError as error:
                raise EngineConfigError(f"{self._path}: {tensor.name}: {error}") from None
            name = self._name(tensor.name)
            found[name] = np.ascontiguousarray(self._unpermuted(name, values).astype(np.float16))
        return found

    def tokenizer(self) -> str:
        """Its byte-level tokenizer as a `tokenizer.json`."""
        from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

        kind = self._field("tokenizer.ggml.model", "")
        rule = self._field("tokenizer.ggml.pre", "default")
        if kind != "gpt2" or rule not in PRE_TOKENIZERS:
            raise EngineConfigError(
                f"{self._path}: its tokenizer is {kind} with {rule}; byte-level ones with "
                f"{', '.join(sorted(PRE_TOKENIZERS))} are read"
            )
        tokens = self._needed("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ")) for merge in self._needed("tokenizer.ggml.merges")]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
        by_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        digits = [pre_tokenizers.Digits(individual_digits=True)] if rule in OWN_DIGITS else []
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, by_bytes])
        tokenizer.decoder = decoders.ByteLevel()
        types = self._needed("tokenizer.ggml.token_type")
        special = [token for token, one in zip(tokens, types, strict=True) if one == CONTROL]
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in special])
        return str(tokenizer.to_str())

    def tokenizer_configuration(self) -> dict[str, Any]:
        """The chat template, and which tokens begin and end a text."""
        tokens = self._needed("tokenizer.ggml.tokens")
        found: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
        if template := self._field("tokenizer.chat_template", ""):
            found["chat_template"] = template
        for name in ("bos", "eos"):
            number = self._field(f"tokenizer.ggml.{name}_token_id", None)
            if number is not None:
                found[f"{name}_token"] = tokens[number]
        return found

    def _field(self, name: str, otherwise: Any) -> Any:
        field = self._reader.fields.get(name)
        return otherwise if field is None else field.contents()

    def _needed(self, name: str) -> Any:
        found = self._field(name, None)
        if found is None:
            raise EngineConfigError(f"{self._path} has no {name}")
        return found

    def _name(self, name: str) -> str:
        if name in NAMES:
            return NAMES[name]
        block, _, rest = name.removeprefix("blk.").partition(".")
        part, _, ending = rest.partition(".")
        if part not in LAYER_NAMES or ending != "weight":
            raise EngineConfigError(f"{self._path}: a tensor {name} is of no Llama")
        return f"model.layers.{block}.{LAYER_NAMES[part]}.weight"

    def _unpermuted(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        heads = self._needed("llama.attention.head_count")
        if name.endswith("k_proj.weight"):
            heads = self._field("llama.attention.head_count_kv", heads)
        elif not name.endswith("q_proj.weight"):
            return values
        rows, columns = values.shape
        pairs = values.reshape(heads, rows // heads // 2, 2, columns)
        return pairs.swapaxes(1, 2).reshape(rows, columns)
