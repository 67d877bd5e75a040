"""What the documentation shows is executed as it stands."""

import ast
import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def in_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(ROOT / "examples")


def code_cells() -> list[str]:
    cells = json.loads((ROOT / "examples" / "notebook.ipynb").read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def execute(blocks: list[str], place: str, namespace: dict[str, Any]) -> None:
    """Run blocks of code in order in one namespace; an error names its block."""
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"{place}, block {number}", "exec"), namespace)


async def execute_as_cells(blocks: list[str], place: str, namespace: dict[str, Any]) -> None:
    """As a notebook runs its cells: inside a running event loop, with `await` at their top."""
    for number, block in enumerate(blocks, start=1):
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(block, f"{place}, cell {number}", "exec", flags=flags)
        running = eval(code, namespace)
        if asyncio.iscoroutine(running):
            await running


def test_the_code_of_the_documentation_runs_in_order() -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "api.md").read_text("utf-8"))
    assert len(blocks) > 5
    namespace: dict[str, Any] = {"__name__": "docs"}
    execute(blocks, "docs/api.md", namespace)
    assert namespace["planned"].record.state == "done"


async def test_the_cells_of_the_notebook_run_in_order() -> None:
    cells = code_cells()
    assert len(cells) > 5
    namespace: dict[str, Any] = {"__name__": "notebook"}
    await execute_as_cells(cells, "examples/notebook.ipynb", namespace)
    assert namespace["planned"].record.state == "done"


def test_the_notebook_has_no_outputs_that_could_grow_stale() -> None:
    cells = json.loads((ROOT / "examples" / "notebook.ipynb").read_text("utf-8"))["cells"]
    assert [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")] == []
