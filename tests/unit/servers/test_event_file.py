"""A file of events is read as it grows."""

from contextlib import aclosing
from pathlib import Path

import pytest

from charter_engine.errors import CharterError
from charter_engine.servers import event_file
from charter_engine.servers.event_file import grown_lines


@pytest.fixture(autouse=True)
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file, "BETWEEN_SECONDS", 0.0)


async def test_lines_come_once_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntw")
    async with aclosing(grown_lines(path)) as grown:
        assert await anext(grown) == [b"one"]
        with path.open("ab") as file:
            file.write(b"o\nthree\n")
        assert await anext(grown) == [b"two", b"three"]


async def test_a_file_in_its_place_is_read_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\ntwo\n")
    async with aclosing(grown_lines(path)) as grown:
        await anext(grown)
        path.unlink()
        path.write_bytes(b"new\n")
        assert await anext(grown) == [b"new"]
        path.write_bytes(b"x\n")
        assert await anext(grown) == [b"x"]


async def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CharterError, match="No such file"):
        async with aclosing(grown_lines(tmp_path / "none")) as grown:
            await anext(grown)
