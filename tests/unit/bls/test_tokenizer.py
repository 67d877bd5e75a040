"""A tokenizer is a file, or the directory that holds it; what is neither is refused by name."""

from pathlib import Path

import pytest

from charter_engine.bls.tokenizer import Tokenizer, TokenizerError, load_tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path


def test_a_directory_is_read_by_its_tokenizer_json() -> None:
    in_directory, in_file = Tokenizer(tokenizer_path().parent), Tokenizer(tokenizer_path())
    assert in_directory.encode("Be brief.") == in_file.encode("Be brief.")


@pytest.mark.parametrize("missing", ["nowhere.json", ""])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, missing: str) -> None:
    with pytest.raises(TokenizerError, match=missing or "tokenizer.json"):
        load_tokenizer(tmp_path / missing)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff\xfe", b"not JSON"])
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(content)
    with pytest.raises(TokenizerError, match=str(file)):
        load_tokenizer(tmp_path)
