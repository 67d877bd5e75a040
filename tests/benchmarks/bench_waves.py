"""What waves are worth: questions on a few documents, which come in turn, on the embedded engine.

Prints, for an ample pool and for one that holds a document or two, and for 1, 4 and 16 items at
once, the tokens computed and the whole time as given and in waves, measured and predicted, and
whether waves are chosen there.
"""

import asyncio
import dataclasses
import tempfile
from pathlib import Path

from charter_engine.api.agent_runs import predict_run
from charter_engine.api.agents import open_agent
from charter_engine.api.live_runs import RunSettings, agent_run, new_run
from charter_engine.api.live_triton import LiveTriton
from charter_engine.api.pools import pool_as_told
from charter_engine.api.running import items_to_run
from charter_engine.api.waves import chosen_order
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.plan import Plan, ServerSettings
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.executor.bench.novel_inputs import unseen_inputs

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
COUNT, QUESTIONS = 4, 8
POOLS = {"ample": 60_000, "scarce": 6_000}
AT_ONCE = (1, 4, 16)
AGENT = """
def answer(client, document, question):
    prompt = f"You answer questions on a document.\\n\\n{document}\\n\\n{question}\\nAnswer:"
    reply = client.generate(prompt, max_tokens=8)
    return reply
"""


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "desk.py"
        path.write_text(AGENT)
        print(f"{COUNT} documents, {QUESTIONS} questions on each, which come in turn")
        for name, tokens in POOLS.items():
            await measure(path, name, tokens)


async def measure(path: Path, name: str, pool_tokens: int) -> None:
    server = ServerSettings(max_tokens_in_paged_kv_cache=pool_tokens)
    deployment = LiveTriton(TritonOptions(), server=server)
    await deployment.start()
    try:
        await deployment.probe()
        for at_once in AT_ONCE:
            await compare(path, deployment, name, at_once)
    finally:
        await deployment.close()


async def compare(path: Path, deployment: LiveTriton, name: str, at_once: int) -> None:
    agent = open_agent(path)
    pool = (await deployment.sample()).kv_pool
    assert pool is not None
    current = pool_as_told(pool, deployment.profile)
    for number, in_waves in enumerate((False, True)):
        texts = [
            unseen_inputs({"document": file.read_text()}, 100 * at_once + number)["document"]
            for file in sorted(DOCUMENTS.glob("*.txt"))[-COUNT:]
        ]
        inputs = tuple(
            {"document": text, "question": f"What does it say of part {question}?"}
            for question in range(QUESTIONS)
            for text in texts
        )
        agent = dataclasses.replace(agent, inputs=inputs)
        plan = Plan(agent=str(path))
        items = items_to_run(agent, inputs, plan)
        predicted = predict_run(
            agent, plan, current, at_once=at_once, tokenizer=tokenizer_path(), in_waves=in_waves
        )
        settings = RunSettings(run=new_run(), concurrency=at_once, in_waves=in_waves)
        measured = await agent_run(agent, plan, items, deployment, settings).execute()
        cost = measured.cost
        assert cost is not None and cost.computed_tokens is not None
        print(
            f"{name:6} {at_once:2} at once, {'in waves' if in_waves else 'as given'}: "
            f"{cost.computed_tokens:6,} of {cost.prompt_tokens:,} tokens computed "
            f"(predicted {predicted.computed_tokens:6,}), {measured.elapsed_ms / 1000:5.1f} s"
        )
    chosen = chosen_order("auto", agent, items, plan, current, at_once=at_once)
    print(f"       {chosen.words}")


if __name__ == "__main__":
    asyncio.run(main())
