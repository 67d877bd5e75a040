"""After a refusal, a failure and a rollback to 0 the repository is what was found.

A Triton without Charter's supervisor starts on it in every mode.
"""

import shutil
import stat
from pathlib import Path

import psutil
import pytest

from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import InvalidInput, TritonError, TritonRefused
from charter_engine.triton.journal import Journal
from charter_engine.triton.release import BLS_CONFIG
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from tests.integration.triton.bare import tritonserver
from tests.integration.triton.pushing import CALLS, deployer, plan_with

COMPILED = "__pycache__"
LOADING = f"loading: {ENGINE_MODEL}:1"
Entry = tuple[bytes | str, int, int, int, int, int]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An operator's own: the engine's model alone, with a comment, a link, a second name for its
    configuration and modes of its own."""
    root = write_embedded_repository(tmp_path / "models", parameters={"max_beam_width": "1"})
    shutil.rmtree(root / BLS_MODEL)
    config = root / ENGINE_MODEL / "config.pbtxt"
    config.write_bytes("# caf\xe9: do not touch\n".encode("latin-1") + config.read_bytes())
    config.rename(root / ENGINE_MODEL / "site.pbtxt")
    (root / ENGINE_MODEL / "site.pbtxt").chmod(0o640)
    config.symlink_to("site.pbtxt")
    (tmp_path / "site-of-all.pbtxt").hardlink_to(root / ENGINE_MODEL / "site.pbtxt")
    return root


def state(root: Path) -> dict[str, Entry]:
    """All that is below a directory and the directory itself, without what the engine's Python
    compiled: content or target, mode, owner, group, links and the time of the last change."""
    return {
        str(path.relative_to(root)): _entry(path)
        for path in (root, *root.rglob("*"))
        if COMPILED not in path.parts and not (path / COMPILED).is_dir()
    }


def _entry(path: Path) -> Entry:
    status = path.lstat()
    content: bytes | str = ""
    if stat.S_ISLNK(status.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(status.st_mode):
        content = path.read_bytes()
    return (
        content,
        status.st_mode,
        status.st_uid,
        status.st_gid,
        status.st_nlink,
        status.st_mtime_ns,
    )


def assert_starts(repository: Path, scratch: Path, *modes: str) -> None:
    for mode in modes:
        directory = scratch / mode
        directory.mkdir()
        with tritonserver(repository, directory, mode) as server:
            assert server.ready, f"{mode}: {server.log.read_text()[-500:]}"


@pytest.mark.parametrize("mode", ["none", "poll"])
async def test_a_server_that_loads_nothing_gets_nothing(
    mode: str, repository: Path, tmp_path: Path
) -> None:
    with tritonserver(repository, tmp_path, mode) as server:
        assert server.ready
        before = state(repository)
        async with TritonClient(server.url) as client:
            with pytest.raises(TritonRefused, match=r"nothing was changed.*model load / unload"):
                await deployer(client, repository).push(plan_with(70), CALLS)
        assert state(repository) == before


async def test_rolled_back_to_0_it_is_what_was_found(repository: Path, tmp_path: Path) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        assert server.ready
        before = state(repository)
        async with TritonClient(server.url) as client:
            ready = deployer(client, repository)
            await ready.push(plan_with(70, kv_cache_free_gpu_mem_fraction=0.4), CALLS)
            assert (repository / ENGINE_MODEL / "config.pbtxt").is_symlink()
            assert b"caf\xe9" in (repository / ENGINE_MODEL / "config.pbtxt").read_bytes()
            await ready.push(plan_with(71), CALLS)
            await ready.rollback(0)
        assert state(repository) == before
        assert not (tmp_path / ".models.charter" / "originals").exists()
    assert_starts(repository, tmp_path, "none", "poll", "all")


async def test_uninstalled_it_is_what_was_found_and_its_history_is_kept_elsewhere(
    repository: Path, tmp_path: Path
) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before, beside = state(repository), set(tmp_path.iterdir())
        async with TritonClient(server.url) as client:
            ready = deployer(client, repository)
            await ready.push(plan_with(70, kv_cache_free_gpu_mem_fraction=0.4), CALLS)
            report = await ready.uninstall()
            assert (state(repository), set(tmp_path.iterdir())) == (before, beside)
            kept = Journal(Path(report.message.rpartition(" is kept in ")[2]))
            assert [item.note for item in kept.history()] == ["as found", "", "uninstalled"]
            assert f"{ENGINE_MODEL} answered a request" in report.verified


async def test_what_was_never_pushed_to_has_nothing_to_take_back_and_gets_no_journal(
    repository: Path, tmp_path: Path
) -> None:
    async with TritonClient("127.0.0.1:1") as client:
        ready = deployer(client, repository)
        for refused in (ready.rollback, ready.adopt, ready.put_back):
            with pytest.raises(InvalidInput, match="nothing was pushed"):
                await refused()
        assert (await ready.uninstall()).message.startswith("nothing was ever pushed")
    assert list(tmp_path.glob(".*.charter")) == []


async def test_uninstalled_while_triton_is_down_its_files_are_what_was_found(
    repository: Path, tmp_path: Path
) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before = state(repository)
        async with TritonClient(server.url) as client:
            await deployer(client, repository).push(
                plan_with(70, kv_cache_free_gpu_mem_fraction=0.4), CALLS
            )
    async with TritonClient(server.url) as client:
        report = await deployer(client, repository).uninstall()
    assert "its files are as they were found" in report.message
    assert state(repository) == before


async def test_a_push_that_fails_leaves_what_was_found(repository: Path, tmp_path: Path) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before = state(repository)
        async with TritonClient(server.url) as client:
            with pytest.raises(TritonError, match="1 blocks of 32 tokens"):
                await deployer(client, repository).push(
                    plan_with(70, max_tokens_in_paged_kv_cache=1), CALLS
                )
        assert state(repository) == before
    assert_starts(repository, tmp_path, "all")


@pytest.mark.parametrize("step", ["staged", f"wrote {BLS_CONFIG}", f"loaded {BLS_MODEL}"])
async def test_a_push_that_is_broken_off_leaves_what_was_found(
    step: str, repository: Path, tmp_path: Path
) -> None:
    def fail(done: str) -> None:
        if done == step:
            raise RuntimeError(step)

    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before = state(repository)
        async with TritonClient(server.url) as client:
            with pytest.raises(RuntimeError, match=step):
                await deployer(client, repository, fail).push(plan_with(70), CALLS)
        assert state(repository) == before


async def test_the_journal_never_lies_in_the_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before = state(repository)
        async with TritonClient(server.url) as client:
            ready = deployer(client, Path())
            await ready.push(plan_with(70), CALLS)
            assert ready.journal.directory == tmp_path / ".models.charter"
            await ready.rollback(0)
        assert state(repository) == before


async def test_a_repository_that_is_not_the_one_served_is_refused_before_any_reload(
    repository: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(repository, copy, symlinks=True)
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        before = state(copy)
        async with TritonClient(server.url) as client:
            loads = server.log.read_text().count(LOADING)
            with pytest.raises(TritonRefused, match="is not the model repository that"):
                await deployer(client, copy).push(
                    plan_with(70, kv_cache_free_gpu_mem_fraction=0.4), CALLS
                )
        assert server.log.read_text().count(LOADING) == loads > 0
        assert state(copy) == before


async def test_a_rollback_that_would_leave_half_a_model_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        async with TritonClient(server.url) as client:
            ready = deployer(client, repository)
            await ready.push(plan_with(70), CALLS)
            (repository / BLS_MODEL / "notes.txt").write_text("mine")
            with pytest.raises(TritonRefused, match=r"files that no push put there: .*notes\.txt"):
                await ready.rollback(0)
            (repository / BLS_MODEL / "notes.txt").unlink()
            await ready.rollback(0)
        assert not (repository / BLS_MODEL).exists()


async def test_an_engine_that_is_dead_is_not_called_verified(
    repository: Path, tmp_path: Path
) -> None:
    with tritonserver(repository, tmp_path, "explicit", [ENGINE_MODEL]) as server:
        async with TritonClient(server.url) as client:
            ready = deployer(client, repository)
            await ready.push(plan_with(70), CALLS)
            kill_stub(server.process, ENGINE_MODEL)
            with pytest.raises(TritonError) as failed:
                await ready.push(plan_with(71), CALLS)
    assert "revision 1 is loaded again, but answers no request" in failed.value.message
    assert "verified" not in failed.value.message


def kill_stub(server: int, model: str) -> None:
    """End the process in which a server runs a model of Python."""
    for child in psutil.Process(server).children(recursive=True):
        if any(f"/{model}/1/model.py" in argument for argument in child.cmdline()):
            child.kill()
