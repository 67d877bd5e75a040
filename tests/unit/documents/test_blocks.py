"""Every block of code that names its language is of that language."""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.unit.documents.pages import PAGES, ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
READERS: dict[str, Callable[[str], object]] = {
    "python": ast.parse,
    "toml": tomllib.loads,
    "yaml": YAML(typ="safe").load,
}
PLAIN = {"text", "sh"}
BLOCKS = [
    (page, number, *block)
    for page in PAGES
    for number, block in enumerate(BLOCK.findall(page.read_text("utf-8")), start=1)
]


@pytest.mark.parametrize(
    ("page", "number", "language", "text"),
    [block for block in BLOCKS if block[2] not in PLAIN],
    ids=lambda part: str(part.relative_to(ROOT)) if isinstance(part, Path) else None,
)
def test_a_block_can_be_read(page: Path, number: int, language: str, text: str) -> None:
    READERS[language](text)
