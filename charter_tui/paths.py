"""Where the console finds its themes and its user's configuration."""

from pathlib import Path

import platformdirs

PACKAGE = Path(__file__).parent


def shipped_themes() -> Path:
    """The themes that come with the package: inside it in a wheel, beside it in a checkout."""
    inside = PACKAGE / "themes"
    return inside if inside.is_dir() else PACKAGE.parent / "themes"


def user_config() -> Path:
    """The user's configuration directory (`XDG_CONFIG_HOME` moves it)."""
    return Path(platformdirs.user_config_dir("charter", appauthor=False))


def user_themes() -> Path:
    """The user's own themes; one named as a shipped theme replaces it."""
    return user_config() / "themes"


def config_file() -> Path:
    """The console's configuration: theme and keymap."""
    return user_config() / "console.toml"
