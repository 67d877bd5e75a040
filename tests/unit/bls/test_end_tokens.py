"""What ends a text is told by the settings beside a tokenizer, and by nothing else."""

import json
from pathlib import Path

import pytest

from charter_engine.bls.end_tokens import EndTokens, read_end_tokens
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path

IDS = {"<|end|>": 2, "<|turn|>": 7, "<|pad|>": 9}


def settings(directory: Path, **files: object) -> Path:
    """A directory with these settings, each file by its name without the ending."""
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
    return directory


def test_the_tokenizers_own_end_comes_first_and_those_for_generation_end_a_text_too(
    tmp_path: Path,
) -> None:
    found = settings(
        tmp_path,
        tokenizer_config={"eos_token": "<|end|>", "pad_token": "<|pad|>"},
        generation_config={"eos_token_id": [2, 7]},
        config={"eos_token_id": 5},
    )
    assert read_end_tokens(found, IDS.get) == EndTokens(end_id=2, pad_id=9, others=(7,))


def test_without_padding_of_the_tokenizers_texts_are_padded_with_their_end(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        tokenizer_config={"eos_token": "<|end|>"},
        generation_config={"pad_token_id": 9},
        config={"pad_token_id": 0},
    )
    assert read_end_tokens(found, IDS.get) == EndTokens(end_id=2, pad_id=2)


def test_padding_alone_ends_no_text(tmp_path: Path) -> None:
    found = settings(tmp_path, tokenizer_config={"pad_token": "<|pad|>"})
    assert read_end_tokens(found, IDS.get) == EndTokens(pad_id=9)


def test_without_one_of_the_tokenizers_the_models_is_taken(tmp_path: Path) -> None:
    found = settings(tmp_path, config={"eos_token_id": [5, 6]})
    assert read_end_tokens(found, IDS.get) == EndTokens(end_id=5, pad_id=5, others=(6,))


def test_the_models_own_end_counts_for_nothing_beside_one_of_the_tokenizers(
    tmp_path: Path,
) -> None:
    found = settings(
        tmp_path, tokenizer_config={"eos_token": "<|end|>"}, config={"eos_token_id": 5}
    )
    assert read_end_tokens(found, IDS.get) == EndTokens(end_id=2, pad_id=2)


@pytest.mark.parametrize(("listed", "end"), [(7, 7), ([7], 2)])
def test_kimi_k2_ends_by_the_one_end_for_generation(
    listed: object, end: int, tmp_path: Path
) -> None:
    found = settings(
        tmp_path,
        tokenizer_config={"eos_token": "<|end|>"},
        generation_config={"eos_token_id": listed},
        config={"model_type": "kimi_k2"},
    )
    assert read_end_tokens(found, IDS.get).end_id == end


def test_a_token_may_stand_in_an_object(tmp_path: Path) -> None:
    found = settings(tmp_path, tokenizer_config={"eos_token": {"content": "<|turn|>"}})
    assert read_end_tokens(found, IDS.get).end_id == 7


@pytest.mark.parametrize(
    "named", [{"eos_token": None}, {"eos_token": "<|unknown|>"}, {"eos_token": 2}, []]
)
def test_where_none_is_named_none_is_known(tmp_path: Path, named: object) -> None:
    found = settings(tmp_path, tokenizer_config=named, generation_config={"eos_token_id": True})
    assert read_end_tokens(found, IDS.get) == EndTokens()


def test_settings_that_cannot_be_read_name_nothing(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_bytes(b"\xff{")
    assert read_end_tokens(tmp_path, IDS.get) == EndTokens()


def test_they_lie_beside_the_file_of_a_tokenizer(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(tokenizer_path().read_bytes())
    settings(tmp_path, tokenizer_config={"eos_token": "<|end|>"})
    assert Tokenizer(file).ends.end_id == Tokenizer(tmp_path).ends.end_id == 0


def test_the_bundled_tokenizer_whose_model_ends_no_text_names_none() -> None:
    assert Tokenizer(tokenizer_path()).ends == EndTokens()
