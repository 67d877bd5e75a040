"""Machine code that an earlier process left."""

from pathlib import Path

import pytest

from charter_engine.kvcache.predict.compiled import kept


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one module, and no other place where machine code could be."""
    folder = tmp_path / "compiled"
    folder.mkdir()
    (folder / "serving.py").write_text("serve = 1")
    monkeypatch.setattr(kept, "_HERE", folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "named"))
    return folder


@pytest.mark.parametrize("place", ["compiled/__pycache__", "cache/numba/some", "named/some"])
def test_it_is_found_until_a_source_changes(sources: Path, tmp_path: Path, place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True)
    assert not kept.may_be_kept()
    (folder / f"serving.{kept.entry_name()}-25.py311.nbi").touch()
    assert kept.may_be_kept()
    (sources / "serving.py").write_text("serve = 2")
    assert not kept.may_be_kept()
