"""Commands that ask a model."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

COMMANDS = """
import asyncio
import subprocess

def ask(prompt, model="llama3"):
    RUN
    return found.stdout.strip()

def main(topic):
    plan = ask(f"Plan {topic}.")
    return ask(f"Carry this out: {plan}")
"""


@pytest.mark.parametrize(
    "run",
    [
        'found = subprocess.run(["ollama", "run", model, prompt], capture_output=True, text=True)',
        'found = subprocess.run(["ollama", "run", model], input=prompt, capture_output=True)',
        'found = subprocess.run(["claude", "-p", prompt, "--output-format", "text"], text=True)',
        'command = ["codex", "exec", "--full-auto", prompt]; found = subprocess.run(command)',
        'found = asyncio.create_subprocess_exec("gemini", "--prompt", prompt)',
    ],
)
def test_a_command_that_asks_a_model_is_a_call(run: str) -> None:
    file = compiled(COMMANDS.replace("RUN", run))
    assert [(call.line, call.kind) for call in file.calls] == [
        (6, "sdk"),
        (10, "wrapper"),
        (11, "wrapper"),
    ]
    assert [segment.expression for segment in file.calls[0].segments] == ["prompt"]
    assert edges(file) == {(10, 11, "data")}


@pytest.mark.parametrize(
    "run",
    [
        'found = subprocess.run(["ollama", "pull", prompt], capture_output=True, text=True)',
        'found = subprocess.run(["claude", "--version"], capture_output=True, text=True)',
        'found = subprocess.run(["git", "commit", "-m", prompt], capture_output=True, text=True)',
    ],
)
def test_any_other_command_is_none(run: str) -> None:
    assert lines(compiled(COMMANDS.replace("RUN", run))) == []
