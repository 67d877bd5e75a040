"""Sources are found below a folder, and what can't be read leaves the others as they are."""

import os
from pathlib import Path

import pytest

from charter_engine.contracts.graph import CompiledFile
from charter_engine.store.compile_cache import CompileCache
from charter_engine.store.incremental import compile_incrementally
from charter_engine.store.source_files import groups_of, python_files, read_file

GOOD = (
    "import openai\n"
    "openai.ChatCompletion.create(messages=[{'role': 'user', 'content': f'hi {name}'}])\n"
)


def compiled(path: Path) -> tuple[CompiledFile, ...]:
    with CompileCache(None) as cache:
        return compile_incrementally([str(path)], cache).result.files


def test_sources_and_notebooks_are_found_by_name(tmp_path: Path) -> None:
    for name in (
        "b.py",
        "a.ipynb",
        "inner/c.py",
        "notes.txt",
        ".venv/lib.py",
        "x/__pycache__/d.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(Path(path).relative_to(tmp_path)) for path in python_files(str(tmp_path))]
    assert found == ["a.ipynb", "b.py", "inner/c.py"]


def test_a_file_is_a_group_of_its_own_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "script").touch()
    assert groups_of([str(tmp_path / "script"), "nowhere.py"]) == [
        [str(tmp_path / "script")],
        ["nowhere.py"],
    ]


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(str(tmp_path / "pipe.py"))


def test_other_files_of_a_folder_are_compiled_beside_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "bad.py").write_text("def f(:")
    (tmp_path / "loop").symlink_to(tmp_path)
    files = {Path(file.path).name: file for file in compiled(tmp_path)}
    assert len(files["good.py"].calls) == 1
    assert files["bad.py"].errors
    assert len(files) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_has_a_diagnostic(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text(GOOD)
    path.chmod(0)
    assert compiled(path)[0].errors


def test_circular_imports_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from b import *\nfrom b import y\nx = y\n" + GOOD)
    (tmp_path / "b.py").write_text("from a import *\nfrom a import x\ny = x\n")
    assert sum(len(file.calls) for file in compiled(tmp_path)) == 1
