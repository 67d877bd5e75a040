"""Machine code that was made before: beside the sources it is of, or in the user's cache."""

from pathlib import Path

import pytest

from charter_engine.kvcache.predict.compiled import kept

CODE = b"code"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one module, and no other place where machine code could be."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    (folder / "serving.py").write_text("serve = 1")
    monkeypatch.setattr(kept, "_HERE", folder)
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("place", ["compiled", "cache"])
def test_it_is_found_until_a_source_changes(sources: Path, tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(exist_ok=True)
    assert kept.kept_code() is None
    (folder / kept.file_name()).write_bytes(CODE)
    assert kept.kept_code() == CODE
    (sources / "serving.py").write_text("serve = 2")
    assert kept.kept_code() is None


def test_it_is_kept_beside_the_sources_in_place_of_what_others_left(sources: Path) -> None:
    kept.keep(b"of the old sources")
    (sources / "serving.py").write_text("serve = 2")
    kept.keep(CODE)
    assert [file.read_bytes() for file in sources.glob("*.o")] == [CODE]


def test_code_for_another_machine_stays(sources: Path) -> None:
    (sources / "serve-0-other-machine.o").touch()
    kept.keep(CODE)
    assert (sources / "serve-0-other-machine.o").exists()


def test_where_the_sources_lie_in_a_folder_that_cannot_be_written_to_it_is_kept_in_the_cache(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_HERE", tmp_path / "gone")
    kept.keep(CODE)
    assert (tmp_path / "cache" / kept.file_name()).read_bytes() == CODE


def test_where_nothing_can_be_written_to_nothing_is_kept(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "_HERE", tmp_path / "gone")
    (tmp_path / "cache").write_bytes(b"a file")
    kept.keep(CODE)
    assert kept.kept_code() is None
