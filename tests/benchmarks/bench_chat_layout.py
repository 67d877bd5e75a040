"""What an unchanged program that sends chats gains where its plan's layouts apply to traffic.

Each row has an embedded Triton of its own; all figures are measured.
Bar: the token hit rate of Charter's own run under the same plan, within a few points, since the
model's chat template writes other markup than Charter's own.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api import planning
from charter_engine.api.program_runs import run_program
from charter_engine.api.running import run
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.running import ProgramRequest, RunRequest
from charter_engine.plan.replan import replan

CHATS = 24
RULES = " ".join(
    f"Rule {number}: name the berth, the vessel and the tide of manoeuvre {number}."
    for number in range(1, 13)
)
AGENT = f'''
import openai

client = openai.OpenAI()
RULES = """{RULES}"""


def answer(name: str, question: str) -> str:
    reply = client.chat.completions.create(
        model="any",
        max_tokens=8,
        messages=[
            {{"role": "system", "content": f"You speak with {{name}}.\\n" + RULES}},
            {{"role": "user", "content": question}},
        ],
    )
    return reply.choices[0].message.content
'''
PROGRAM = """
import json
import harbour

for line in open("inputs.jsonl"):
    harbour.answer(**json.loads(line))
"""


def written(directory: Path) -> tuple[str, str, str]:
    """The agent, its inputs, and its plan with layouts for traffic, as files."""
    agent, inputs, plan = (directory / name for name in ("harbour.py", "inputs.jsonl", "plan.yaml"))
    agent.write_text(AGENT)
    (directory / "program.py").write_text(PROGRAM)
    given = [
        {"name": f"guest {number}", "question": f"Which berth is free at {number} o'clock?"}
        for number in range(CHATS)
    ]
    inputs.write_text("".join(json.dumps(item) + "\n" for item in given))
    found = planning.plan(PlanRequest(agent=str(agent), inputs_file=str(inputs))).derivation.plan
    nodes = {name: replace(node, apply="traffic") for name, node in found.nodes.items()}
    plan.write_text(replan(replace(found, nodes=nodes)))
    return str(agent), str(inputs), str(plan)


def told(words: str, report: RunReport) -> str:
    assert report.cost is not None
    computed = sum(one.computed_tokens or 0 for one in report.requests)
    prompt = sum(one.prompt_tokens or 0 for one in report.requests)
    return (
        f"{words}: {len(report.requests)} chats, {computed:,} of {prompt:,} prompt tokens "
        f"computed, hit rate {1 - computed / prompt:.1%}, {report.elapsed_ms / 1000:.1f} s"
    )


async def bench(directory: Path) -> None:
    agent, inputs, plan = written(directory)
    command = (sys.executable, "-c", f"import os; os.chdir({str(directory)!r}); import program")
    program = ProgramRequest(agent=agent, command=command)
    embedded = TritonOptions()
    print(told("as written, program", await run_program(program, embedded)))
    print(told("as planned, program", await run_program(replace(program, plan=plan), embedded)))
    own = RunRequest(agent=agent, inputs=inputs, plan=plan, concurrency=1)
    print(told("as planned, own run", await run(own, embedded)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(bench(Path(directory)))
