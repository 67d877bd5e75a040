"""The configuration file and theme files, good and bad."""

from pathlib import Path

import pytest

from charter_tui.config import load_config
from charter_tui.paths import shipped_themes
from charter_tui.theme import (
    VARIABLE_DEFAULTS,
    ThemeError,
    ThemeFolder,
    load_theme,
    load_themes,
)
from charter_tui.widgets.tones import tone_styles

IDS = {"app.run_plan", "tuning.push"}


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_the_defaults_stand(tmp_path: Path) -> None:
    config = load_config(tmp_path / "none.toml", IDS)
    assert config.theme is None
    assert not config.keymap
    assert not config.warnings


def test_theme_columns_and_keymap_are_read(tmp_path: Path) -> None:
    text = 'theme = "charter-light"\ncolumns = "ttft, trend"\n[keymap]\n"app.run_plan" = "f5"\n'
    config = load_config(written(tmp_path / "c.toml", text), IDS)
    assert config.theme == "charter-light"
    assert config.columns == ("ttft", "trend")
    assert config.keymap == {"app.run_plan": "f5"}
    assert not config.warnings


@pytest.mark.parametrize(("text", "seconds"), [("hold", None), ("5s", 5.0), ("1m30s", 90.0)])
def test_how_often_it_draws_without_the_focus_is_read(
    tmp_path: Path, text: str, seconds: float | None
) -> None:
    config = load_config(written(tmp_path / "c.toml", f'unfocused = "{text}"'), IDS)
    assert config.unfocused == seconds
    assert not config.warnings


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("theme = ", "c.toml"),
        ("theme = 3", "theme must be a name"),
        ('them = "x"', "did you mean 'theme'"),
        ("columns = 3", "columns must be names"),
        ('columns = "tren"', "did you mean 'trend'"),
        ('unfocused = "0s"', 'must be "hold" or a time'),
        ("unfocused = 5", 'must be "hold" or a time'),
        ('unfocused = "soon"', "such as 30s"),
        ('production = "prod"', "production must be a list"),
        ("read_only = [3]", "read_only must be a list"),
        ('alerts = ["ttft > 2s"]', "alerts must be a table"),
        ('[alerts]\nwhen = "ttft > 2s"', "when must be a list"),
        ('[alerts]\nwhen = ["tfft > 2s"]', "did you mean 'ttft'"),
        ("[alerts]\nbell = 3", "bell must be true or false"),
        ("[alerts]\ncommand = 3", "command must be text"),
        ('[alerts]\nwhn = ["ttft > 2s"]', "did you mean 'when'"),
        ('keymap = "x"', "must be a table"),
        ('[keymap]\n"app.run_pla" = "f5"', "did you mean 'app.run_plan'"),
        ('[keymap]\n"tuning.push" = 5', "tuning.push needs keys"),
    ],
)
def test_a_mistake_is_a_warning_that_names_the_place(
    tmp_path: Path, text: str, warning: str
) -> None:
    config = load_config(written(tmp_path / "c.toml", text), IDS)
    assert len(config.warnings) == 1
    assert warning in config.warnings[0]
    assert "c.toml" in config.warnings[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('theme = "x"\n\nthem = "y"', 3),
        ('theme = "x"\n[keymap]\n"tuning.pus" = "f9"', 3),
        ("[keymap]\n'tuning.push' = 5", 2),
        ('[keymap]\n"tuning.push" = "f9"\n\n[alerts]\n  bell = 3', 5),
        ("\n[colours]\nred = 1", 2),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, text: str, line: int) -> None:
    (warning,) = load_config(written(tmp_path / "c.toml", text), IDS).warnings
    assert f"c.toml:{line}: " in warning


def test_thresholds_are_read_with_how_they_are_told(tmp_path: Path) -> None:
    text = '[alerts]\nwhen = ["pool > 95 %", "hit < 40 %"]\nbell = false\ncommand = "say"\n'
    rules = load_config(written(tmp_path / "c.toml", text), IDS).alerts
    assert [one.words for one in rules.thresholds] == ["pool > 95 %", "hit < 40 %"]
    assert (rules.bell, rules.command) == (False, "say")


def test_a_file_that_is_not_text_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert load_config(path, IDS).warnings


def test_the_shipped_themes_name_every_meaning() -> None:
    themes, warnings = load_themes((shipped_themes(),))
    assert not warnings
    assert {"charter-dark", "charter-light"} <= set(themes)
    for theme in themes.values():
        assert set(VARIABLE_DEFAULTS) <= set(theme.variables)
    assert {theme.dark for theme in themes.values()} == {True, False}


@pytest.mark.parametrize("name", ["charter-dark", "charter-light"])
def test_heat_and_labels_stay_apart(name: str) -> None:
    variables = load_theme(shipped_themes() / f"{name}.toml").variables
    styles = tone_styles({**VARIABLE_DEFAULTS, **variables})
    for group in (
        ("kv-cold", "kv-cool", "kv-warm", "kv-hot"),
        ("measured", "predicted", "assumed"),
    ):
        colours = {styles[tone].color for tone in group}
        assert len(colours) == len(group)


def test_a_users_theme_replaces_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    written(tmp_path / "mine.toml", 'name = "charter-dark"\nprimary = "#ff0000"\n')
    themes, _ = load_themes((shipped_themes(), tmp_path))
    assert themes["charter-dark"].primary == "#ff0000"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "primary is missing"),
        ('primary = "reddish"', "is not a colour"),
        ('primary = "#fff"\nprimry = "#fff"', "unknown key 'primry'"),
        ('primary = "#fff"\nvariables = 3', "variables a table"),
        ("primary", "t.toml"),
    ],
)
def test_a_bad_theme_names_the_file_and_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "t.toml", text)
    with pytest.raises(ThemeError, match=r"t\.toml") as caught:
        load_theme(path)
    assert said in str(caught.value)


def test_a_bad_theme_does_not_keep_the_others_out(tmp_path: Path) -> None:
    written(tmp_path / "bad.toml", "primary")
    themes, warnings = load_themes((shipped_themes(), tmp_path))
    assert themes
    assert len(warnings) == 1


def test_a_theme_that_is_written_while_the_console_is_open_is_told_once(tmp_path: Path) -> None:
    folder = ThemeFolder(tmp_path)
    assert folder.changed() is None
    written(tmp_path / "mine.toml", 'primary = "#ff0000"\n')
    changed = folder.changed()
    assert changed is not None
    assert changed[0]["mine"].primary == "#ff0000"
    assert folder.changed() is None


def test_a_theme_of_the_terminals_own_colours_says_so(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.toml", 'primary = "#fff"\nansi = true\nbackground = "ansi_default"'
    )
    assert load_theme(path).ansi
    with pytest.raises(ThemeError, match="dark and ansi"):
        load_theme(written(tmp_path / "u.toml", 'primary = "#fff"\nansi = 1'))
