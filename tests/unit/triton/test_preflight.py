"""What a push knows before it touches anything."""

import json
from pathlib import Path

import pytest

from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.triton.errors import InvalidInput
from charter_engine.triton.preflight import require_own_tokenizer

OWN = tokenizer_path().read_text()


def directory(path: Path, tokenizer: str = OWN, vocabulary: int | None = None) -> str:
    """A directory with a tokenizer, and an engine's configuration where a vocabulary is given."""
    path.mkdir()
    (path / "tokenizer.json").write_text(tokenizer)
    if vocabulary is not None:
        config = {"pretrained_config": {"vocab_size": vocabulary}}
        (path / "config.json").write_text(json.dumps(config))
    return str(path)


def other_tokenizer() -> str:
    """The same with two tokens exchanged."""
    document = json.loads(OWN)
    vocabulary = document["model"]["vocab"]
    one, other = list(vocabulary)[300:302]
    vocabulary[one], vocabulary[other] = vocabulary[other], vocabulary[one]
    return json.dumps(document)


def test_a_copy_of_the_deployments_tokenizer_is_its_own(tmp_path: Path) -> None:
    given, named = directory(tmp_path / "a"), directory(tmp_path / "b", vocabulary=4096)
    require_own_tokenizer(given, named, {"gpt_model_path": named, "tokenizer_dir": named})


@pytest.mark.parametrize("key", ["tokenizer_dir", "gpt_model_path"])
def test_another_tokenizer_than_the_engines_is_refused(tmp_path: Path, key: str) -> None:
    given, engine = directory(tmp_path / "a", other_tokenizer()), directory(tmp_path / "b")
    with pytest.raises(InvalidInput, match=f"--tokenizer {given} is not the tokenizer of this"):
        require_own_tokenizer(given, None, {key: engine})


def test_more_tokens_than_the_engine_knows_are_refused(tmp_path: Path) -> None:
    engine = directory(tmp_path / "b", vocabulary=100)
    (tmp_path / "b" / "tokenizer.json").unlink()
    with pytest.raises(InvalidInput, match="has 4096 tokens, and the engine knows 100"):
        require_own_tokenizer(directory(tmp_path / "a"), None, {"gpt_model_path": engine})


def test_what_is_no_tokenizer_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"--tokenizer .*no readable tokenizer\.json"):
        require_own_tokenizer(str(tmp_path), None, {})


def test_what_cannot_be_read_from_here_is_not_compared(tmp_path: Path) -> None:
    require_own_tokenizer(directory(tmp_path / "a"), None, {"gpt_model_path": "/engines/far"})
