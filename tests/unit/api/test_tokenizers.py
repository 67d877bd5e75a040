"""The tokenizer an operator names is opened, or refused with what to name instead."""

from pathlib import Path

import pytest

from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.errors import UsageError


def test_without_a_name_it_is_the_embedded_engines() -> None:
    text = "The committee met on Tuesday."
    assert open_tokenizer().encode(text) == open_tokenizer(tokenizer_path()).encode(text)


@pytest.mark.parametrize("content", [None, b"{}"])
def test_what_is_no_tokenizer_is_refused_by_name_with_a_remedy(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=str(file)) as refusal:
        open_tokenizer(file)
    assert refusal.value.remedy == "name a tokenizer.json, or a folder that holds one"
