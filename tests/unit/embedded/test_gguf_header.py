"""A GGUF header that counts what is not there is refused, however much it promises."""

import struct
from pathlib import Path

import pytest

from charter_engine.embedded.engine.errors import EngineConfigError
from charter_engine.embedded.gguf_header import ARRAY, MOST_ITEMS, require_whole
from tests.unit.embedded.test_gguf_checkpoint import write_gguf

UINT8, UINT32 = 0, 4


def header(*pairs: bytes, tensors: int = 0, counted: int | None = None, order: str = "<") -> bytes:
    count = len(pairs) if counted is None else counted
    return b"GGUF" + struct.pack(f"{order}IQQ", 3, tensors, count) + b"".join(pairs)


def pair(kind: int, value: bytes) -> bytes:
    return struct.pack("<Q1sI", 1, b"k", kind) + value


def array(kind: int, length: int, items: bytes = b"") -> bytes:
    return pair(ARRAY, struct.pack("<IQ", kind, length) + items)


def test_a_whole_file_is_let_through(tmp_path: Path) -> None:
    require_whole(write_gguf(tmp_path / "model.gguf").read_bytes())


def test_a_big_endian_header_is_read_in_its_order() -> None:
    require_whole(header(order=">"))


@pytest.mark.parametrize(
    "content",
    [
        b"GGUF",
        header(counted=2**60),
        header(tensors=2**60),
        header(pair(UINT32, b"")),
        header(pair(8, struct.pack("<Q", 2**60))),
        header(array(UINT32, 1000)),
        header(array(8, 1000)),
    ],
    ids=["half", "pairs", "tensors", "scalar", "string", "numbers", "strings"],
)
def test_what_is_counted_and_is_not_there_is_told(content: bytes) -> None:
    with pytest.raises(EngineConfigError, match="counts more than the file holds"):
        require_whole(content)


def test_an_array_that_no_vocabulary_needs_is_told() -> None:
    with pytest.raises(EngineConfigError, match=f"an array of {MOST_ITEMS + 1:,} items"):
        require_whole(header(array(UINT8, MOST_ITEMS + 1)))


def test_arrays_within_arrays_end_somewhere() -> None:
    nested = struct.pack("<IQ", ARRAY, 1) * 100_000
    with pytest.raises(EngineConfigError, match="unknown type 9"):
        require_whole(header(pair(ARRAY, nested)))


def test_a_file_of_another_kind_is_told() -> None:
    with pytest.raises(EngineConfigError, match="does not begin with GGUF"):
        require_whole(b"PK\x03\x04" * 10)
