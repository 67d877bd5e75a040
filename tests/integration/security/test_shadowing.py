"""Modules that lie beside an agent, under the names of Charter's own imports: none is executed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[3] / "examples" / "agents" / "delta_processor.py"
SHADOWED = (
    "msgspec numpy json socket pickle selectors random struct multiprocessing concurrent asyncio "
    "argparse yaml ruamel tokenizers grpc google tritonclient numba textual rich aiohttp sqlite3 "
    "charter_engine charter_tui triton_python_backend_utils sitecustomize usercustomize"
).split()
PROGRAMS = Path(sys.executable).parent
SECONDS = 120
ENGINE, CONSOLE = "charter-engine", "charter-tui"
SETTINGS = "gpu_blocks=100,200"
COMMANDS = {
    "compile": (ENGINE, "compile", "agent.py", "--json"),
    "compile many": (ENGINE, "compile", "."),
    "lint": (ENGINE, "lint", "agent.py"),
    "plan": (ENGINE, "plan", "agent.py"),
    "predict": (ENGINE, "predict", "workload.jsonl", "--set", SETTINGS),
    "run": (ENGINE, "run", "agent.py", "--inputs", "inputs.jsonl", "--limit", "1"),
    "serve": ("timeout", "4", str(PROGRAMS / ENGINE), "serve", "--agent", "agent.py"),
    "console": (CONSOLE, "--record", "r.charter", "--headless", "--duration", "4s", "agent.py"),
}


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A directory with an agent and hostile modules, each of which would leave `EXECUTED`."""
    for name in SHADOWED:
        (tmp_path / f"{name}.py").write_text(
            f"import pathlib\npathlib.Path({str(tmp_path / 'EXECUTED')!r}).write_text({name!r})\n"
        )
    shutil.copy(AGENT, tmp_path / "agent.py")
    shutil.copy(AGENT.with_name("delta_processor.inputs.jsonl"), tmp_path / "inputs.jsonl")
    line = '{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]}\n'
    (tmp_path / "workload.jsonl").write_text(20 * line)
    return tmp_path


def run(command: Sequence[str], where: Path, **variables: str) -> None:
    program = shutil.which(command[0], path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    assert program is not None
    private = {name: str(where / "private") for name in ("CHARTER_STATE", "XDG_RUNTIME_DIR")}
    (where / "private").mkdir(mode=0o700)
    done = subprocess.run(
        [program, *command[1:]],
        cwd=where, env={**os.environ, **private, "NO_COLOR": "1", **variables},
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert done.returncode in (0, 1, 124), said


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_beside_an_agent_is_executed(name: str, beside: Path) -> None:
    run(COMMANDS[name], beside)
    assert not (beside / "EXECUTED").exists(), (beside / "EXECUTED").read_text()
