"""What runs inside Triton stands on its own: it is copied as a package to machines without
Charter."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import charter_engine.bls

MODULES = sorted(Path(charter_engine.bls.__path__[0]).glob("*.py"))
INSIDE_TRITON = ("serving", "tensors")


def imported(module: Path) -> Iterator[str]:
    """The packages a module imports; a dot for those that are relative."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name.split(".")[0] for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." if node.level else (node.module or "").split(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_it_imports_only_itself_the_standard_library_numpy_and_tokenizers(module: Path) -> None:
    allowed = {".", "numpy", "tokenizers", *sys.stdlib_module_names}
    if module.stem in INSIDE_TRITON:
        allowed.add("triton_python_backend_utils")
    assert set(imported(module)) <= allowed
