"""Every link of a document leads somewhere."""

from functools import cache
from pathlib import Path

import pytest

from scripts.reference.tables import anchor
from tests.unit.documents.pages import HEADING, PAGES, ROOT, links, prose


@cache
def anchors(page: Path) -> set[str]:
    titles = HEADING.findall(prose(page.read_text("utf-8")))
    return {anchor(title.replace("`", "")) for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for target in links(page):
        place, _, part = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), target
        assert not part or path.suffix != ".md" or part in anchors(path), target


def test_links_are_looked_for() -> None:
    assert sum(len(tuple(links(page))) for page in PAGES) > 100
