"""Conversations sent to a server one request after another, and what the predictor says of them."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from charter_engine.contracts.server import ServerProfile
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import BlockManager, PoolSettings, Removed, Stored
from charter_engine.kvcache.predict.known_outputs import simulate_with_outputs
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.servers.protocol import InferenceServer, TokenRequest

TOKENS = range(200, 4000)


class Compared(Struct, frozen=True):
    """One request as it was sent, what the server counted, and what was predicted."""

    request: WorkloadRequest
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
        Compared(one, reused, told)
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
    outcome = simulate_with_outputs(as_workload(sent), pool_of(profile))
    return [int(one) for one in outcome.reused_tokens]


def pool_of(profile: ServerProfile) -> PoolSettings:
    """The server's own pool."""
    pool, rules = profile.counters.pool, profile.rules
    assert pool is not None and rules is not None
    return PoolSettings(pool.max_blocks, pool.tokens_per_block, eviction=rules)


def cached_blocks(sent: Sequence[WorkloadRequest], profile: ServerProfile) -> int:
    """How many blocks of them are predicted to be cached in the end."""
    manager = BlockManager(pool_of(profile), events=True, event_buffer=1_000_000)
    for number, request in enumerate(sent):
        manager.add(number, list(request.token_ids))
        manager.store_context(number)
        manager.append(number, list(request.output_ids))
        manager.finish(number)
    cached: set[int] = set()
    for event in manager.drain_events():
        if isinstance(event, Stored):
            cached |= {block.block_hash for block in event.blocks}
        elif isinstance(event, Removed):
            cached -= set(event.block_hashes)
    return len(cached)
