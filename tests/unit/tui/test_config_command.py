"""`charter-tui config` and `charter-tui completions`: what they print, and their exit codes."""

import json
import tomllib
from pathlib import Path

import pytest

from charter_tui.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user whose directories are all below `tmp_path`."""
    for name in ("CONFIG", "STATE", "CACHE", "RUNTIME"):
        directory = tmp_path / name.lower()
        directory.mkdir(mode=0o700)
        monkeypatch.setenv(f"XDG_{name}_{'DIR' if name == 'RUNTIME' else 'HOME'}", str(directory))
    for name in ("CHARTER_STATE", "CHARTER_SOCKET", "CHARTER_CACHE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configured(home: Path, text: str) -> Path:
    path = home / "config" / "charter" / "console.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def test_show_prints_each_value_with_where_it_comes_from(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured(home, '[keymap]\n"app.run_plan" = "f5"\n')
    assert main(["config", "show"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["keymap.app.run_plan", "f5", str(path)] in lines
    assert ["theme", "charter-dark", "default"] in lines
    assert not any(line[0] == "keymap.app.leave" for line in lines)


def test_show_as_json_has_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "--json"]) == 0
    values = {one["key"]: one["value"] for one in json.loads(capsys.readouterr().out)}
    assert values["keymap.app.leave"] == "q"


def test_validate_fails_where_something_is_wrong_and_names_the_place(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured(home, 'theme = "charter-lihgt"\n[keymap]\n"app.run_pla" = "f5"\n')
    assert main(["config", "validate"]) == 1
    said = capsys.readouterr().err
    assert f"{path}:3: keymap: no action 'app.run_pla'; did you mean 'app.run_plan'?" in said
    assert "did you mean 'charter-light'?" in said


def test_validate_is_content_with_a_file_without_mistakes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured(home, 'theme = "charter-mono"\n')
    assert main(["config", "validate"]) == 0
    assert capsys.readouterr().out == f"{path}: nothing is wrong\n"


def test_path_names_what_decides_them(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "path", "--json"]) == 0
    shown = {one["what"]: one for one in json.loads(capsys.readouterr().out)}
    assert shown["configuration"] == {
        "what": "configuration",
        "path": str(home / "config" / "charter" / "console.toml"),
        "source": "XDG_CONFIG_HOME",
        "exists": False,
    }


def test_the_defaults_are_a_configuration_without_mistakes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "defaults"]) == 0
    configured(home, capsys.readouterr().out)
    assert main(["config", "validate"]) == 0


def test_the_schema_has_every_key_of_the_defaults_and_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert main(["config", "defaults"]) == 0
    defaults = tomllib.loads(capsys.readouterr().out)
    assert schema["properties"].keys() == defaults.keys()
    for table in ("alerts", "keymap"):
        of_table = schema["properties"][table]
        assert of_table["properties"].keys() == defaults[table].keys()
        assert of_table["additionalProperties"] is False


def test_the_completions_have_options_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completions", "fish"]) == 0
    script = capsys.readouterr().out
    assert "-l read-only" in script
    assert "-a defaults" in script


def test_a_word_that_is_no_action_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", "sho"])
    assert caught.value.code == 2
    assert "sho" in capsys.readouterr().err
