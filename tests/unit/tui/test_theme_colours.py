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
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
"""What of red, green and blue light is seen (Machado, Oliveira and Fernandes 2009, severity 1)."""
GROUPS = (
    ("success", "warning", "error", "label-assumed"),
    ("label-measured", "label-predicted", "label-assumed", "draft"),
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


def linear(value: int) -> float:
    """The light of a value of sRGB, 0 to 1 (IEC 61966-2-1)."""
    part = value / 255
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def encoded(light: float) -> int:
    """The value of sRGB of so much light."""
    part = min(1.0, max(0.0, light))
    shown = part * 12.92 if part <= 0.0031308 else 1.055 * part ** (1 / 2.4) - 0.055
    return round(255 * shown)


def luminance(colour: Color) -> float:
    red, green, blue = map(linear, colour.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen(colour: Color, by: str) -> Lab:
    light = [linear(value) for value in colour.rgb]
    red, green, blue = (
        encoded(sum(share * value for share, value in zip(row, light, strict=True)))
        for row in MATRICES[by]
    )
    return rgb_to_lab(Color(red, green, blue))


def test_six_themes_are_shipped() -> None:
    kinds = ("dark", "light", "contrast", "colourblind", "mono", "transparent")
    assert set(THEMES) == {f"charter-{kind}" for kind in kinds}


@pytest.mark.parametrize("name", sorted(THEMES))
def test_everything_written_can_be_read_on_every_ground_of_the_theme(name: str) -> None:
    theme = THEMES[name]
    for on in (theme.background, theme.surface, theme.panel):
        low = {
            name: found
            for name, colour in colours(theme).items()
            if (found := contrast(colour, ground(on or ""))) < READABLE
        }
        assert not low, (on, low)


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
