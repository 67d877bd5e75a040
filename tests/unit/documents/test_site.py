"""Every page stands in the navigation of the site."""

from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from tests.unit.documents.pages import PAGES, ROOT


def placed(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for place in entry.values():
            yield from placed(place) if isinstance(place, list) else (place,)


def test_every_page_stands_in_the_navigation_once() -> None:
    site = YAML(typ="safe").load((ROOT / "mkdocs.yml").read_text("utf-8"))
    pages = [str(page.relative_to(ROOT / "docs")) for page in PAGES if "docs" in page.parts]
    assert sorted(placed(site["nav"])) == sorted(pages)
