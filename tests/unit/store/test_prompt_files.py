"""Text files of an agent's folder: which may be read, and when a compilation must be made anew."""

from pathlib import Path

import pytest

from charter_engine.store.compile_cache import CompileCache
from charter_engine.store.incremental import Incremental, compile_incrementally
from charter_engine.store.prompt_files import MOST_BYTES, FolderFiles

AGENT = """
from pathlib import Path
from openai import OpenAI

RULES = (Path(__file__).parent / "rules.md").read_text()

def work():
    return OpenAI().responses.create(model="m", input=RULES)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    agent = tmp_path / "agent"
    (agent / "inner").mkdir(parents=True)
    (agent / "main.py").write_text(AGENT)
    (agent / "rules.md").write_text("Be brief.")
    (tmp_path / "outside.md").write_text("A secret.")
    return agent


def test_a_file_is_looked_for_from_the_sources_folder_up_to_the_agents(folder: Path) -> None:
    near = str(folder / "inner" / "step.py")
    files = FolderFiles(folder)
    assert files.read("rules.md", near) == (str(folder / "rules.md"), "Be brief.")
    assert files.read("outside.md", near) is None


@pytest.mark.parametrize("path", ["../outside.md", "link.md", "notes.log", "big.md", "a\0.md"])
def test_what_leads_elsewhere_or_is_no_prompt_is_not_read(folder: Path, path: str) -> None:
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    (folder / "notes.log").write_text("text")
    (folder / "big.md").write_bytes(b"x" * (MOST_BYTES + 1))
    files = FolderFiles(folder)
    assert files.read(path, str(folder / "main.py")) is None
    assert files.read(str(folder.parent / "outside.md"), str(folder / "main.py")) is None


def compiled(folder: Path, cache: Path) -> Incremental:
    with CompileCache(cache) as kept:
        return compile_incrementally([str(folder)], kept, workers=1)


def test_a_compilation_depends_on_the_files_that_its_prompts_are_in(
    folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache.sqlite"
    assert compiled(folder, cache).compiled == 1
    assert compiled(folder, cache).cached == 1
    (folder / "rules.md").write_text("Be true.")
    again = compiled(folder, cache)
    assert again.compiled == 1
    assert [s.text for s in again.result.files[0].calls[0].segments] == ["Be true."]


def test_a_file_that_appears_is_read(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache.sqlite"
    (folder / "rules.md").unlink()
    missing = compiled(folder, cache).result.files[0].calls[0].segments
    assert [segment.kind for segment in missing] == ["variable"]
    (folder / "rules.md").write_text("Be brief.")
    found = compiled(folder, cache).result.files[0].calls[0].segments
    assert [segment.text for segment in found] == ["Be brief."]
