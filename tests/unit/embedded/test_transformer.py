"""The forward pass: right against a plain Llama, and the same to the last bit however it is cut."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import save_file

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.pages import TILE, BlockTable, PagedPool
from charter_engine.embedded.engine.spec import (
    EngineSpec,
    ReferenceConfig,
    RopeScaling,
    TransformerShape,
)
from charter_engine.embedded.engine.transformer import QuerySpan, Transformer, rotary_frequencies
from charter_engine.embedded.engine.weights import load_weights, random_weights
from tests.unit.embedded import llama
from tests.unit.embedded.small import SHAPE, small_transformer, table

TOKENS = np.random.default_rng(5).integers(2, SHAPE.vocab_size, 2 * TILE + 40).tolist()


def checkpoint_spec(shape: TransformerShape) -> EngineSpec:
    return EngineSpec(
        pretrained_config=shape, reference_engine=ReferenceConfig(weights="model.safetensors")
    )


def whole(transformer: Transformer, tokens: list[int]) -> NDArray[Any]:
    span = QuerySpan(table(transformer, list(range(40))), 0, tokens)
    scores: NDArray[Any] = transformer.logits([span])[0]
    return scores


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("heads", [(4, 2), (4, 4), (6, 1)])
def test_a_safetensors_checkpoint_gives_the_scores_of_a_plain_llama(
    tmp_path: Path, tied: bool, heads: tuple[int, int]
) -> None:
    shape = msgspec.structs.replace(
        SHAPE,
        share_embedding_table=tied,
        num_attention_heads=heads[0],
        num_key_value_heads=heads[1],
    )
    tensors = llama.random_tensors(shape, 1)
    save_file(tensors, tmp_path / "model.safetensors")
    pool = PagedPool(shape, 16, 40)
    transformer = Transformer(shape, load_weights(checkpoint_spec(shape), tmp_path), pool)
    blocks = BlockTable(pool)
    blocks.grow(list(range(30)), 0)
    tokens = TOKENS[: TILE + 20]
    expected = llama.logits(shape, tensors, tokens)
    got = [
        transformer.logits([QuerySpan(blocks, 0, tokens[:9])])[0],
        transformer.logits([QuerySpan(blocks, 9, tokens[9:])])[0],
    ]
    assert np.allclose(got, expected[[8, -1]], rtol=1e-3, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(1, len(TOKENS) - 1), max_size=6).map(lambda cuts: sorted(set(cuts))),
    order=st.randoms(use_true_random=False),
    tokens_per_block=st.sampled_from([2, 16, 256, 512]),
)
def test_scores_do_not_depend_on_chunks_or_on_where_blocks_lie(
    cuts: list[int], order: object, tokens_per_block: int
) -> None:
    transformer = small_transformer(1200 // tokens_per_block + 2, tokens_per_block)
    expected = transformer.logits(
        [QuerySpan(table(transformer, list(range(600 // tokens_per_block + 1))), 0, TOKENS)]
    )
    slots = list(range(1200 // tokens_per_block))
    order.shuffle(slots)  # type: ignore[attr-defined]
    scattered = table(transformer, slots[: -(-len(TOKENS) // tokens_per_block)])
    bounds = [0, *cuts, len(TOKENS)]
    for start, end in pairwise(bounds):
        got = transformer.logits([QuerySpan(scattered, start, TOKENS[start:end])])
    assert (got == expected).all()


def test_scores_do_not_depend_on_what_else_is_in_the_batch() -> None:
    transformer = small_transformer(120)
    expected = whole(transformer, TOKENS)
    tables = [
        table(transformer, list(range(40 + 10 * index, 50 + 10 * index))) for index in range(3)
    ]
    others = [QuerySpan(each, 0, TOKENS[: 7 + index]) for index, each in enumerate(tables)]
    mine = QuerySpan(table(transformer, list(range(40))), 0, TOKENS)
    assert (transformer.logits([others[0], mine, *others[1:]])[1] == expected).all()


def test_a_decode_step_gives_what_a_prefill_gives() -> None:
    transformer = small_transformer(120)
    blocks = table(transformer, list(range(40, 80)))
    transformer.logits([QuerySpan(blocks, 0, TOKENS[:-1])])
    assert (
        transformer.logits([QuerySpan(blocks, len(TOKENS) - 1, TOKENS[-1:])])[0]
        == whole(transformer, TOKENS)
    ).all()


def test_blocks_given_one_by_one_serve_as_well_as_blocks_given_at_once() -> None:
    transformer = small_transformer(200, 4)
    growing = BlockTable(transformer.pool)
    slots = [150 - 2 * index for index in range(75)]
    for position, token in enumerate(TOKENS[:290]):
        if position % 4 == 0:
            growing.grow(slots[: position // 4 + 1], position)
        got = transformer.logits([QuerySpan(growing, position, [token])])
    at_once = table(transformer, slots)
    assert (got == transformer.logits([QuerySpan(at_once, 0, TOKENS[:290])])).all()


def test_very_large_scores_neither_overflow_nor_vanish() -> None:
    weights = random_weights(SHAPE, 3)
    for layer in weights.layers:
        layer.qkv[...] *= 40
    transformer = Transformer(SHAPE, weights, PagedPool(SHAPE, 16, 64))
    assert np.isfinite(whole(transformer, TOKENS)).all()


def test_random_weights_are_the_same_for_a_seed_and_different_for_another() -> None:
    first, again, other = (random_weights(SHAPE, seed) for seed in (3, 3, 4))
    assert (first.layers[1].down == again.layers[1].down).all()
    assert (first.layers[1].down != other.layers[1].down).any()


def test_llama3_scaling_keeps_short_wavelengths_and_stretches_long_ones() -> None:
    scaling = RopeScaling(
        factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192
    )
    shape = TransformerShape(head_size=128, rotary_base=500000.0)
    plain = rotary_frequencies(shape)
    scaled = rotary_frequencies(msgspec.structs.replace(shape, rotary_scaling=scaling))
    assert scaled[0] == plain[0]
    assert scaled[-1] == pytest.approx(plain[-1] / 8)
    assert ((scaled <= plain) & (scaled >= plain / 8.000001)).all()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda tensors: tensors.pop("model.norm.weight"), "no tensor model.norm.weight"),
        (
            lambda tensors: tensors.update({"lm_head.weight": np.zeros((3, 48), np.float32)}),
            "lm_head.weight is",
        ),
        (
            lambda tensors: tensors.update({"model.norm.weight": np.zeros(48, np.int32)}),
            "only F32, F16 and BF16",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(
    tmp_path: Path, damage: object, words: str
) -> None:
    tensors = llama.random_tensors(SHAPE, 1)
    damage(tensors)  # type: ignore[operator]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(EngineConfigError, match=words):
        load_weights(checkpoint_spec(SHAPE), tmp_path)


def test_half_a_checkpoint_is_refused(tmp_path: Path) -> None:
    save_file(llama.random_tensors(SHAPE, 1), tmp_path / "model.safetensors")
    content = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(EngineConfigError, match="no readable safetensors file"):
        load_weights(checkpoint_spec(SHAPE), tmp_path)
