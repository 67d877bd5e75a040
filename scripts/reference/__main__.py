"""Writes every page and table of the reference."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.reference.command_lines import command_lines
from scripts.reference.formats import plan_page, protocol_page, recording_page
from scripts.reference.python_names import python_page
from scripts.reference.settings import settings_page
from scripts.reference.tabled import keys, metrics

DOCUMENTS = Path(__file__).parents[2] / "docs"
MADE = "<!-- Made from the code by `python -m scripts.reference`. -->\n\n"
PAGES: dict[str, Callable[[], str]] = {
    "commands": command_lines,
    "settings": settings_page,
    "plan": plan_page,
    "protocol": protocol_page,
    "recording": recording_page,
    "python": python_page,
}
"""Pages of `docs/reference/`."""
TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "keys": ("console.md", keys),
    "metrics": ("metrics.md", metrics),
}
"""What stands between `<!-- NAME -->` and `<!-- /NAME -->` of a page."""


def made() -> Iterator[tuple[Path, str]]:
    """Every file that holds something of the reference, and what it should hold."""
    for name, page in PAGES.items():
        yield DOCUMENTS / "reference" / f"{name}.md", MADE + page().rstrip() + "\n"
    for name, (place, part) in TABLES.items():
        path = DOCUMENTS / place
        yield path, _with_part(path.read_text("utf-8"), name, part())


def _with_part(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    between = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    assert between.search(text), f"{begin} and {end} are missing"
    return between.sub(lambda _: f"\n{part}", text)


if __name__ == "__main__":
    for path, text in made():
        path.write_text(text, "utf-8")
