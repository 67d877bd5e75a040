"""Where the console finds its themes."""

from pathlib import Path

from charter_engine.paths import user_config

PACKAGE = Path(__file__).parent


def shipped_themes() -> Path:
    """The themes that come with the package: inside it in a wheel, beside it in a checkout."""
    inside = PACKAGE / "themes"
    return inside if inside.is_dir() else PACKAGE.parent / "themes"


def user_themes() -> Path:
    """The user's own themes; one named as a shipped theme replaces it."""
    return user_config() / "themes"
