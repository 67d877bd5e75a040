"""Proofs that a lever acts, by what the server itself tells of a few requests.

Accepting an input proves nothing: only what survives does.
"""

import asyncio
import math
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from charter_engine.contracts.server import Proof, ProofOutcome, ProofResult, ServerProfile
from charter_engine.errors import CharterError
from charter_engine.servers.canary import ASSUMED_BLOCK, VOCABULARY
from charter_engine.servers.protocol import InferenceServer, TokenAnswer, TokenRequest

KEPT, LET_GO = 100, 0
PROBE_BLOCKS: Final = 4
"""Assumed: so many that the last, which is computed again, is no large share."""
FILLER_TOKENS: Final = 1024
"""Of one request that fills: short enough for any model's context."""
FORGETTING_SECONDS = 1.0
"""A server forgets when it comes to it, behind what it has to do."""
Steps = Callable[[str], None]


class FillingCost(Struct, frozen=True, kw_only=True):
    """What filling a pool takes."""

    requests: int
    prompt_tokens: int

    def __str__(self) -> str:
        return (
            f"{self.requests:,} requests, {self.prompt_tokens:,} prompt tokens computed, "
            "and what is cached now is evicted"
        )


class _Shape(Struct, frozen=True, kw_only=True):
    """The prompts of a proof of retention, in blocks: the two probes, and what fills the rest."""

    tokens_per_block: int
    pool_blocks: int
    filler_blocks: int

    @property
    def fillers(self) -> int:
        """As many as fill the pool. Of each the last block, which is not full, may be taken first
        for the next one."""
        return math.ceil(self.pool_blocks / (self.filler_blocks - 1))

    def tokens_in(self, blocks: int) -> int:
        """A prompt one token short fills the last block with the answer's first token."""
        return blocks * self.tokens_per_block - 1


async def prove_reuse(
    server: InferenceServer, profile: ServerProfile, on_step: Steps
) -> ProofOutcome:
    """Send one prompt twice. Raises `CharterError`."""
    size = profile.tokens_per_block or ASSUMED_BLOCK
    prompt = _tokens(random.Random(), PROBE_BLOCKS * size + 1)
    on_step(f"one prompt of {len(prompt)} tokens, twice")
    first = await server.complete(TokenRequest(token_ids=prompt))
    second = await server.complete(TokenRequest(token_ids=prompt))
    if second.reused_tokens is None:
        return _outcome(
            "reuse", "cannot tell", "the server tells no reused tokens", (first, second)
        )
    evidence = (
        f"of {len(prompt)} tokens {first.reused_tokens or 0} were reused at first, "
        f"{second.reused_tokens} then"
    )
    acts = second.reused_tokens >= (PROBE_BLOCKS - 1) * size
    return _outcome("reuse", "acts" if acts else "does not act", evidence, (first, second))


async def prove_release(
    server: InferenceServer, profile: ServerProfile, on_step: Steps
) -> ProofOutcome:
    """Send one prompt twice, have it forgotten, and send it again. Raises `CharterError`."""
    lever = profile.lever("release")
    if not lever.acts:
        raise CharterError(
            f"{profile.address}: there is no release to prove: {lever.reason}",
            remedy=lever.remedy,
            kind="refused",
        )
    size = profile.tokens_per_block or ASSUMED_BLOCK
    prompt = _tokens(random.Random(), PROBE_BLOCKS * size + 1)
    on_step(f"one prompt of {len(prompt)} tokens, twice, and once more when it is forgotten")
    answers = [await server.complete(TokenRequest(token_ids=prompt)) for _ in range(2)]
    # With its answer: what continues a prompt keeps it.
    await server.release((*prompt, *answers[-1].output_ids), 0)
    await asyncio.sleep(FORGETTING_SECONDS)
    answers.append(await server.complete(TokenRequest(token_ids=prompt)))
    _, before, after = (answer.reused_tokens for answer in answers)
    if before is None or after is None:
        return _outcome("release", "cannot tell", "the server tells no reused tokens", answers)
    evidence = f"of {len(prompt)} tokens {before} were reused before the release, {after} after it"
    return _outcome("release", _forgotten(before, after, size), evidence, answers)


