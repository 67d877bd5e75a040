"""Engine directories: written whole, read back, refused with the place and the remedy."""

import json
from pathlib import Path

import msgspec
import pytest
from safetensors.numpy import save_file

from charter_engine.embedded.build import build_engine, build_from_checkpoint
from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.engine.loading import load_scheduler
from charter_engine.embedded.engine.settings import EngineSettings
from charter_engine.embedded.engine.spec import EngineSpec, TransformerShape, read_spec
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from tests.unit.embedded import llama
from tests.unit.embedded.small import generate


def test_an_engine_directory_reads_back_as_built(tmp_path: Path) -> None:
    spec = EngineSpec().with_tokens_per_block(64)
    assert read_spec(build_engine(tmp_path / "new" / "engine", spec)) == spec


def test_the_block_size_stands_where_trtllm_build_puts_it(tmp_path: Path) -> None:
    build_engine(tmp_path, EngineSpec().with_tokens_per_block(128))
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["build_config"]["plugin_config"]["tokens_per_block"] == 128


def test_building_again_replaces_and_leaves_nothing_else_behind(tmp_path: Path) -> None:
    for size in (16, 32):
        build_engine(tmp_path, EngineSpec().with_tokens_per_block(size))
    assert read_spec(tmp_path).tokens_per_block == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "tokenizer.json"]


@pytest.mark.parametrize("size", [0, 1, 3, 48, 2048, -32])
def test_a_block_size_that_is_no_power_of_two_in_range_is_refused_and_nothing_is_written(
    tmp_path: Path, size: int
) -> None:
    with pytest.raises(EngineConfigError, match=f"power of two from 2 to 1024, not {size}"):
        build_engine(tmp_path / "engine", EngineSpec().with_tokens_per_block(size))
    assert not (tmp_path / "engine").exists()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (
            TransformerShape(num_attention_heads=6, num_key_value_heads=4),
            "multiple of num_key_value_heads",
        ),
        (TransformerShape(head_size=33), "head_size must be even"),
        (TransformerShape(end_id=5000), "end_id must be below vocab_size"),
        (TransformerShape(max_position_embeddings=100), "beyond max_position_embeddings 100"),
        (TransformerShape(vocab_size=1000), "set vocab_size to 4096"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(
    tmp_path: Path, shape: TransformerShape, words: str
) -> None:
    with pytest.raises(EngineConfigError, match=words):
        build_engine(tmp_path, EngineSpec(pretrained_config=shape))


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineConfigError, match="file"):
        build_engine(tmp_path / "file" / "engine", EngineSpec())


def test_a_tokenizer_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(EngineConfigError, match="no readable tokenizer"):
        build_engine(tmp_path / "engine", EngineSpec(), tokenizer=tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing"),
        ("", "config.json"),
        ('{"build_config": {"plugin_config": {"tokens_per_block": "32"}}}', r"tokens_per_block"),
        ('{"build_config": {"plugin_config": {"tokens_per_block": 33}}}', "power of two"),
        ('{"pretrained_config": {"dtype": "float16"}}', r"float16.*pretrained_config\.dtype"),
    ],
)
def test_a_damaged_directory_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(EngineConfigError, match=words) as raised:
        read_spec(tmp_path)
    assert "triton build" in str(raised.value)


def checkpoint(directory: Path, **changes: object) -> Path:
    """A tiny random Llama as Hugging Face's tools would save it, with the bundled tokenizer."""
    config = {
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": 4096,
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "eos_token_id": 0,
        **changes,
    }
    directory.mkdir()
    (directory / "config.json").write_text(json.dumps(config))
    shape = TransformerShape(
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_size=6,
        intermediate_size=32,
        share_embedding_table=True,
    )
    save_file(llama.random_tensors(shape, 9), directory / "model.safetensors")
    (directory / "tokenizer.json").write_bytes(tokenizer_path().read_bytes())
    return directory


def test_a_checkpoint_becomes_an_engine_that_generates(tmp_path: Path) -> None:
    engine = build_from_checkpoint(
        tmp_path / "engine", checkpoint(tmp_path / "llama"), tokens_per_block=16
    )
    settings = EngineSettings(gpt_model_path=str(engine), max_tokens_in_paged_kv_cache=512)
    scheduler = load_scheduler(read_spec(engine), engine, settings)
    tokens = generate(scheduler, (5, 6, 7, 8), 6).tokens
    assert len(tokens) == 6
    assert scheduler.score_bias is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel"),
        ({"attention_bias": True}, "bias"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"sliding_window": 100}, "sliding_window"),
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}},
            "only rope_scaling of type llama3",
        ),
        ({"vocab_size": "many"}, r"\$\.vocab_size"),
    ],
)
def test_a_checkpoint_that_would_be_computed_wrongly_is_refused(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    with pytest.raises(EngineConfigError, match=words):
        build_from_checkpoint(tmp_path / "engine", checkpoint(tmp_path / "llama", **change))


def test_a_checkpoint_in_shards_is_refused(tmp_path: Path) -> None:
    (checkpoint(tmp_path / "llama") / "model.safetensors").unlink()
    with pytest.raises(EngineConfigError, match="several shards"):
        build_from_checkpoint(tmp_path / "engine", tmp_path / "llama")


def test_only_what_differs_is_rebuilt() -> None:
    spec = EngineSpec()
    other = spec.with_tokens_per_block(16)
    assert msgspec.structs.replace(other, build_config=spec.build_config) == spec
