"""A GGUF file becomes the checkpoint that it was made of."""

from pathlib import Path
from typing import Any

import gguf
import msgspec
import numpy as np
import pytest

from charter_engine.api import embedded
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.embedded import EngineBuildRequest
from charter_engine.embedded.engine.checkpoint_files import configuration_of, tensors_of
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.spec import TransformerShape
from charter_engine.embedded.engine.weights import random_weights
from charter_engine.embedded.gguf_checkpoint import (
    LAYER_NAMES,
    NAMES,
    gguf_file,
    write_gguf_checkpoint,
)
from charter_engine.errors import UsageError

TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
TOKENS = ["<|end|>", "a", "b", "ab", "1", "2", "Ġ", *map(chr, range(ord("c"), ord("z")))]
SHAPE = TransformerShape(
    vocab_size=len(TOKENS),
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_size=16,
    intermediate_size=96,
    max_position_embeddings=512,
)
TENSORS = tensors_of(SHAPE, random_weights(SHAPE, 3))


def permuted(name: str, values: Any) -> Any:
    """As llama.cpp keeps query and key: the two halves of each head row by row."""
    heads = {"q_proj": SHAPE.num_attention_heads, "k_proj": SHAPE.num_key_value_heads}
    count = next((heads[part] for part in heads if part in name), None)
    if count is None:
        return values
    rows, columns = values.shape
    halves = values.reshape(count, 2, rows // count // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def their_name(name: str) -> str:
    own = {ours: theirs for theirs, ours in NAMES.items()}
    if name in own:
        return own[name]
    _, _, block, part = name.removesuffix(".weight").split(".", 3)
    theirs = next(theirs for theirs, ours in LAYER_NAMES.items() if ours == part)
    return f"blk.{block}.{theirs}.weight"


def write_gguf(path: Path, *, architecture: str = "llama", pre: str = "smollm") -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(SHAPE.num_hidden_layers)
    writer.add_context_length(SHAPE.max_position_embeddings)
    writer.add_embedding_length(SHAPE.hidden_size)
    writer.add_feed_forward_length(SHAPE.intermediate_size)
    writer.add_head_count(SHAPE.num_attention_heads)
    writer.add_head_count_kv(SHAPE.num_key_value_heads)
    writer.add_layer_norm_rms_eps(SHAPE.norm_epsilon)
    writer.add_rope_freq_base(SHAPE.rotary_base)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, *[1] * (len(TOKENS) - 1)])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(0)
    writer.add_chat_template(TEMPLATE)
    for name, values in TENSORS.items():
        writer.add_tensor(their_name(name), permuted(name, values.astype(np.float32)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("gguf")
    return write_gguf_checkpoint(directory / "checkpoint", write_gguf(directory / "m.gguf"))


def test_every_tensor_is_where_hugging_face_has_it(checkpoint: Path) -> None:
    from safetensors.numpy import load_file

    found = load_file(checkpoint / "model.safetensors")
    assert found.keys() == TENSORS.keys()
    for name, values in TENSORS.items():
        assert found[name].dtype == np.float16
        np.testing.assert_allclose(found[name], values, atol=2e-3, err_msg=name)


def test_the_configuration_is_that_of_the_model(checkpoint: Path) -> None:
    found = msgspec.json.decode((checkpoint / "config.json").read_bytes())
    expected = {**configuration_of(SHAPE), "torch_dtype": "float16"}
    del expected["head_dim"], expected["pad_token_id"], expected["rms_norm_eps"]
    assert {name: found[name] for name in expected} == expected
    assert found["rms_norm_eps"] == pytest.approx(SHAPE.norm_epsilon)


def test_the_tokenizer_merges_and_splits_digits_and_knows_what_is_special(checkpoint: Path) -> None:
    tokenizer = Tokenizer(checkpoint)
    assert list(tokenizer.encode("ab12<|end|>", begins_prompt=True)[0]) == [3, 4, 5, 0]
    assert tokenizer.decode([3, 4]) == "ab1"


def test_chat_template_and_end_of_text_are_kept(checkpoint: Path) -> None:
    found = msgspec.json.decode((checkpoint / "tokenizer_config.json").read_bytes())
    assert (found["chat_template"], found["eos_token"]) == (TEMPLATE, "<|end|>")


def test_an_engine_is_built_of_it_that_knows_its_end_and_its_chats(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "m.gguf")
    request = EngineBuildRequest(directory=str(tmp_path / "engine"), gguf=str(source))
    spec = embedded.build(request)
    assert spec.own_end_id == 0
    assert (tmp_path / "engine" / "tokenizer_config.json").is_file()


def test_the_file_of_an_installed_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "llm_tiny"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert gguf_file("llm-tiny") == package / "tiny.gguf"


@pytest.mark.parametrize("named", ["no-such-package", "/no/such/file.gguf", "msgspec", ""])
def test_what_is_neither_a_file_nor_a_package_is_told(named: str) -> None:
    with pytest.raises(EngineConfigError, match="neither a GGUF file nor a package"):
        gguf_file(named)


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"architecture": "qwen2"}, "qwen2"), ({"pre": "llama-bpe"}, "llama-bpe")],
)
def test_a_model_that_would_be_computed_otherwise_is_refused(
    changed: dict[str, str], words: str, tmp_path: Path
) -> None:
    source = write_gguf(tmp_path / "m.gguf", **changed)
    request = EngineBuildRequest(directory=str(tmp_path / "engine"), gguf=str(source))
    with pytest.raises(UsageError, match=words):
        embedded.build(request)


def test_a_file_that_is_no_gguf_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"not at all")
    with pytest.raises(EngineConfigError, match="no GGUF file"):
        write_gguf_checkpoint(tmp_path / "checkpoint", path)
