"""Compilations kept between runs."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from charter_engine.contracts.graph import CompiledFile
from charter_engine.parser.source.clusters import Importing, clusters
from charter_engine.store import compile_cache, packages
from charter_engine.store.compile_cache import MEMORY_ENTRIES, CompileCache
from charter_engine.store.incremental import Incremental, compile_incrementally

ASK = (
    "class A:\n    def ask(self, q):\n        return self.client.generate(f'Answer in one word: "
    "{q}', max_tokens=5)\n"
)
HELPER = (
    "from openai import OpenAI\n\n\ndef gpt(prompt):\n"
    "    return OpenAI().chat.completions.create(model='m', messages=[{'role': 'user', 'content': "
    "prompt}])\n"
)
USER = "from helper import gpt\n\n\ndef ask(question):\n    return gpt('Answer: ' + question)\n"


def write(path: Path, text: str) -> None:
    """Write a file whose time stamp is old enough to be trusted."""
    path.write_text(text)
    old = time.time() - 10 + len(text) / 1000
    os.utime(path, (old, old))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "agent"
    folder.mkdir()
    write(folder / "alone.py", ASK)
    write(folder / "helper.py", HELPER)
    write(folder / "user.py", USER)
    return folder


def compiled(folder: Path, cache: Path) -> Incremental:
    with CompileCache(cache) as opened:
        return compile_incrementally([str(folder)], opened, workers=1)


def test_an_unchanged_tree_compiles_nothing(folder: Path, tmp_path: Path) -> None:
    first = compiled(folder, tmp_path / "cache")
    second = compiled(folder, tmp_path / "cache")
    assert (first.compiled, second.compiled, second.cached) == (3, 0, 3)
    assert second.result == first.result


def test_a_changed_file_is_compiled_with_those_that_import_it(folder: Path, tmp_path: Path) -> None:
    compiled(folder, tmp_path / "cache")
    write(folder / "helper.py", HELPER.replace("gpt", "gpt").replace("'m'", "'larger'"))
    again = compiled(folder, tmp_path / "cache")
    assert (again.compiled, again.cached) == (2, 1)


def test_imports_are_followed_as_in_an_uncached_compilation(folder: Path, tmp_path: Path) -> None:
    calls = {file.path: file.calls for file in compiled(folder, tmp_path / "cache").result.files}
    assert [call.kind for call in calls[str(folder / "user.py")]] == ["wrapper"]


def test_an_unchanged_folder_is_told_without_looking_its_files_up(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = compiled(folder, tmp_path / "cache")
    looked_up: list[str] = []
    monkeypatch.setattr(CompileCache, "file", lambda _, path: looked_up.append(path))
    assert compiled(folder, tmp_path / "cache").result == first.result
    assert looked_up == []


def test_what_could_not_be_read_is_looked_at_again(folder: Path, tmp_path: Path) -> None:
    (folder / "link.py").symlink_to(tmp_path / "later.py")
    assert compiled(folder, tmp_path / "cache").result.files[2].errors
    write(tmp_path / "later.py", ASK)
    assert not compiled(folder, tmp_path / "cache").result.files[2].errors


def test_a_touched_file_with_equal_content_is_not_compiled_again(
    folder: Path, tmp_path: Path
) -> None:
    compiled(folder, tmp_path / "cache")
    os.utime(folder / "alone.py", (1, 1))
    assert compiled(folder, tmp_path / "cache").compiled == 0


def test_the_manifest_tells_what_was_added_changed_and_removed(
    folder: Path, tmp_path: Path
) -> None:
    compiled(folder, tmp_path / "cache")
    write(folder / "new.py", ASK)
    write(folder / "alone.py", ASK + "\nx = 1\n")
    (folder / "user.py").unlink()
    changes = compiled(folder, tmp_path / "cache").changes
    assert [
        [Path(path).name for path in paths]
        for paths in (changes.added, changes.changed, changes.removed)
    ] == [
        ["new.py"],
        ["alone.py"],
        ["user.py"],
    ]


def test_a_damaged_cache_is_built_anew(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"this is no database" * 1000)
    with CompileCache(tmp_path / "cache") as cache:
        assert "damaged" in cache.notice
        assert compile_incrementally([str(folder)], cache, workers=1).compiled == 3
    assert compiled(folder, tmp_path / "cache").compiled == 0


def test_a_cache_of_another_version_is_ignored(folder: Path, tmp_path: Path) -> None:
    compiled(folder, tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE meta SET value = 999 WHERE name = 'version'")
    assert compiled(folder, tmp_path / "cache").compiled == 3


def test_a_garbled_entry_is_compiled_again(folder: Path, tmp_path: Path) -> None:
    compiled(folder, tmp_path / "cache")
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE result SET compiled = x'00ff00'")
    assert compiled(folder, tmp_path / "cache").compiled == 3


def test_a_place_that_cannot_be_written_only_costs_the_cache(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with CompileCache(tmp_path / "file" / "cache") as cache:
        assert compile_incrementally([str(folder)], cache, workers=1).compiled == 3
        assert "without the cache" in cache.notice


def test_memory_holds_the_latest_entries(tmp_path: Path) -> None:
    with CompileCache(tmp_path / "cache") as cache:
        for number in range(MEMORY_ENTRIES + 20):
            cache.keep_results({str(number): (CompiledFile(path=str(number)),)})
        assert cache.result(str(MEMORY_ENTRIES + 19)) == (
            CompiledFile(path=str(MEMORY_ENTRIES + 19)),
        )
        assert len(cache._memory) == MEMORY_ENTRIES


def test_old_entries_and_gone_files_are_pruned(folder: Path, tmp_path: Path) -> None:
    compiled(folder, tmp_path / "cache")
    (folder / "alone.py").unlink()
    with sqlite3.connect(tmp_path / "cache") as connection:
        connection.execute("UPDATE result SET used_at = 0")
    with CompileCache(tmp_path / "cache") as cache:
        assert cache.prune() == 2 + 1
        assert cache.status().results == 0


def test_status_counts_hits_over_runs(folder: Path, tmp_path: Path) -> None:
    compiled(folder, tmp_path / "cache")
    compiled(folder, tmp_path / "cache")
    with CompileCache(tmp_path / "cache") as cache:
        status = cache.status()
    assert (status.hits, status.misses, status.hit_rate) == (2, 2, 0.5)


def test_many_processes_may_compile_into_one_cache(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from charter_engine.store.compile_cache import CompileCache\n"
        "from charter_engine.store.incremental import compile_incrementally\n"
        "with CompileCache(Path(sys.argv[2])) as cache:\n"
        "    found = compile_incrementally([sys.argv[1]], cache, workers=1)\n"
        "assert len(found.result.files) == 3 and not cache.notice, cache.notice\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), str(tmp_path / "cache")])
        for _ in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0, 0]
    assert compiled(folder, tmp_path / "cache").compiled == 0


def test_a_pool_of_processes_gives_the_same_result(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(14):
        write(folder / f"agent_{number}.py", ASK.replace("one word", f"{number} words"))
    with CompileCache(tmp_path / "a") as cache:
        alone = compile_incrementally([str(folder)], cache, workers=1)
    with CompileCache(tmp_path / "b") as cache:
        pooled = compile_incrementally([str(folder)], cache, workers=2)
        kept = compile_incrementally([str(folder)], cache, workers=2)
    assert pooled.result == alone.result
    written = {msgspec.json.encode(found.result) for found in (alone, pooled, kept)}
    assert len(written) == 1


def test_an_unreadable_file_is_reported_and_the_others_compiled(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "link.py").symlink_to(folder / "nowhere.py")
    files = {
        Path(file.path).name: file for file in compiled(folder, tmp_path / "cache").result.files
    }
    assert files["link.py"].errors
    assert files["alone.py"].calls


def test_a_pipe_and_a_name_that_is_no_text_are_reported_not_waited_for(
    folder: Path, tmp_path: Path
) -> None:
    os.mkfifo(folder / "pipe.py")
    (folder / os.fsdecode(b"odd\xff.py")).write_text(ASK)
    errors = [
        file.errors[0].message
        for file in compiled(folder, tmp_path / "cache").result.files
        if file.errors
    ]
    assert sorted(errors) == [
        "Can't be read: not a regular file.",
        "Can't be read: the file name is not UTF-8.",
    ]


def test_relative_and_absolute_paths_share_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = compiled(folder, tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    relative = compiled(Path("agent"), tmp_path / "cache")
    assert relative.compiled == 0
    assert [file.path for file in relative.result.files] == [
        str(Path(file.path).relative_to(tmp_path)) for file in absolute.result.files
    ]
    assert {call.path for file in relative.result.files for call in file.calls} <= {
        file.path for file in relative.result.files
    }


def test_a_cache_in_memory_ends_with_its_context(folder: Path) -> None:
    with CompileCache(None) as cache:
        assert compile_incrementally([str(folder)], cache, workers=1).compiled == 3
        assert compile_incrementally([str(folder)], cache, workers=1).cached == 3
    with CompileCache(None) as cache:
        assert compile_incrementally([str(folder)], cache, workers=1).compiled == 3


def test_a_locked_cache_costs_only_what_could_not_be_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(folder, tmp_path / "cache")
    monkeypatch.setattr(compile_cache, "BUSY_SECONDS", 0.01)
    write(folder / "new.py", ASK)
    with closing(sqlite3.connect(tmp_path / "cache", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with CompileCache(tmp_path / "cache") as cache:
            found = compile_incrementally([str(folder)], cache, workers=1)
    assert (found.compiled, found.cached) == (1, 3)
    assert "locked" in cache.notice


def test_ids_are_unique_over_clusters_that_do_not_import_each_other(
    folder: Path, tmp_path: Path
) -> None:
    write(folder / "twin.py", ASK)
    files = compiled(folder, tmp_path / "cache").result.files
    ids = {Path(file.path).name: {call.id for call in file.calls} for file in files}
    assert ids["alone.py"] == {"alone.A.ask:3"}
    assert ids["twin.py"] == {"twin.A.ask:3"}


def test_a_package_that_imports_itself_by_name_is_compiled_together(
    folder: Path, tmp_path: Path
) -> None:
    write(folder / "user.py", USER.replace("from helper", "from agent.helper"))
    compiled(folder, tmp_path / "cache")
    write(folder / "helper.py", HELPER.replace("'m'", "'larger'"))
    assert compiled(folder, tmp_path / "cache").compiled == 2


def test_a_file_that_changed_since_it_was_looked_at_is_not_kept_under_its_old_content(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edited_meanwhile(files: Mapping[str, Importing]) -> list[list[str]]:
        write(folder / "alone.py", ASK.replace("one word", "two words"))
        return clusters(files)

    with monkeypatch.context() as patch:
        patch.setattr(packages, "clusters", edited_meanwhile)
        compiled(folder, tmp_path / "cache")
    write(folder / "alone.py", ASK)
    texts = {
        segment.text
        for file in compiled(folder, tmp_path / "cache").result.files
        for call in file.calls
        for segment in call.segments
    }
    assert "Answer in one word: " in texts


def test_threads_and_worker_processes_go_together(folder: Path, tmp_path: Path) -> None:
    for number in range(14):
        write(folder / f"agent_{number}.py", ASK.replace("one word", f"{number} words"))
    with ThreadPoolExecutor(1) as pool, CompileCache(None) as cache:
        alone = compile_incrementally([str(folder)], cache, workers=1).result
        found = pool.submit(with_workers, folder, tmp_path / "cache").result()
    assert found.result == alone


def with_workers(folder: Path, path: Path) -> Incremental:
    with CompileCache(path) as cache:
        return compile_incrementally([str(folder)], cache, workers=2)
