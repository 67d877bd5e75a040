"""What the corruption canary is tried on: the reference engine with or without a fault, under the
traffic of others, and a server without faults whose answers vary."""

import itertools
import random
from dataclasses import dataclass

from charter_engine.contracts.canary import CanaryAnswer
from charter_engine.embedded.engine.faults import CacheFault
from charter_engine.embedded.engine.requests import GenerationRequest, RequestProgress
from charter_engine.embedded.engine.scheduler import Scheduler
from charter_engine.servers.canary import CorruptionCanary
from charter_engine.traffic.canary import OUTPUT_TOKENS
from tests.unit.embedded.small import SHAPE, small_scheduler

TOKENS_PER_BLOCK = 16
BLOCKS, HOST_BLOCKS = 24, 48
OTHERS = 3
"""Requests of others behind each of the canary's."""


class SmallEngine:
    """An engine in this process, under the traffic of others. `salted` decides whether the canary
    may use salts."""

    vocabulary = range(2, SHAPE.vocab_size)
    tokens_per_block = TOKENS_PER_BLOCK

    def __init__(
        self, fault: CacheFault | None = None, *, salted: bool = False, seed: int = 1
    ) -> None:
        self.salted = salted
        self._scheduler: Scheduler = small_scheduler(
            BLOCKS, TOKENS_PER_BLOCK, HOST_BLOCKS, fault=fault
        )
        self._draw = random.Random(seed)
        self._numbers = itertools.count()

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        answer = self._run(prompt, OUTPUT_TOKENS, salt)
        for _ in range(self._draw.randrange(OTHERS + 1)):
            length = self._draw.randrange(1, 6 * TOKENS_PER_BLOCK)
            self._run(tuple(self._draw.choices(self.vocabulary, k=length)), 4, None)
        counters = answer.counters
        return CanaryAnswer(
            token_ids=answer.tokens,
            log_probs=answer.log_probs,
            prompt_tokens=len(prompt),
            reused_tokens=counters.reused_tokens,
            reused_blocks=counters.reused,
            missed_blocks=counters.missed,
        )

    def _run(self, prompt: tuple[int, ...], max_tokens: int, salt: int | None) -> RequestProgress:
        told: list[RequestProgress] = []
        request = GenerationRequest(
            request_id=str(next(self._numbers)),
            prompt=prompt,
            max_tokens=max_tokens,
            cache_salt_id=salt,
            return_log_probs=True,
        )
        self._scheduler.submit(request, told.append, 0)
        while not self._scheduler.idle:
            self._scheduler.step(0)
        return told[-1]


@dataclass
class NoisyServer:
    """A server without faults whose answers come out otherwise now and then, drawn at random: no
    engine computes, so that 10,000 requests take seconds."""

    share: float
    gaps: float
    seed: int
    salted: bool = False
    tokens_per_block: int = 64
    vocabulary: range = range(200, 1200)

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)
        self._seen: set[tuple[int, ...]] = set()

    async def ask(self, prompt: tuple[int, ...], salt: int | None) -> CanaryAnswer:
        base = random.Random(repr(prompt))
        token_ids = tuple(base.choices(self.vocabulary, k=OUTPUT_TOKENS))
        log_probs = tuple(-base.random() + self._draw.gauss(0, self.gaps) for _ in token_ids)
        if self._draw.random() < self.share:
            place = self._draw.randrange(OUTPUT_TOKENS)
            rest = self._draw.choices(self.vocabulary, k=OUTPUT_TOKENS - place)
            token_ids = (*token_ids[:place], *rest)
        known = prompt in self._seen and salt is None and len(prompt) > 1
        self._seen.add(prompt)
        return CanaryAnswer(
            token_ids=token_ids,
            log_probs=log_probs if self.gaps else (),
            prompt_tokens=len(prompt),
            reused_tokens=len(prompt) - 1 if known else 0,
            reused_blocks=len(prompt) // self.tokens_per_block if known else 0,
        )


async def requests_to_alarm(canary: CorruptionCanary, most: int) -> int | None:
    """Requests until the canary's alarm; None where there was none in `most`."""
    while canary.report.requests < most:
        if (await canary.round()).alarm is not None:
            return canary.report.requests
    return None
