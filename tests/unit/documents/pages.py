"""The documents, their links and the command lines that they show."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
PROGRAMS = ("charter-engine", "charter-tui")
BLOCK = re.compile(r"(?:^ {4,}.*\n?)+|^```\w*\n(?:.*\n)*?```$", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class CommandLine:
    """A command line as a page shows it; `whole` where it stands in a block, as it is typed."""

    page: Path
    words: tuple[str, ...]
    whole: bool


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", text)


def links(page: Path) -> Iterator[str]:
    """Where a page leads to within the repository."""
    for target in LINK.findall(INLINE.sub("", prose(page.read_text("utf-8")))):
        if not target.startswith(("http://", "https://", "mailto:")):
            yield target


def command_lines(page: Path) -> Iterator[CommandLine]:
    """Every call of the two programs that a page shows."""
    text = page.read_text("utf-8")
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            for part in re.split(r"&&|;|\|(?= )", line.partition("  #")[0]):
                yield from _command_line(page, part, whole=True)
    for code in INLINE.findall(prose(text)):
        yield from _command_line(page, code, whole=False)


def _command_line(page: Path, text: str, whole: bool) -> Iterator[CommandLine]:
    words = tuple(text.partition(" -- ")[0].split())
    if words[:1] and words[0] in PROGRAMS:
        yield CommandLine(page, words, whole)
