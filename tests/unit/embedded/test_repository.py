"""The model repositories that Charter writes."""

from pathlib import Path

import pytest

from charter_engine.embedded.repository import BLS_MODEL, ENGINE_MODEL, write_embedded_repository
from charter_engine.triton.model_config import parameters_in


def test_its_models_find_the_engine_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_embedded_repository(Path("models"))
    for model, key in ((ENGINE_MODEL, "gpt_model_path"), (BLS_MODEL, "tokenizer_dir")):
        config = tmp_path / "models" / model / "config.pbtxt"
        directory = Path(parameters_in(config.read_bytes(), str(config))[key])
        assert directory.is_absolute() and directory.is_dir()
