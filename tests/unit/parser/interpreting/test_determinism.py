"""The same sources give the same result in every process, whatever order Python's sets have
there."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = """
from openai import OpenAI

client = OpenAI()
{classes}

AGENTS = [{names}]


def main(question):
    for agent in AGENTS:
        answer = agent.ask(question)
        question = answer
    return answer
"""
AGENT = """
class Agent{number}:
    def ask(self, text):
        return client.responses.create(model="m", input=f"You are {number}. {{text}}").output_text
"""
PROGRAM = """
import sys
import msgspec
from pathlib import Path
from charter_engine.analysis.compile import compile_source

compiled = compile_source("agents.py", Path("agents.py").read_bytes())
sys.stdout.buffer.write(msgspec.json.encode(compiled))
"""


def test_the_result_does_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    numbers = range(7)
    text = SOURCE.format(
        classes="".join(AGENT.format(number=number) for number in numbers),
        names=", ".join(f"Agent{number}()" for number in numbers),
    )
    (tmp_path / "agents.py").write_text(text, encoding="utf-8")
    results = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(1, 5)
    }
    assert len(results) == 1
    assert b"depends_on" in results.pop()
