"""The plot in the documents is drawn from the figures that are kept."""

from xml.etree import ElementTree

from scripts.plots import MIDDLE, PLACE, SCALE, Case, drawn, plot


def bars(case: Case) -> list[tuple[float, float]]:
    """Where the two bars of a case begin, and how wide they are."""
    shapes = ElementTree.fromstring(drawn((case,))).iter("{http://www.w3.org/2000/svg}rect")
    return [(float(one.attrib["x"]), float(one.attrib["width"])) for one in shapes][2:]


def test_the_picture_is_what_the_script_draws() -> None:
    assert PLACE.read_text("utf-8") == plot(), "python -m scripts.plots draws it anew"


def test_what_became_shorter_reaches_to_the_left_and_what_became_longer_to_the_right() -> None:
    shorter, longer = bars(Case("documents", -10, 20))
    assert shorter == (MIDDLE - 10 * SCALE, 10 * SCALE)
    assert longer == (MIDDLE, 20 * SCALE)
