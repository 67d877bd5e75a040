"""The example agents with shorter answers: what they cost to decode tells nothing here."""

import re
from pathlib import Path
from typing import Final

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
ANSWER_TOKENS: Final = 16


def shorter(name: str, directory: Path, items: int | None = None) -> Path:
    """A copy of an example agent that asks for short answers, over the first so many of its
    inputs."""
    source = EXAMPLES / "agents" / f"{name}.py"
    text = re.sub(r"max_tokens=\d+", f"max_tokens={ANSWER_TOKENS}", source.read_text())
    agent = directory / source.name
    agent.write_text(text)
    inputs = source.with_suffix(".inputs.jsonl").read_text().splitlines()[:items]
    told = "\n".join(inputs).replace("../documents", str(EXAMPLES / "documents"))
    agent.with_suffix(".inputs.jsonl").write_text(f"{told}\n")
    return agent
