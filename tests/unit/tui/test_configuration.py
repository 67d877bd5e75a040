"""What the console is configured to, where it comes from, and what is wrong with it."""

import tomllib
from pathlib import Path

import pytest

from charter_tui.actions import ACTIONS
from charter_tui.config import Config
from charter_tui.configuration import (
    configured,
    defaults_text,
    places,
    problems,
    settings,
)

FILE = Path("/home/operator/.config/charter/console.toml")
THEMES = {"charter-dark", "charter-light"}


def valued(config: Config, **environment: str) -> dict[str, tuple[str, str]]:
    return {one.key: (one.value, one.source) for one in settings(config, FILE, environment)}


def test_a_value_of_the_file_names_the_file_and_others_are_defaults() -> None:
    shown = valued(Config(theme="charter-light", keymap={"app.run_plan": "f5"}))
    assert shown["theme"] == ("charter-light", str(FILE))
    assert shown["keymap.app.run_plan"] == ("f5", str(FILE))
    assert shown["keymap.app.leave"] == ("q", "default")


@pytest.mark.parametrize(
    ("key", "environment", "value"),
    [
        ("frames a second", {"SSH_CONNECTION": "x"}, ("15", "SSH_CONNECTION")),
        ("frames a second", {"SSH_CONNECTION": "x", "TEXTUAL_FPS": "8"}, ("8", "TEXTUAL_FPS")),
        ("colour", {"NO_COLOR": "1"}, ("none", "NO_COLOR")),
        ("signs", {"LANG": "C"}, ("ASCII", "LANG")),
        ("editor", {"EDITOR": "vim", "VISUAL": "code"}, ("code", "VISUAL")),
    ],
)
def test_a_value_of_the_environment_names_its_variable(
    key: str, environment: dict[str, str], value: tuple[str, str]
) -> None:
    assert valued(Config(), **environment)[key] == value


def test_without_mistakes_nothing_is_wrong() -> None:
    assert not problems(Config(theme="charter-dark", keymap={"app.run_plan": "f5"}), THEMES, ())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (Config(theme="charter-drak"), "did you mean 'charter-dark'?"),
        (Config(keymap={"app.run_plan": "crtl+r"}), "no key 'crtl+r'"),
        (Config(keymap={"app.run_plan": "b"}), "app.run_plan and app.run_baseline"),
        (Config(keymap={"tuning.push": "r"}), "on that screen app.run_plan has no such key"),
    ],
)
def test_what_is_wrong_is_said_with_what_was_probably_meant(config: Config, said: str) -> None:
    (found,) = problems(config, THEMES, ())
    assert said in found


def test_every_default_key_is_known_as_one() -> None:
    keymap = {action.id: action.keys for action in ACTIONS}
    strange = [said for said in problems(Config(keymap=keymap), THEMES, ()) if "no key" in said]
    assert not strange


def test_a_file_of_all_defaults_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "console.toml"
    path.write_text(defaults_text(), encoding="utf-8")
    table = tomllib.loads(defaults_text())
    assert table["keymap"] == {action.id: action.keys for action in ACTIONS}
    assert not configured(path).warnings


def test_a_place_names_what_decides_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    shown = {one.what: one for one in places()}
    assert shown["database"].source == "CHARTER_STATE"
    assert shown["database"].path == str(tmp_path / "state" / "charter.db")
    assert not shown["database"].exists
