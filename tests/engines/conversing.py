"""Conversations sent to a server one request after another, and what the predictor says of them."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from charter_engine.contracts.server import ServerProfile
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.known_outputs import simulate_with_outputs
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.servers.protocol import InferenceServer, TokenRequest

TOKENS = range(200, 4000)


class Compared(Struct, frozen=True):
    """One request: what the server counted, and what was predicted."""

    prompt_tokens: int
    reused: int
    predicted: int


async def converse(
    server: InferenceServer, profile: ServerProfile, requests: int, seed: int
) -> list[Compared]:
    """Send the turns of a few conversations in random order, each turn going on from the answer
    before, and compare every one with the prediction."""
    draw = Random(seed)
    systems = [draw.choices(TOKENS, k=draw.randrange(40, 200)) for _ in range(3)]
    open_ones: list[list[int]] = []
    sent: list[WorkloadRequest] = []
    counted: list[int] = []
    for number in range(requests):
        if len(open_ones) < 2 or draw.random() < 0.3:
            open_ones.append(list(draw.choice(systems)))
        talk = draw.choice(open_ones)
        talk += draw.choices(TOKENS, k=draw.randrange(5, 150))
        prompt, longest = tuple(talk), draw.randrange(1, 50)
        answer = await server.complete(TokenRequest(token_ids=prompt, max_tokens=longest))
        assert answer.reused_tokens is not None and answer.prompt_tokens == len(prompt)
        counted.append(answer.reused_tokens)
        sent.append(_sent(number, prompt, answer.output_ids))
        talk += answer.output_ids
        if len(talk) > 900:
            open_ones.remove(talk)
    predicted = _predicted(sent, profile)
    return [
        Compared(one.input_length, reused, told)
        for one, reused, told in zip(sent, counted, predicted, strict=True)
    ]


def _sent(number: int, prompt: tuple[int, ...], output: tuple[int, ...]) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=float(number),
        input_length=len(prompt),
        output_length=len(output),
        token_ids=prompt,
        output_ids=output,
    )


def _predicted(sent: Sequence[WorkloadRequest], profile: ServerProfile) -> list[int]:
    pool, rules = profile.counters.pool, profile.rules
    assert pool is not None and rules is not None
    settings = PoolSettings(pool.max_blocks, pool.tokens_per_block, eviction=rules)
    return [int(one) for one in simulate_with_outputs(as_workload(sent), settings).reused_tokens]
