"""What the documentation shows is executed as it stands, on agents whose answers are shorter."""

import ast
import asyncio
import json
import re
import shlex
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from charter_engine.cli import main
from charter_engine.embedded.ports import free_ports

ROOT = Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TYPED = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMPUTED = re.compile(r"^computed tokens +([\d,]+) +([\d,]+)", re.MULTILINE)
ANSWER = re.compile(r"max_tokens=\d+")
SHORTER = "max_tokens=40"


@pytest.fixture(autouse=True)
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the examples whose agents ask for shorter answers, as the working directory."""
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    copy = shutil.copytree(ROOT / "examples", tmp_path / "examples")
    for source in (copy / "agents").glob("*.py"):
        source.write_text(ANSWER.sub(SHORTER, source.read_text("utf-8")), "utf-8")
    monkeypatch.chdir(copy)
    return copy


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


def test_the_commands_of_the_tutorial_run_in_order(
    examples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(examples.parent)
    blocks = TYPED.findall((ROOT / "docs" / "tutorial.md").read_text("utf-8"))
    ports = dict(zip(("8000", "8001", "8002"), map(str, free_ports(3)), strict=True))
    typed = re.sub(r"\b800[012]\b", lambda port: ports[port[0]], "".join(blocks))
    printed = {}
    with ExitStack() as stack:
        stack.callback(main, ["triton", "down"])
        for line in typed.splitlines():
            program, *words = shlex.split(line)
            assert (program, main(words)) == ("charter-engine", 0), line
            printed[" ".join(words[:2])] = capsys.readouterr().out
    written, planned = COMPUTED.findall(printed["runs compare"])[0]
    assert int(planned.replace(",", "")) < int(written.replace(",", ""))
    assert "first plan" in printed["history"]
