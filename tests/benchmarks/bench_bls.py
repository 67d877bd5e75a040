"""What `charter_bls` adds to a request over calling `tensorrt_llm` directly.

Bar: overhead per request (median) below 3 ms, however many are in flight. With many in flight, a
stand-in waits in the engine's place: the reference engine would compete for the same processor, and
its queue would be measured instead.
"""

import asyncio
import statistics
import tempfile
from pathlib import Path

from charter_engine.bls.tokenizer import load_tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import ENGINE_MODEL, GenerateRequest

ROUNDS = 60
IN_FLIGHT = (1, 8, 32)
WAITING_ROUNDS = 8
WAITING_ENGINE = """
import threading
import numpy as np
import triton_python_backend_utils as pb_utils

class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            threading.Timer(0.25, self.answer, [request.get_response_sender()]).start()

    def answer(self, sender):
        outputs = {"output_ids": [[[7]]], "sequence_length": [[1]], "kv_cache_reused_blocks": [[3]]}
        response = pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, np.array(value, np.int32)) for name, value in outputs.items()]
        )
        sender.send(response, flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""
PROMPT = "The committee met on Tuesday and agreed to publish every figure it had been given. " * 20


async def overhead(client: TritonClient, in_flight: int, rounds: int) -> tuple[float, float]:
    """Median milliseconds of one-token requests, direct and through `charter_bls`.

    They are taken in turns.
    """
    token_ids = tuple(load_tokenizer(tokenizer_path()).encode(PROMPT).ids)
    direct: list[float] = []
    through: list[float] = []

    async def pairs(number: int) -> None:
        await asyncio.sleep(number / in_flight * 0.25)
        for _ in range(rounds):
            request = GenerateRequest(token_ids=token_ids, max_tokens=1)
            direct.append((await client.generate(request, model=ENGINE_MODEL)).latency_ms)
            through.append(
                (await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))).latency_ms
            )

    await pairs(0)
    direct.clear()
    through.clear()
    await asyncio.gather(*(pairs(number) for number in range(in_flight)))
    return statistics.median(direct), statistics.median(through)


async def run(directory: Path) -> None:
    engine = write_embedded_repository(directory / "engine" / "models")
    waiting = write_embedded_repository(directory / "waiting" / "models")
    (waiting / ENGINE_MODEL / "1" / "model.py").write_text(WAITING_ENGINE)
    async with EmbeddedTriton(engine) as server, TritonClient(server.state.connection) as client:
        show("reference engine", 1, await overhead(client, 1, ROUNDS))
    async with EmbeddedTriton(waiting) as server, TritonClient(server.state.connection) as client:
        for in_flight in IN_FLIGHT:
            show("waiting stand-in", in_flight, await overhead(client, in_flight, WAITING_ROUNDS))


def show(engine: str, in_flight: int, medians: tuple[float, float]) -> None:
    direct, through = medians
    print(
        f"{engine}, {in_flight:2d} in flight: direct {direct:7.2f} ms, "
        f"charter_bls {through:7.2f} ms, overhead {through - direct:5.2f} ms (bar: 3)"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


if __name__ == "__main__":
    main()
