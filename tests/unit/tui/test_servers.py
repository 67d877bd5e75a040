"""Servers by the names that the configuration gives, and what the command line makes of them."""

from pathlib import Path

import pytest

from charter_tui.opening import make_app
from charter_tui.options import Options
from charter_tui.servers import given, served
from charter_tui.state import Snapshot
from tests.tui.scene import TRITON


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("127.0.0.1:8000", "127.0.0.1:8000"),
        ("127.0.0.1", "127.0.0.1:8000"),
        ("127.*", "127.0.0.1:8000"),
        ("prod-*", ""),
    ],
)
def test_a_server_is_known_by_its_address_or_host(pattern: str, place: str) -> None:
    assert served(Snapshot(triton=TRITON), (pattern,)) == place


@pytest.mark.parametrize(
    "options",
    [
        Options(triton="prod-1:8001"),
        Options(server="http://prod-1:8000/"),
        Options(servers="test-1:8001,prod-1:8001"),
    ],
)
def test_a_server_of_the_command_line_is_known_however_it_is_given(options: Options) -> None:
    assert given(options, ("prod-*",)).startswith("prod-1:800")
    assert not given(options, ("other",))


@pytest.mark.parametrize(("write", "read_only"), [(False, True), (True, False)])
def test_the_engine_of_a_server_that_is_read_only_is_started_so_unless_write_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: bool, read_only: bool
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "charter").mkdir()
    (tmp_path / "charter" / "console.toml").write_text('read_only = ["prod-*"]')
    app = make_app(Options(triton="prod-1:8001", write=write))
    assert ("--read-only" in app.options.engine_arguments()) is read_only