def _forgotten(before: int, after: int, size: int) -> ProofResult:
    if before < size:
        return "cannot tell"  # without reuse nothing is there to be forgotten
    return "acts" if after < size else "does not act"


def filling_cost(profile: ServerProfile) -> FillingCost:
    """What a proof of retention would take. Raises `CharterError` where retention does not act by
    the profile already, or the pool's size is not known."""
    shape = _shape(profile)
    filler = shape.tokens_in(shape.filler_blocks)
    return FillingCost(
        requests=shape.fillers + 4,
        prompt_tokens=shape.fillers * filler + 4 * shape.tokens_in(PROBE_BLOCKS),
    )


async def prove_retention(
    server: InferenceServer, profile: ServerProfile, on_step: Steps
) -> ProofOutcome:
    """One prompt at the highest priority, then one at the lowest; then fill the pool, and ask which
    survived. By age alone neither would. Raises `CharterError`."""
    shape = _shape(profile)
    draw = random.Random()
    kept = _tokens(draw, shape.tokens_in(PROBE_BLOCKS))
    let_go = _tokens(draw, shape.tokens_in(PROBE_BLOCKS), kept[:1])
    answers = [
        await server.complete(TokenRequest(token_ids=kept, priority=KEPT)),
        await server.complete(TokenRequest(token_ids=let_go, priority=LET_GO)),
    ]
    for number in range(shape.fillers):
        filler = _tokens(draw, shape.tokens_in(shape.filler_blocks), (kept[0], let_go[0]))
        answers.append(await server.complete(TokenRequest(token_ids=filler)))
        if number % 64 == 63:
            on_step(f"{number + 1:,} of {shape.fillers:,} requests fill the pool")
    answers += [await server.complete(TokenRequest(token_ids=ids)) for ids in (kept, let_go)]
    survived, gone = answers[-2].reused_tokens, answers[-1].reused_tokens
    if survived is None or gone is None:
        return _outcome("retention", "cannot tell", "the server tells no reused tokens", answers)
    evidence = (
        f"once the pool was full, {survived} of {len(kept)} tokens at priority {KEPT} and {gone} "
        f"of {len(let_go)} at {LET_GO} were left"
    )
    return _outcome("retention", _judged(survived, gone, shape), evidence, answers)


def _judged(survived: int, gone: int, shape: _Shape) -> ProofResult:
    whole = (PROBE_BLOCKS - 1) * shape.tokens_per_block
    if survived >= whole and gone >= whole:
        return "cannot tell"  # the pool is larger than it says, or others make it smaller
    return "acts" if survived >= whole else "does not act"


def _shape(profile: ServerProfile) -> _Shape:
    lever = profile.lever("retention")
    if not lever.acts:
        raise CharterError(
            f"{profile.address}: there is no retention to prove: {lever.reason}",
            remedy=lever.remedy,
            kind="refused",
        )
    pool = profile.counters.pool
    if pool is None:
        hidden = next((item.option for item in profile.hidden if "counters" in item.figures), "")
        raise CharterError(
            f"{profile.address}: the size of its pool is not known, so it can't be filled",
            remedy=f"start it with {hidden}" if hidden else "name its metrics page",
            kind="refused",
        )
    size = pool.tokens_per_block
    filler = max(2, min(FILLER_TOKENS // size, pool.max_blocks // 4))
    return _Shape(tokens_per_block=size, pool_blocks=pool.max_blocks, filler_blocks=filler)


def _tokens(draw: random.Random, count: int, taken: Sequence[int] = ()) -> tuple[int, ...]:
    """Random tokens. None of `taken` is the first: what begins alike is reused as far as that."""
    first = draw.choice(VOCABULARY)
    while first in taken:
        first = draw.choice(VOCABULARY)
    return (first, *draw.choices(VOCABULARY, k=count - 1))


def _outcome(
    proof: Proof, result: ProofResult, evidence: str, answers: Sequence[TokenAnswer]
) -> ProofOutcome:
    return ProofOutcome(
        proof=proof,
        result=result,
        evidence=evidence,
        at=time.time(),
        requests=len(answers),
        prompt_tokens=sum(answer.prompt_tokens or 0 for answer in answers),
    )
