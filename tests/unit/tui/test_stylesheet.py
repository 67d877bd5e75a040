"""The style sheet: read once for each theme."""

from textual.css.model import RuleSet

from charter_tui.stylesheet import ThemedStylesheet

SOURCE = "Label { color: $ink; }"


def read(sheet: ThemedStylesheet, ink: str) -> RuleSet:
    """The one rule, in a theme of that ink."""
    sheet.set_variables({"ink": ink})
    sheet.add_source(SOURCE, read_from=("sheet", ""))
    sheet.reparse()
    (rule,) = sheet.rules
    return rule


def test_a_theme_that_was_shown_before_is_not_read_again() -> None:
    sheet = ThemedStylesheet()
    red = read(sheet, "red")
    assert read(sheet, "blue") is not red
    assert read(sheet, "red") is red
    assert read(ThemedStylesheet(), "red") is red


def test_a_colour_that_changed_is_taken_over() -> None:
    sheet = ThemedStylesheet()
    colours = [read(sheet, ink).styles.color.hex for ink in ("#ff0000", "#0000ff")]
    assert colours == ["#FF0000", "#0000FF"]
