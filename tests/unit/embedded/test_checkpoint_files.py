"""The engine's weights as a checkpoint are the same model."""

from pathlib import Path

import numpy as np

from charter_engine.embedded.engine.checkpoint import checkpoint_spec
from charter_engine.embedded.engine.checkpoint_files import write_checkpoint
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.embedded.engine.weights import random_weights, safetensors_weights
from tests.unit.embedded.small import SHAPE


def test_a_checkpoint_is_read_back_as_the_weights_it_was_written_of(tmp_path: Path) -> None:
    weights = random_weights(SHAPE, 5)
    write_checkpoint(tmp_path, SHAPE, weights, tokenizer_path())
    found = safetensors_weights(SHAPE, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(found.embedding, weights.embedding)
    np.testing.assert_array_equal(found.head, weights.head)
    for ours, theirs in zip(found.layers, weights.layers, strict=True):
        np.testing.assert_allclose(ours.qkv, theirs.qkv, rtol=1e-6)
        np.testing.assert_array_equal(ours.o, theirs.o)
        np.testing.assert_array_equal(ours.gate_up, theirs.gate_up)
        np.testing.assert_array_equal(ours.down, theirs.down)


def test_its_configuration_is_read_back_as_the_shape(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, SHAPE, random_weights(SHAPE, 5), tokenizer_path())
    assert checkpoint_spec(tmp_path).pretrained_config == SHAPE


def test_the_pool_of_a_checkpoint_has_room_for_one_context(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, SHAPE, random_weights(SHAPE, 5), tokenizer_path())
    spec = checkpoint_spec(tmp_path)
    tokens = spec.reference_engine.max_kv_cache_bytes // SHAPE.kv_bytes_per_token(4)
    assert tokens >= spec.build_config.max_seq_len
