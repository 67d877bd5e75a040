"""A research desk: an agent of as many calls as are asked for, in waves, fan-outs and loops."""

import json
from pathlib import Path
from typing import Final

HEAD: Final = '''"""Waves of analysts, a digest of each, and drafts revised by every source."""

import asyncio

SYSTEM = """You are a member of a research desk. You write short and exact notes.
You never invent a figure. You quote sources by their number. {care}"""


class Desk:
    def __init__(self, client):
        self.client = client

    async def run(self, brief: str, sources: list[str]) -> str:
        plan = await self.client.generate(
            f"{{SYSTEM}}\\n\\nTask: plan the work.\\n\\nBrief:\\n{{brief}}\\n\\nPlan:",
            max_tokens=120,
        )
'''
NOTE: Final = (
    '            self.client.generate(f"{{SYSTEM}}\\n\\nWave {wave}: as analyst {number}, comment.'
    '\\n\\nBrief:\\n{{brief}}\\n\\nSo far:\\n{{{before}}}\\n\\nNote:", max_tokens=48),\n'
)
DIGEST: Final = (
    '        digest_{wave} = await self.client.generate(f"{{SYSTEM}}\\n\\nTask: merge the notes.'
    '\\n\\n{notes}\\n\\nDigest {wave}:", max_tokens=96)\n'
)
REVISION: Final = """        draft_{wave} = digest_{wave}
        for source in sources:
            draft_{wave} = await self.client.generate(
                f"{{SYSTEM}}\\n\\nTask: revise the draft with the source.\\n\\nDraft:\\n"
                f"{{draft_{wave}}}\\n\\nSource:\\n{{source}}\\n\\nRevised {wave}:",
                max_tokens=96,
            )
        facts_{wave} = await asyncio.gather(*[
            self.client.generate(
                f"{{SYSTEM}}\\n\\nTask: list facts {wave}.\\n\\nSource:\\n{{s}}\\n\\nFacts:",
                max_tokens=32,
            )
            for s in sources
        ])
        draft_{wave} = await self.client.generate(
            f"{{SYSTEM}}\\n\\nTask: redo the draft.\\n\\nDraft:\\n{{draft_{wave}}}\\n\\nFacts:\\n"
            f"{{facts_{wave}}}\\n\\nAgain {wave}:",
            max_tokens=48,
        )
"""


def write_desk(folder: Path, waves: int, analysts: int, revised: int) -> Path:
    """Write the agent with two sets of inputs beside it: so many waves of so many analysts, of
    which the first ones' digests are revised."""
    source = [HEAD.format(care="You work with care and check twice. " * 12)]
    before = "plan"
    for wave in range(waves):
        notes = [f"note_{wave}_{number}" for number in range(analysts)]
        source.append(f"        {', '.join(notes)} = await asyncio.gather(\n")
        source += [
            NOTE.format(wave=wave, number=number, before=before) for number in range(analysts)
        ]
        source.append("        )\n")
        merged = "\\n".join(f"{{{name}}}" for name in notes)
        source.append(DIGEST.format(wave=wave, notes=merged))
        if wave < revised:
            source.append(REVISION.format(wave=wave))
        before = f"draft_{wave}" if wave < revised else f"digest_{wave}"
    source.append(f"        return {before}\n")
    path = folder / "desk.py"
    path.write_text("".join(source))
    inputs = [
        {
            "brief": f"Company {number} makes pumps and wants to enter the market for heat. " * 3,
            "sources": [
                f"Source {number}-{one}: the market grew by {one + 3} percent. " * 4
                for one in range(3)
            ],
        }
        for number in range(2)
    ]
    path.with_name("desk.inputs.jsonl").write_text(
        "".join(json.dumps(one) + "\n" for one in inputs)
    )
    return path
