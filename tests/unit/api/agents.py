"""A small agent on disk, for tests of what is done with one."""

import json
from pathlib import Path

SOURCE = """
def answer(client, document):
    facts = client.generate("List the facts of this document.\\n\\n" + document, max_tokens=9)
    reply = client.generate("Answer by these facts alone.\\n\\n" + facts, max_tokens=9)
    return reply
"""
FACTS, REPLY = "answer:facts", "answer:reply"


def write_agent(directory: Path, source: str = SOURCE, name: str = "desk") -> Path:
    """The agent and two sets of inputs beside it."""
    path = directory / f"{name}.py"
    path.write_text(source)
    lines = (json.dumps({"document": text}) for text in ("Rain until noon.", "Three boxes."))
    path.with_name(f"{name}.inputs.jsonl").write_text("\n".join(lines))
    return path


def write_plan(directory: Path, agent: str, nodes: str = "") -> Path:
    """A plan file as an operator may write it, without identity."""
    path = directory / "plan.yaml"
    path.write_text(f"version: 1\nagent: {agent}\nnodes:{nodes or ' {}'}\n")
    return path
