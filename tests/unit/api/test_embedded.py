"""What is refused before an embedded Triton starts, and engines that are built for one."""

import json
from pathlib import Path

import pytest

from charter_engine.api import embedded
from charter_engine.contracts.embedded import EmbeddedRequest, EngineBuildRequest
from charter_engine.errors import UsageError


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))


def test_none_is_up_until_one_is_started() -> None:
    assert embedded.status("desk") is None
    assert embedded.down("desk") is False


async def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "notes.txt").touch()
    with pytest.raises(UsageError, match="neither empty nor a repository with tensorrt_llm"):
        await embedded.up(EmbeddedRequest(repository=str(tmp_path / "home")))
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["notes.txt"]


async def test_a_block_size_no_engine_has_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tokens_per_block"):
        await embedded.up(EmbeddedRequest(tokens_per_block=48))
    assert list((tmp_path / "state" / "triton").glob("repository-*")) == []


def test_an_engine_is_built_with_the_block_size_asked_for(tmp_path: Path) -> None:
    request = EngineBuildRequest(directory=str(tmp_path / "engine"), tokens_per_block=16)
    assert embedded.build(request).tokens_per_block == 16
    assert json.loads((tmp_path / "engine" / "config.json").read_text())


def test_a_checkpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    request = EngineBuildRequest(
        directory=str(tmp_path / "engine"), checkpoint=str(tmp_path / "nowhere")
    )
    with pytest.raises(UsageError, match="nowhere"):
        embedded.build(request)
