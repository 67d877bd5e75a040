"""The shipped themes can be read, and by people who do not tell all colours apart."""

from itertools import combinations

import pytest
from textual.color import Color, Lab, rgb_to_lab
from textual.theme import Theme

from charter_tui.paths import shipped_themes
from charter_tui.theme import VARIABLE_DEFAULTS, load_themes

THEMES, _ = load_themes((shipped_themes(),))
READABLE = 4.5
VERY_READABLE = 7.0
"""Contrast that WCAG 2.2 asks for, as 1.4.3 and 1.4.6 have it."""
APART = 20.0
"""A distance in CIELAB that nobody overlooks side by side."""
MATRICES = {
    "protanopia": ((0.567, 0.433, 0.0), (0.558, 0.442, 0.0), (0.0, 0.242, 0.758)),
    "deuteranopia": ((0.625, 0.375, 0.0), (0.7, 0.3, 0.0), (0.0, 0.3, 0.7)),
    "tritanopia": ((0.95, 0.05, 0.0), (0.0, 0.433, 0.567), (0.0, 0.475, 0.525)),
}
"""What of red, green and blue is seen, as the Color Oracle's tables have it."""
GROUPS = (
    ("success", "warning", "error"),
    ("label-measured", "label-predicted", "label-assumed"),
    ("kv-cold", "kv-cool", "kv-warm", "kv-hot"),
    ("segment-static", "segment-variable", "segment-upstream", "segment-unknown"),
)
"""Meanings that stand beside each other."""
NAMED = ("primary", "accent", "success", "warning", "error", "foreground")
TERMINALS_OWN = Color.parse("#101010")


def colours(theme: Theme) -> dict[str, Color]:
    """The colours in which a theme writes."""
    own = {name: theme.variables[name] for name in VARIABLE_DEFAULTS}
    return {
        name: Color.parse(value)
        for name, value in {**own, **{name: getattr(theme, name) for name in NAMED}}.items()
    }


def ground(colour: str) -> Color:
    parsed = Color.parse(colour)
    return TERMINALS_OWN if parsed.ansi is not None else parsed


def contrast(one: Color, other: Color) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Color) -> float:
    parts = [value / 255 for value in colour.rgb]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen(colour: Color, by: str) -> Lab:
    red, green, blue = (
        round(sum(share * value for share, value in zip(row, colour.rgb, strict=True)))
        for row in MATRICES[by]
    )
    return rgb_to_lab(Color(red, green, blue))


def test_six_themes_are_shipped() -> None:
    kinds = ("dark", "light", "contrast", "colourblind", "mono", "transparent")
    assert set(THEMES) == {f"charter-{kind}" for kind in kinds}


@pytest.mark.parametrize("name", sorted(THEMES))
def test_everything_written_can_be_read_on_the_themes_ground(name: str) -> None:
    theme = THEMES[name]
    on = ground(theme.background or "")
    low = {name: contrast(colour, on) for name, colour in colours(theme).items()}
    assert min(low.values()) >= READABLE, low


def test_the_high_contrast_theme_is_so_on_every_ground_it_has() -> None:
    theme = THEMES["charter-contrast"]
    for on in (theme.background, theme.surface, theme.panel):
        for colour in colours(theme).values():
            assert contrast(colour, ground(on or "")) >= VERY_READABLE


@pytest.mark.parametrize("by", sorted(MATRICES))
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group[0])
def test_meanings_stay_apart_for_who_sees_fewer_colours(group: tuple[str, ...], by: str) -> None:
    shown = colours(THEMES["charter-colourblind"])
    for one, other in combinations(group, 2):
        first, second = seen(shown[one], by), seen(shown[other], by)
        distance = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5
        assert distance >= APART, (one, other, distance)


def test_the_monochrome_theme_has_greys_alone() -> None:
    for name, colour in colours(THEMES["charter-mono"]).items():
        assert len(set(colour.rgb)) == 1, name


def test_the_transparent_theme_leaves_the_ground_to_the_terminal() -> None:
    theme = THEMES["charter-transparent"]
    assert theme.ansi
    assert Color.parse(theme.background or "").ansi == -1
